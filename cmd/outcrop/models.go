package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

func newModels(a *app) *cobra.Command {
	var provider string
	c := &cobra.Command{
		Use:   "models [word]...",
		Short: "List the models that can be asked",
		Long: `models lists the models that can be asked, with the inference profiles that they
have (us stands for us. and the id) and the back-end that answers for them. Words
keep those whose id, name, alias, kind of input or output, or back-end contains
each of them. -m takes an id, a profile's id or an alias.`,
		Example: `  outcrop models
  outcrop models claude haiku
  outcrop models embedding
  outcrop models --provider anthropic --json`,
		RunE: func(c *cobra.Command, words []string) error {
			a.noModel = true
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.models(ctx, m, provider, words) })
		},
	}
	c.Flags().StringVar(&provider, "provider", "", "only models whose provider's name contains this")
	complete(c, "provider", completeProviders)
	return c
}

func (a *app) models(ctx context.Context, m *local.Local, provider string, words []string) error {
	all, err := m.Models(ctx)
	if err != nil {
		return err
	}
	models := []outcrop.Model{}
	for i := range all {
		if contains(all[i].Provider, provider) && fits(&all[i], words) {
			models = append(models, all[i])
		}
	}
	if a.json {
		return a.printJSON(models)
	}
	switch {
	case len(all) == 0:
		a.say("nobody lists a model: -m takes any id that the back-end knows")
		return nil
	case len(models) == 0 && provider != "":
		a.say("none of the %d models fits; their providers are %s", len(all), strings.Join(providers(all), ", "))
		return nil
	case len(models) == 0:
		a.say("none of the %d models fits", len(all))
		return nil
	}
	return a.printModels(models)
}

// fits tells whether a model has each of some words.
func fits(m *outcrop.Model, words []string) bool {
	text := strings.Join(slices.Concat([]string{m.ID, m.AliasOf, m.Name, m.Backend}, m.InputModalities, m.OutputModalities), " ")
	return !slices.ContainsFunc(words, func(word string) bool { return !contains(text, word) })
}

// contains is strings.Contains for which upper and lower case are the same.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// providers are those of some models, each once.
func providers(models []outcrop.Model) []string {
	var names []string
	for i := range models {
		if models[i].Provider != "" {
			names = append(names, models[i].Provider)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// printModels prints a table, with a column for aliases where there are some.
func (a *app) printModels(models []outcrop.Model) error {
	aliases := slices.ContainsFunc(models, func(m outcrop.Model) bool { return m.AliasOf != "" })
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "MODEL ID\tPROVIDER\tINPUT\tOUTPUT\tCONTEXT\tMAX OUTPUT\tPROFILES\tBACK-END")
	if aliases {
		fmt.Fprint(w, "\tALIAS OF")
	}
	fmt.Fprintln(w)
	for _, model := range models {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", model.ID, model.Provider,
			strings.ToLower(strings.Join(model.InputModalities, ",")), strings.ToLower(strings.Join(model.OutputModalities, ",")),
			tokenCount(model.ContextWindow), tokenCount(model.MaxOutput), prefixes(model.Profiles), model.Backend)
		if aliases {
			fmt.Fprint(w, "\t"+model.AliasOf)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// prefixes lists what stands before the id in a model's inference profiles.
func prefixes(profiles []outcrop.Profile) string {
	var out []string
	for _, p := range profiles {
		prefix, _, _ := strings.Cut(p.ID, ".")
		out = append(out, prefix)
	}
	return strings.Join(out, ",")
}

func tokenCount(n int) string {
	switch {
	case n == 0:
		return "-"
	case n >= 1000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
