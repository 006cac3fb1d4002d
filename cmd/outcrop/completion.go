package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
)

func newCompletion(*app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes commands in a shell",
		Long: `completion prints a script that completes commands, flags, model ids and other
values when Tab is pressed. Load it in the file that your shell reads when it
starts:

  bash         source <(outcrop completion bash)           in ~/.bashrc; needs bash-completion
  zsh          source <(outcrop completion zsh)            in ~/.zshrc, after compinit
  fish         outcrop completion fish | source            in ~/.config/fish/config.fish
  powershell   outcrop completion powershell | Out-String | Invoke-Expression   in $PROFILE`,
		Example: `  source <(outcrop completion bash)
  outcrop completion zsh > "${fpath[1]}/_outcrop"
  outcrop completion fish > ~/.config/fish/completions/outcrop.fish`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      exactly(1, "the name of a shell: bash, zsh, fish or powershell"),
		RunE: func(c *cobra.Command, args []string) error {
			root, out := c.Root(), c.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usageError{fmt.Errorf("unknown shell %q: use bash, zsh, fish or powershell", args[0])}
		},
	}
}

// completionTime is how long Tab waits for the list of models.
const completionTime = 2 * time.Second

// completeModels lists the model ids, and the profiles' once something has been
// typed: nobody wants to see all of them.
func (a *app) completeModels(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if c.Context() == nil {
		c.SetContext(context.Background())
	}
	var found []cobra.Completion
	a.noModel = true
	err := a.with(c, func(ctx context.Context, m *local.Local) error {
		ctx, cancel := context.WithTimeout(ctx, completionTime)
		defer cancel()
		models, err := m.Models(ctx)
		for _, model := range models {
			if strings.HasPrefix(model.ID, typed) {
				found = append(found, cobra.CompletionWithDesc(model.ID, model.Name))
			}
			for _, p := range model.Profiles {
				if typed != "" && strings.HasPrefix(p.ID, typed) {
					found = append(found, cobra.CompletionWithDesc(p.ID, p.Name))
				}
			}
		}
		return err
	})
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil, cobra.ShellCompDirectiveError
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// oneOf completes a flag that takes one of a few words.
func oneOf[S ~string](words ...S) cobra.CompletionFunc {
	var found []cobra.Completion
	for _, word := range words {
		found = append(found, string(word))
	}
	return cobra.FixedCompletions(found, cobra.ShellCompDirectiveNoFileComp)
}

// configured completes with names that the configuration has, and others.
func (a *app) configured(names func(s *config.Config) iter.Seq[string], others ...string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s, err := a.load(c)
		if err != nil {
			cobra.CompErrorln(err.Error())
			return nil, cobra.ShellCompDirectiveError
		}
		return slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(slices.Clone(others), names(s))))), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeTenant completes with the tenants of the configuration.
func (a *app) completeTenant(c *cobra.Command) {
	complete(c, "tenant", a.configured(func(s *config.Config) iter.Seq[string] { return maps.Keys(s.Tenants) }))
}

// completeProviders lists the catalogue's providers, by the first word of their
// names: shells do not agree on what to do with spaces.
func completeProviders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	for _, m := range catalog.Default().Models() {
		word, _, _ := strings.Cut(m.Provider, " ")
		found = append(found, word)
	}
	slices.Sort(found)
	return slices.Compact(found), cobra.ShellCompDirectiveNoFileComp
}

// complete has a flag's values completed. A flag that is not there is a mistake
// in the program.
func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}
