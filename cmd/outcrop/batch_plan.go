package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/price"
)

// batchPlan is what batch plan is asked for.
type batchPlan struct {
	input    string
	rpm, tpm int
	converse bool
}

// plan is what a job over a file would take.
type plan struct {
	ModelID         string   `json:"modelId"`
	Records         int      `json:"records"`
	Unread          int      `json:"unreadRecords"`
	InputTokens     int      `json:"inputTokens"`     // estimated
	MaxOutputTokens int      `json:"maxOutputTokens"` // at most
	Unlimited       int      `json:"recordsWithoutOutputLimit"`
	InputBytes      int64    `json:"inputBytes"`
	OutputBytes     int64    `json:"outputBytesAtMost"`
	OnDemandUSD     *float64 `json:"onDemandUsdAtMost"` // null when the model's price is not known
	BatchUSD        *float64 `json:"batchUsdAtMost"`    // at Amazon Bedrock's batch service
	Minutes         *float64 `json:"minutesAtLeast"`    // null without a quota
}

func newBatchPlan(a *app) *cobra.Command {
	var o batchPlan
	c := &cobra.Command{
		Use:   "plan INPUT.jsonl",
		Short: "Say what a job over a file would take, and send nothing",
		Long: `plan reads a job's input and prints its records, its tokens, the bytes that are
stored, the price at most and, under a quota, the time at least. Input tokens are
an estimate; output tokens are the limits of the requests. Nothing is sent.`,
		Example: `  outcrop batch plan records.jsonl -m amazon.nova-pro-v1:0
  outcrop batch plan prompts.jsonl --converse --rpm 500 --tpm 1000000`,
		Args: exactly(1, "one JSONL file"),
		RunE: func(c *cobra.Command, args []string) error {
			o.input = args[0]
			if o.rpm < 0 || o.tpm < 0 {
				return usageError{errors.New("--rpm, --tpm: expected numbers above 0")}
			}
			return a.with(c, func(_ context.Context, m *local.Local) error { return a.batchPlan(m, &o) })
		},
	}
	c.Flags().BoolVar(&o.converse, "converse", false, "the records are Converse requests, not model-native bodies")
	c.Flags().IntVar(&o.rpm, "rpm", 0, "requests that the quota allows in a minute")
	c.Flags().IntVar(&o.tpm, "tpm", 0, "tokens that the quota allows in a minute")
	return c
}

func (a *app) batchPlan(m *local.Local, o *batchPlan) error {
	if err := checkRecords(o.input); err != nil {
		return err
	}
	f, err := os.Open(o.input)
	if err != nil {
		return usageError{err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	work, err := estimate.Records(f, m.ModelID(), o.converse)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", o.input, err)}
	}
	if work.Calls > 0 && work.Unread == work.Calls {
		return usageError{fmt.Errorf(`no line of %s is a record, {"recordId": "...", "modelInput": {...}}%s: outcrop batch pack %s -o records.jsonl makes records of prompts`, o.input, o.shape(), quoted(o.input))}
	}
	p := planned(m.ModelID(), work, info.Size(), o)
	if a.json {
		return a.printJSON(p)
	}
	return a.showPlan(p)
}

// shape says what a modelInput has to be.
func (o *batchPlan) shape() string {
	if o.converse {
		return " with a Converse request in it"
	}
	return ""
}

// bytesPerToken is how long a token's text is, about, in the output.
const bytesPerToken = 5

func planned(model string, work estimate.Work, size int64, o *batchPlan) *plan {
	p := &plan{
		ModelID: model, Records: work.Calls, Unread: work.Unread, InputTokens: work.Input, MaxOutputTokens: work.MaxOutput,
		Unlimited: work.Unlimited, InputBytes: size,
		// An output line repeats the input's.
		OutputBytes: size + int64(work.MaxOutput)*bytesPerToken,
	}
	if usd, known := work.Cost(price.Default(), model, false); known {
		p.OnDemandUSD = &usd
	}
	if usd, known := work.Cost(price.Default(), model, true); known {
		p.BatchUSD = &usd
	}
	// The slower of the two limits decides.
	minutes := 0.0
	if o.rpm > 0 {
		minutes = float64(work.Calls) / float64(o.rpm)
	}
	if o.tpm > 0 {
		minutes = max(minutes, float64(work.Input+work.MaxOutput)/float64(o.tpm))
	}
	if o.rpm > 0 || o.tpm > 0 {
		p.Minutes = &minutes
	}
	return p
}

func (a *app) showPlan(p *plan) error {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("model", "%s", p.ModelID)
	row("records", "%s", grouped(p.Records))
	if p.Unread > 0 {
		row("", "%s cannot be read, and will fail", grouped(p.Unread))
	}
	row("input tokens", "about %s", grouped(p.InputTokens))
	row("output tokens", "at most %s", grouped(p.MaxOutputTokens))
	if p.Unlimited > 0 {
		row("", "and those of %s records without a limit", grouped(p.Unlimited))
	}
	row("stored", "%s of input, at most %s of output", size(p.InputBytes), size(p.OutputBytes))
	cost := func(usd *float64) string {
		if usd == nil {
			return "not known for this model"
		}
		return "at most " + dollars(*usd)
	}
	row("price, on demand", "%s", cost(p.OnDemandUSD))
	row("price, batch", "%s (Amazon Bedrock's batch service)", cost(p.BatchUSD))
	if p.Minutes == nil {
		row("time", "say --rpm or --tpm: the quota decides")
	} else {
		row("time", "at least %s", time.Duration(*p.Minutes*float64(time.Minute)).Round(time.Second))
	}
	return w.Flush()
}
