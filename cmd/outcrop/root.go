package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/backend/simulator"
)

// app is what all commands share: the streams, the global flags, and how a
// manager is opened.
type app struct {
	stdin  io.Reader
	stdout io.Writer // data
	stderr io.Writer // words

	dataDir  string
	endpoint string
	model    string
	profile  string
	json     bool
	pace     bool

	simulator simulator.Config
}

// defaultModel is the model of commands that name none; the simulator and
// Amazon Bedrock both know it.
const defaultModel = "anthropic.claude-sonnet-4-5-20250929-v1:0"

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "outcrop",
		Short: "The five Amazon Bedrock inference methods, on any model",
		Long: `Outcrop runs the five inference methods of Amazon Bedrock - InvokeModel, its
stream, batch jobs, Converse and Construct - behind one manager, on any model.
Without configuration, an embedded simulator answers: no account, no network.`,
		Example: `  outcrop compare                              the five methods side by side
  outcrop converse "What is quantum computing?"
  outcrop construct --schema person.json "Extract: John Doe is 42"
  outcrop serve                                unmodified AWS SDKs as clients`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownCommand,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see: %s --help)", err, c.CommandPath())}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.dataDir, "data", "", "directory of jobs and objects (default $OUTCROP_DATA, else "+defaultDataDir()+")")
	flags.StringVar(&a.endpoint, "endpoint", "", "URL of an Outcrop server to ask (default $OUTCROP_ENDPOINT, else the server that owns the data directory, else this process); $OUTCROP_TOKEN is its bearer token")
	flags.StringVarP(&a.model, "model-id", "m", "", "model to ask (default $OUTCROP_MODEL_ID, else "+defaultModel+")")
	flags.StringVar(&a.profile, "profile", "", "configuration profile (default $AWS_PROFILE, else aws)")
	flags.BoolVar(&a.json, "json", false, "print JSON on standard output")
	flags.StringVar(&a.simulator.RulesFile, "rules", "", "file of rules for the simulator's replies (default $OUTCROP_RULES)")
	flags.BoolVar(&a.pace, "pace", false, "let the simulator answer at the pace of a real model")

	root.AddCommand(
		newCompare(a), newInfer(a), newInvoke(a), newStream(a), newBatch(a), newConverse(a), newChat(a), newConstruct(a),
		newServe(a), newModels(a), newVersion(a), newCompletion(a), newExitCodes(),
	)
	complete(root, "model-id", a.completeModels)
	return root
}

// unknownCommand is what a word does that is no command; without a word, it is
// the help.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{fmt.Errorf("%s (see: %s --help)", text, c.CommandPath())}
}

func newExitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp}
}

// setting is a flag, else an environment variable, else a default.
func setting(flag, variable, otherwise string) string {
	if flag != "" {
		return flag
	}
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}

// defaultDataDir is where state lies when nobody says: the user's own data
// directory, as the XDG specification places it.
func defaultDataDir() string {
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "outcrop")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "outcrop-data"
	}
	return filepath.Join(home, ".local", "share", "outcrop")
}

// exactly is cobra's argument count with a message that names the command.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s takes %s, not %d arguments (see: %s --help)", c.CommandPath(), what, len(args), c.CommandPath())}
		}
		return nil
	}
}
