package outcrop

import (
	"context"
	"encoding/json"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// ladder is one Construct call on its way through models, strategies and
// attempts. It is used by one goroutine.
type ladder struct {
	manager  *Manager
	request  *bedrock.ConstructRequest
	schema   *structured.Schema
	format   structured.Format
	examples []structured.Example
	prompt   string   // shows the schema to a model
	models   []string // the model asked for, then its fallbacks
	budget   int      // attempts in all

	emit func([]structured.Update) bool // of a stream: takes what is settled; false when nobody reads on
	sent []structured.Update            // what a stream's reader has been given and must not be taken back
	open structured.Update              // the string that was still growing, with all of its text so far

	asked    int                        // replies so far, which the budget counts
	attempts []bedrock.ConstructAttempt // those, and refused requests, which cost nothing
	usage    bedrock.TokenUsage
	best     *structured.Reading
}

// climb asks until a reply validates. Every fallback model keeps one attempt
// of the budget; the models before it share the rest.
func (l *ladder) climb(ctx context.Context) (*bedrock.ConstructResponse, error) {
	began := l.manager.config.Now()
	if limit := l.manager.config.Construct.Time; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var last error
	for i, model := range l.models {
		share := l.budget - (len(l.models) - 1 - i)
		climber, found, err := l.tryModel(ctx, model, share)
		if found != nil {
			response, err := l.response(climber, found)
			if err != nil {
				return nil, err
			}
			response.Metrics.LatencyMs = int(l.manager.config.Now().Sub(began) / time.Millisecond)
			return response, nil
		}
		if last = err; err != nil && !otherModelMayHelp(err) {
			break
		}
	}
	if last != nil {
		return nil, l.withUsage(last)
	}
	return nil, l.failure()
}

// tryModel asks one model while attempts are left. An error means that this
// model cannot be asked any more.
func (l *ladder) tryModel(ctx context.Context, model string, share int) (*climber, *outcome, error) {
	c := l.climber(model)
	for first := true; l.mayAsk(share) || first && l.asked == 0; first = false {
		o, err := c.ask(ctx)
		if err != nil {
			if c.stepDown(err) {
				continue
			}
			return c, nil, err
		}
		if o.valid() {
			return c, o, nil
		}
		c.consider(o)
	}
	return c, nil, nil
}

func (l *ladder) mayAsk(share int) bool {
	tokens := l.manager.config.Construct.Tokens
	return l.asked < share && (tokens == 0 || l.usage.TotalTokens < tokens)
}

// otherModelMayHelp tells whether a fallback model may do better: it may after
// a refusal, or when the first one cannot be reached, and not when the request
// itself is wrong.
func otherModelMayHelp(err error) bool {
	e := AsError(err)
	return e.Retryable || e.Code == bedrock.CodeModelError || e.Code == bedrock.CodeModelStreamError || e.Code == bedrock.CodeResourceNotFound
}

func (l *ladder) response(c *climber, o *outcome) (*bedrock.ConstructResponse, error) {
	value := l.schema.Encode(o.reading.Value)
	text := value
	if l.format == structured.XML {
		var err error
		if text, err = l.schema.EncodeXML(o.reading.Value); err != nil {
			return nil, Errorf(bedrock.CodeModelError, "the value has no XML form: %w", err)
		}
	}
	return &bedrock.ConstructResponse{
		Output:     bedrock.Document(value),
		Text:       string(text),
		StopReason: o.stop,
		Usage:      l.usage,
		Trace: bedrock.ConstructTrace{
			Strategy: c.strategy, ModelID: c.model, Attempts: l.attempts, Transforms: c.transforms(),
		},
	}, nil
}

// failure is the error of a ladder that was climbed to its end.
func (l *ladder) failure() *Error {
	f := &bedrock.SchemaFailure{
		Message:  "the model's output does not validate against the schema",
		Errors:   []bedrock.ConstructError{},
		Attempts: l.attempts,
		Usage:    l.usage,
	}
	if n := len(l.attempts); n > 0 {
		f.Errors = l.attempts[n-1].Errors
	}
	if l.best != nil {
		if text, err := json.Marshal(l.best.Value); err == nil {
			f.PartialOutput = text
		}
		f.Errors = constructErrors(l.best.Violations)
	}
	if len(f.Errors) > 0 {
		f.Message += ": " + f.Errors[0].Path + " " + f.Errors[0].Message
	}
	return &Error{
		Code: bedrock.CodeSchemaValidation, Message: f.Message, Field: "output",
		Partial: f.PartialOutput, Usage: &l.usage, Cause: f,
	}
}

// withUsage adds what earlier attempts cost to an error that ends the ladder.
func (l *ladder) withUsage(err error) *Error {
	e := *AsError(err)
	total := l.usage
	if e.Usage != nil {
		total.Add(*e.Usage)
	}
	e.Usage = &total
	return &e
}

func constructErrors(violations []structured.Violation) []bedrock.ConstructError {
	errs := make([]bedrock.ConstructError, 0, len(violations))
	for _, v := range violations {
		errs = append(errs, bedrock.ConstructError{Path: v.Path, Message: v.Message})
	}
	return errs
}
