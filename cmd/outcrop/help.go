package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// finish gives all commands what they have in common: help that explains their
// own flags, arguments that are a mistake of the command line, and, where they are
// no more than a place for others, an error for a word that is none of them.
func finish(root *cobra.Command) {
	root.SetUsageTemplate(usageTemplate(root))
	root.InitDefaultHelpCmd()
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if c.Name() == "help" && c.Parent() == root {
			c.RunE = helpOn(root)
		}
		if c.HasSubCommands() && c.RunE == nil {
			c.Args, c.RunE = cobra.ArbitraryArgs, unknownCommand
		}
		if check := c.Args; check != nil {
			c.Args = checked(check)
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}

// usageTemplate is cobra's, but for the flags that all commands have: they are
// named, and the program's own help explains them.
func usageTemplate(root *cobra.Command) string {
	const all, begin = "{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}", "Global Flags:\n"
	var b strings.Builder
	column := 0
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if column += len(f.Name) + 3; column > 76 {
			b.WriteString("\n")
			column = len(f.Name) + 3
		}
		b.WriteString(" --" + f.Name)
	})
	names := strings.ReplaceAll(" "+b.String(), "\n", "\n ")
	return strings.Replace(root.UsageTemplate(), begin+all, "Flags of all commands, which outcrop --help explains:\n"+names, 1)
}

// helpOn is `outcrop help WORD...`, for words that are there.
func helpOn(root *cobra.Command) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, words []string) error {
		c, rest, err := root.Find(words)
		if err == nil && len(rest) > 0 {
			err = unknownCommand(c, rest)
		}
		if err != nil {
			return err
		}
		c.InitDefaultHelpFlag()
		return c.Help()
	}
}

// checked has the arguments of a command be a mistake of the command line, in
// words that name the command.
func checked(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if _, ok := errors.AsType[usageError](err); ok || err == nil {
			return err
		}
		if !c.HasSubCommands() && strings.HasPrefix(err.Error(), "unknown command") {
			err = fmt.Errorf("%s takes no arguments, and %q is one", c.CommandPath(), args[0])
		}
		return usageError{fmt.Errorf("%w (see: %s --help)", err, c.CommandPath())}
	}
}
