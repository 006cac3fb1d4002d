package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/config"
)

func newInit(a *app) *cobra.Command {
	var force, use bool
	var probe []string
	c := &cobra.Command{
		Use:   "init [file]",
		Short: "Write a configuration file to begin with",
		Long: `init writes outcrop.yaml with comments. It looks for Ollama and llama-server on
this machine and writes what it finds into the file; the simulator goes on to
answer unless you say yes to the question, or --use. A file that is there
already is kept, unless --force.`,
		Example: `  outcrop init
  outcrop init --use`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes one file at most, and there are %d", c.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			path := config.FileName
			if len(args) == 1 {
				path = args[0]
			}
			if _, err := os.Lstat(path); !force && !errors.Is(err, fs.ErrNotExist) {
				return usageError{fmt.Errorf("%s is there already; --force writes over it", path)}
			}
			engines := findEngines(c.Context(), probe)
			if len(engines) > 0 && !use {
				use = a.confirm("Found %s. Let it answer instead of the simulator?", engines[0])
			}
			return a.writeConfig(path, initialConfig(engines, use), force)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	c.Flags().BoolVar(&use, "use", false, "let the first engine found answer, without asking")
	c.Flags().StringSliceVar(&probe, "probe", []string{"127.0.0.1:11434", "127.0.0.1:8080"}, "loopback addresses on which to look for engines; none with \"\"")
	return c
}

func (a *app) writeConfig(path, text string, force bool) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if path == config.FileName {
		a.say("wrote %s; `outcrop profile` shows what is in force", path)
	} else {
		a.say("wrote %s; it counts with --config %s, or $OUTCROP_CONFIG", path, quoted(path))
	}
	fmt.Fprintln(a.stdout, path)
	return nil
}

// initialConfig is the file that init writes.
func initialConfig(engines []engine, use bool) string {
	var b strings.Builder
	b.WriteString(`# yaml-language-server: $schema=./outcrop.schema.json
# (outcrop config schema > outcrop.schema.json)
# Outcrop's settings. All may be left out. A flag comes before an environment
# variable, that before this file, this before the default.

# The model of requests that name none.
# model: anthropic.claude-sonnet-4-5-20250929-v1:0

# The AWS Region that Amazon Bedrock is called in.
# region: us-west-2

# Who answers for models that nothing below names.
`)
	if use && len(engines) > 0 {
		fmt.Fprintf(&b, "backend: %s\n", engines[0].name)
	} else {
		b.WriteString("backend: simulator\n")
	}
	b.WriteString("\nbackends:\n  simulator:\n    kind: simulator\n")
	for _, e := range engines {
		fmt.Fprintf(&b, "  %s:\n    kind: openai\n    baseUrl: %s\n    engine: %s\n", e.name, e.baseURL, e.kind)
		if e.model != "" {
			fmt.Fprintf(&b, "    model: %q # for every id that models does not rename\n", e.model)
		}
	}
	b.WriteString(`  # bedrock:
  #   kind: amazon
  #   region: us-west-2
  # hosted:
  #   kind: openai
  #   baseUrl: https://llm.example/v1
  #   apiKeyEnv: HOSTED_API_KEY # the variable that holds the key

# Who answers for which model ids; the first that matches counts.
# models:
#   - match: anthropic.*
#     backend: bedrock
#     name: us.anthropic.*
#     failover:
#       - {backend: hosted, name: some-model}

# Other names for model ids.
# aliases:
#   fast: anthropic.claude-haiku-4-5-20251001-v1:0

# server:
#   listen: 127.0.0.1:8777
#   keys: keys.yaml # tenants; needed on any address but loopback

# simulator:
#   rules: rules.yaml # scripted replies
#   pace: true        # take the time that a model takes
`)
	return b.String()
}
