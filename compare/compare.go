// Package compare measures the five inference methods on one prompt.
//
// Call [Run] with a manager. It asks by one method after the other, so that
// none of them waits for another, and returns a [Row] for each.
package compare

import (
	"context"
	"errors"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/quota"
)

// Row is what one method took. Its JSON is what `outcrop compare --json` prints.
type Row struct {
	Method             outcrop.Method     `json:"method"`
	ModelID            string             `json:"modelId"`
	Status             string             `json:"status"`           // "ok", or the error's code
	Message            string             `json:"message,omitzero"` // the error's
	TimeToFirstTokenMs int                `json:"timeToFirstTokenMs"`
	TotalMs            int                `json:"totalMs"`
	Usage              bedrock.TokenUsage `json:"usage"`
	QuotaRequests      int                `json:"quotaRequests"` // against requests per minute
	QuotaTokens        int                `json:"quotaTokens"`   // against tokens per minute, at settlement
	For                string             `json:"for"`           // what the method is for
	Note               string             `json:"note,omitzero"` // where its result is
	Err                error              `json:"-"`
}

// Options says what to ask, and whom to tell.
type Options struct {
	Prompt string

	// MaxTokens bounds the output of each call; 0 leaves it to the model.
	MaxTokens int

	// Objects is where the job of the asynchronous method writes.
	Objects outcrop.Objects

	// Results names the place of a job's results for the row's note.
	Results func(out bedrock.ModelInvocationJobOutputDataConfig, jobID string) string

	// Progress is told what is going on; it may be nil.
	Progress func(Step)

	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Step is what is going on at the moment.
type Step struct {
	Method outcrop.Method
	State  string
}

// measured is what a method reports about its reply.
type measured struct {
	first    time.Time // of the first token, or zero: when the whole reply came
	usage    bedrock.TokenUsage
	note     string
	requests int  // 0 is one
	batch    bool // billed to the batch quotas, not to those of a minute
}

// Run asks the prompt by every method, in the order of [outcrop.Methods].
// A method that fails has its error in its row and does not stop the others;
// a cancelled context does, and what it broke off has no row.
func Run(ctx context.Context, m *outcrop.Manager, o Options) []Row {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Step) {}
	}
	rows := make([]Row, 0, len(outcrop.Methods))
	for _, method := range outcrop.Methods {
		row := o.run(ctx, m, method)
		if ctx.Err() != nil {
			break
		}
		rows = append(rows, row)
	}
	return rows
}

func (o *Options) run(ctx context.Context, m *outcrop.Manager, method outcrop.Method) Row {
	row := Row{Method: method, ModelID: m.ModelID(), Status: "ok", For: purposes[method]}
	report := func(state string) { o.Progress(Step{method, state}) }
	report("asking")
	began := o.Now()
	got, err := probes[method](ctx, m, o, report)
	ended := o.Now()
	if err != nil {
		e := outcrop.AsError(err)
		row.Status, row.Message, row.Err = e.Code, e.Message, e
		if e.Usage != nil { // attempts that failed were paid for
			row.Usage, row.QuotaTokens = *e.Usage, settled(m.ModelID(), *e.Usage)
		}
		if failure, ok := errors.AsType[*bedrock.SchemaFailure](err); ok {
			row.QuotaRequests = len(failure.Attempts)
		}
		return row
	}
	if got.first.IsZero() {
		got.first = ended
	}
	row.TimeToFirstTokenMs = int(got.first.Sub(began) / time.Millisecond)
	row.TotalMs = int(ended.Sub(began) / time.Millisecond)
	row.Usage, row.Note = got.usage, got.note
	if !got.batch {
		row.QuotaRequests = max(got.requests, 1)
		row.QuotaTokens = settled(m.ModelID(), got.usage)
	}
	return row
}

// settled is what a finished call takes from the tokens of a minute:
// S = InputTokens + CacheWriteTokens + b × OutputTokens, with the burndown b of
// the model (see package quota).
func settled(modelID string, u bedrock.TokenUsage) int {
	tokens := u.InputTokens + int(quota.DefaultBurndown().Of(modelID)*float64(u.OutputTokens))
	if u.CacheWriteInputTokens != nil {
		tokens += *u.CacheWriteInputTokens
	}
	return tokens
}

// purposes says in a few words what each method is for.
var purposes = map[outcrop.Method]string{
	outcrop.MethodSync:      "single requests",
	outcrop.MethodStream:    "chat, long texts",
	outcrop.MethodAsync:     "many records, no hurry",
	outcrop.MethodConverse:  "conversations, any model",
	outcrop.MethodConstruct: "data extraction",
}
