package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/local"
)

// defaultQuestion is the prompt of `outcrop compare` without an argument.
const defaultQuestion = "Explain in a few sentences what quantum computing is and who it is useful for."

// billedTokens bounds the output of each call where calls cost money.
const billedTokens = 1000

func newCompare(a *app) *cobra.Command {
	var run compareRun
	c := &cobra.Command{
		Use:   "compare [prompt]",
		Short: "Run the five methods on one prompt and compare them",
		Long: `compare asks the same prompt by all five methods, one after the other, and
prints what each one took: the time to the first token and in all, output
tokens, and what counts against the quota. It exits with 0 when all five rows
are ok. The simulator keeps the pace of a real model while it is compared.

Where the calls cost money, at Amazon Bedrock or where prices are configured, it
says first what they cost at most, and at a terminal asks. The output of each
call then has at most 1000 tokens, unless --max-tokens says otherwise.`,
		Example: `  outcrop compare
  outcrop compare "Write a haiku about rocks" --json
  outcrop compare --svg methods.svg
  outcrop compare --backend amazon --max-cost 0.05 --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			a.pace = true
			run.prompt = defaultQuestion
			if len(args) > 0 {
				var err error
				if run.prompt, err = a.prompt(args); err != nil {
					return err
				}
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.compare(ctx, m, run) })
		},
	}
	c.Flags().StringVar(&run.svg, "svg", "", "draw the comparison into this file")
	c.Flags().Var((*count)(&run.maxTokens), "max-tokens", "output tokens of each call, at most (default: the model's own limit, or 1000 where calls cost money)")
	run.addFlags(c)
	return c
}

type compareRun struct {
	spending
	prompt    string
	maxTokens int
	svg       string // a file, or none
}

func (a *app) compare(ctx context.Context, m *local.Local, run compareRun) error {
	a.say("Model %s. %s", m.ModelID(), m.Notice())
	if m.Served() {
		a.say("It answers at its own pace; a simulator there keeps that of a real model with outcrop serve --pace.")
	}
	if run.maxTokens == 0 {
		if _, charged, err := m.Cost(m.ModelID(), estimate.Work{}, false); err == nil && charged {
			run.maxTokens = billedTokens
		}
	}
	if err := a.agree(m, &run.spending, compare.Work(m.ModelID(), run.prompt, run.maxTokens), false); err != nil {
		return err
	}
	picture := through(io.Discard)
	if run.svg != "" { // where it cannot be, nobody is asked
		var err error
		if picture, err = newOutFile(run.svg, 0o644); err != nil {
			return err
		}
		defer picture.Close()
	}
	rows, err := a.comparison(ctx, m, &run)
	if err != nil {
		return err
	}
	if run.svg != "" {
		if err := drawComparison(picture, rows, compare.Figure{ModelID: m.ModelID(), Note: m.Notice()}); err != nil {
			return err
		}
		a.say("drawn: %s", run.svg)
	}
	return failedRows(rows)
}

// comparison asks by the five methods and prints what each took.
func (a *app) comparison(ctx context.Context, m *local.Local, run *compareRun) ([]compare.Row, error) {
	p := newProgress(a.stderr)
	began := time.Now()
	rows := compare.Run(ctx, m.Manager, compare.Options{
		Prompt: run.prompt, MaxTokens: run.maxTokens,
		Objects: m.Objects(),
		Results: m.ResultsPath,
		Progress: func(step compare.Step) {
			p.show(fmt.Sprintf("%s  %s", step.Method, step.State))
		},
	})
	p.done()
	total := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if a.json {
		return rows, a.printJSON(rows)
	}
	return rows, a.compareTable(rows, total)
}

// drawComparison writes the picture of a comparison, and ends its file.
func drawComparison(out *outFile, rows []compare.Row, f compare.Figure) error {
	f.Note, _, _ = strings.Cut(f.Note, ":") // a line has no room for more
	if err := compare.SVG(out, rows, f); err != nil {
		return err
	}
	return out.Commit()
}

func (a *app) compareTable(rows []compare.Row, total time.Duration) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tSTATUS\tFIRST TOKEN\tTOTAL\tOUTPUT\tREQUESTS\tQUOTA TOKENS\tFOR")
	var sum compare.Row
	for _, row := range rows {
		first, all := milliseconds(row.TimeToFirstTokenMs), milliseconds(row.TotalMs)
		if row.Err != nil {
			first, all = "-", "-" // it is no time of a reply
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", row.Method, row.Status, first, all, row.Usage.OutputTokens, row.QuotaRequests, row.QuotaTokens, row.For)
		sum.Usage.Add(row.Usage)
		sum.QuotaRequests += row.QuotaRequests
		sum.QuotaTokens += row.QuotaTokens
	}
	fmt.Fprintf(w, "total\t\t\t%s\t%d\t%d\t%d\t\n", milliseconds(int(total/time.Millisecond)), sum.Usage.OutputTokens, sum.QuotaRequests, sum.QuotaTokens)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, row := range rows {
		if row.Note != "" {
			fmt.Fprintf(a.stdout, "%s: %s\n", row.Method, row.Note)
		}
	}
	return nil
}

// failedRows is the error of a comparison in which a method failed.
func failedRows(rows []compare.Row) error {
	var errs []error
	for _, row := range rows {
		if row.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", row.Method, row.Err))
		}
	}
	return errors.Join(errs...)
}
