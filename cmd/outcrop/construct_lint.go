package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/outcrop-ai/outcrop/structured"
)

// lint prints what a schema will cost and what back-ends would change.
func (a *app) lint(schema []byte) error {
	compiled, err := structured.Compile(schema)
	if err != nil {
		return usageError{err}
	}
	report := compiled.Lint()
	if a.json {
		return a.printJSON(report)
	}
	for _, advice := range report.Advice {
		path := advice.Path
		if path == "" {
			path = "(root)"
		}
		fmt.Fprintf(a.stdout, "%s: %s (%s)\n", path, advice.Message, advice.Kind)
	}
	fmt.Fprintf(a.stdout, "expected output: about %d tokens (estimated)\n", report.ExpectedTokens)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BACK-END\tCHANGES\tSCHEMA")
	for _, plan := range report.Plans {
		changes := []string{}
		for _, t := range plan.Transforms {
			changes = append(changes, fmt.Sprintf("%s ×%d (%s)", t.Name, t.Count, t.Effect))
		}
		if len(changes) == 0 {
			changes = append(changes, "none")
		}
		fmt.Fprintf(w, "%s\t%s\t%d bytes\n", plan.Profile, strings.Join(changes, ", "), plan.Bytes)
	}
	return w.Flush()
}
