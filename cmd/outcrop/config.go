package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/config"
)

func newConfig(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, or print its schema",
		Long:  "config is about the configuration file; docs/configuration.md lists its keys.",
	}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Say what is wrong with the configuration", Args: cobra.NoArgs,
			Long: "check reads flags, environment and file, and tells every mistake with its file\nand line. It calls no back-end.",
			RunE: func(c *cobra.Command, _ []string) error {
				s, err := a.load(c)
				if err != nil {
					return err
				}
				if s.Path == "" {
					a.say("there is no configuration file; looked for %s", strings.Join(config.Places(), ", "))
					fmt.Fprintln(a.stdout, "ok: the defaults are in force")
					return nil
				}
				fmt.Fprintf(a.stdout, "ok: %s\n", s.Path)
				return nil
			},
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of the file, for editors", Args: cobra.NoArgs,
			Example: "  outcrop config schema > outcrop.schema.json",
			RunE: func(*cobra.Command, []string) error {
				_, err := a.stdout.Write(config.Schema)
				return err
			},
		},
		&cobra.Command{
			Use: "path", Short: "Print which file is read", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				s, err := a.load(c)
				if err != nil {
					return err
				}
				if s.Path == "" {
					return fmt.Errorf("there is no configuration file; looked for %s", strings.Join(config.Places(), ", "))
				}
				fmt.Fprintln(a.stdout, s.Path)
				return nil
			},
		},
	)
	return c
}
