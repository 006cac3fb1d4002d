package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/internal/near"
	"github.com/outcrop-ai/outcrop/metrics"
)

// app is what all commands share: the streams, the global flags, and how a
// manager is opened.
type app struct {
	stdin  io.Reader
	stdout io.Writer // data
	stderr io.Writer // words

	file     string   // --config
	sets     []string // --set
	endpoint string
	json     bool
	pace     bool

	assigned []config.Assignment // settings that the command line makes
	given    string              // its global flags, to be typed again
	asked    askedServer         // who answers, where it is a server
	model    string              // the model that was asked, where it is not the settings'
	noModel  bool                // the command needs no model: nobody is asked for a default
	implied  []config.Assignment // settings that a command makes by itself

	settings  *config.Config                 // once a manager is open
	reload    func() (*config.Config, error) // reads the settings again
	counters  *metrics.Metrics               // of a command that serves
	simulator simulator.Config
	grants    strict.Grants // of the simulator
}

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
		Version:       versionLine(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("{{.Version}}\n")
	flags := root.PersistentFlags()
	a.addSettingFlags(flags)
	flags.StringVar(&a.endpoint, "endpoint", "", "URL of an Outcrop server to ask (default $OUTCROP_ENDPOINT, else the server that owns the data directory, else this process); $OUTCROP_TOKEN is its bearer token, by which a command is a tenant and not the owner of this machine's server")
	flags.BoolVar(&a.json, "json", false, "print JSON on standard output, and an error as a line of JSON on standard error")

	addGroup(root, "ask", "Ask models:",
		newInvoke(a), newStream(a), newConverse(a), newChat(a), newConstruct(a), newInfer(a), newCompare(a), newTokens(a),
	)
	addGroup(root, "batch", "Jobs and conversations:",
		newBatch(a), newConversations(a),
	)
	addGroup(root, "serve", "Serve:",
		newServe(a), newRecord(a), newReplay(a), newTenants(a), newKeys(a), newUsage(a), newQuota(a),
	)
	addGroup(root, "aws", "For AWS's own tools:",
		newRuntimeService(a), newControlService(a), newPythonOverlay(a),
	)
	addGroup(root, "setup", "Set up:",
		newInit(a), newModels(a), newDoctor(a), newProfile(a), newConfig(a), newCompletion(a), newVersion(a),
	)
	root.AddCommand(newExitCodes())
	complete(root, "model-id", a.completeModels)
	complete(root, "backend", a.configured(func(s *config.Config) iter.Seq[string] { return maps.Keys(s.Backends) }, config.KindSimulator, config.KindAmazon, config.KindOpenAI+"="))
	complete(root, "objects", oneOf(config.StoreDirectory, config.StoreS3))
	finish(root)
	return root
}

// flagError is an error of a flag, with those that are near one that is not known.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if words := near.Words(unknown.GetSpecifiedName(), known, 2); len(words) > 0 {
			text += "; did you mean --" + strings.Join(words, " or --") + "?"
		}
	}
	return usageError{fmt.Errorf("%s (see: %s --help)", text, c.CommandPath())}
}

// addGroup adds commands under a title of the help.
func addGroup(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
	}
	root.AddCommand(commands...)
}

// unknownCommand is what a word does that is no command; without a word, it is
// the help.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	var known []string
	for _, sub := range c.Commands() { // help topics too, which cobra leaves out
		if !sub.Hidden {
			known = append(known, sub.Name())
		}
	}
	if words := near.Words(args[0], known, 2); len(words) > 0 {
		text += "; did you mean " + strings.Join(words, " or ") + "?"
	}
	return usageError{fmt.Errorf("%s (see: %s --help)", text, c.CommandPath())}
}

func newExitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp}
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
