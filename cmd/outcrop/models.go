package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

func newModels(a *app) *cobra.Command {
	var provider string
	c := &cobra.Command{
		Use:   "models",
		Short: "List the models that can be asked",
		Example: `  outcrop models
  outcrop models --provider anthropic --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a.noModel = true
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.models(ctx, m, provider) })
		},
	}
	c.Flags().StringVar(&provider, "provider", "", "only this provider's")
	return c
}

func (a *app) models(ctx context.Context, m *local.Local, provider string) error {
	all, err := m.Models(ctx)
	if err != nil {
		return err
	}
	models := []outcrop.Model{}
	for _, model := range all {
		if provider == "" || strings.EqualFold(provider, model.Provider) {
			models = append(models, model)
		}
	}
	if a.json {
		return a.printJSON(models)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL ID\tPROVIDER\tINPUT\tOUTPUT\tCONTEXT\tMAX OUTPUT\tPROFILES\tBACK-END")
	for _, model := range models {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", model.ID, model.Provider,
			strings.ToLower(strings.Join(model.InputModalities, ",")), strings.ToLower(strings.Join(model.OutputModalities, ",")),
			tokenCount(model.ContextWindow), tokenCount(model.MaxOutput), prefixes(model.Profiles), model.Backend)
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
