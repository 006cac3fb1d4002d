package outcrop

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	open string                         // the pointer of the string that is still growing, and
	text []byte                         // all of its text so far; nil when none is

	asked    int                        // replies so far, which the budget counts
	attempts []bedrock.ConstructAttempt // those, and failed requests, which the budget does not count
	usage    bedrock.TokenUsage
	best     *closest
}

// closest is the value that came nearest to the schema so far.
type closest struct {
	value any
	errs  []bedrock.ConstructError
	whole bool // not just the part of a reply that could be read
}

// keep remembers a value if none was closer.
func (l *ladder) keep(c closest) {
	if l.best == nil || c.whole && !l.best.whole || c.whole == l.best.whole && len(c.errs) < len(l.best.errs) {
		l.best = &c
	}
}

// climb asks until a reply validates. Every fallback model keeps one attempt
// of the budget; the models before it share the rest, and the first has one in
// any case.
func (l *ladder) climb(ctx context.Context) (*bedrock.ConstructResponse, error) {
	ctx = forMethod(ctx, MethodConstruct)
	began, caller := l.manager.config.Now(), ctx
	if limit := l.manager.config.Construct.Time; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	var last error
	for i, model := range l.models {
		share := max(l.budget-(len(l.models)-1-i), 1)
		if !l.mayAsk(share) {
			continue
		}
		climber, found, err := l.tryModel(ctx, model, share)
		if found != nil {
			response, err := l.response(climber, found)
			if err != nil {
				return nil, err
			}
			response.Metrics.LatencyMs = int(l.manager.config.Now().Sub(began) / time.Millisecond)
			return response, nil
		}
		last = err
		// Whatever else went wrong, another model may take: it has other
		// limits, other rights and another mind, and a request that is wrong
		// for all of them costs nothing.
		if ctx.Err() != nil || errors.Is(err, errNobodyReads) {
			break
		}
	}
	switch {
	case last == nil:
		return nil, l.failure()
	case ctx.Err() != nil && caller.Err() == nil:
		last = Errorf(bedrock.CodeModelTimeout, "no reply validated within the time limit of %v for all attempts", l.manager.config.Construct.Time)
	}
	return nil, l.soFar(last)
}

// tryModel asks one model while attempts are left. An error means that this
// model cannot be asked any more.
func (l *ladder) tryModel(ctx context.Context, model string, share int) (*climber, *outcome, error) {
	c := l.climber(model)
	for l.mayAsk(share) {
		if err := ctx.Err(); err != nil {
			return c, nil, AsError(err)
		}
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

func (l *ladder) mayAsk(share int) bool { return l.asked < share && !l.tokensUsed() }

func (l *ladder) tokensUsed() bool {
	limit := l.manager.config.Construct.Tokens
	return limit > 0 && l.usage.TotalTokens >= limit
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
		f.PartialOutput, f.Errors = l.schema.Encode(l.best.value), l.best.errs
	}
	if len(f.Errors) > 0 {
		f.Message += ": " + strings.TrimPrefix(f.Errors[0].Path+" ", " ") + f.Errors[0].Message
	}
	if l.tokensUsed() && l.asked < l.budget {
		f.Message += fmt.Sprintf(" (ended by the limit of %d tokens)", l.manager.config.Construct.Tokens)
	}
	return &Error{
		Code: bedrock.CodeSchemaValidation, Message: f.Message, Field: "output",
		Partial: f.PartialOutput, Usage: &l.usage, Cause: f,
	}
}

// soFar is an error that ends the ladder, with what the attempts cost and the
// value that came closest.
func (l *ladder) soFar(err error) *Error {
	e := *AsError(err)
	e.Usage, e.Partial = &l.usage, nil
	if l.best != nil {
		e.Partial = l.schema.Encode(l.best.value)
	}
	return &e
}

func constructErrors(violations []structured.Violation) []bedrock.ConstructError {
	errs := make([]bedrock.ConstructError, 0, len(violations))
	for _, v := range violations {
		errs = append(errs, bedrock.ConstructError{Path: v.Path, Message: v.Message})
	}
	return errs
}
