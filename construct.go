package outcrop

import (
	"context"
	"encoding/json"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// DefaultMaxAttempts is how often Construct asks in all when a request does
// not say.
const DefaultMaxAttempts = 3

// Construct asks a model for a value that validates against a JSON Schema.
//
// Whatever a model sends is read tolerantly and validated against the full
// schema; what does not validate is asked for again, and then from the
// fallback models, within maxAttempts in all. What Construct returns always
// validates. When no attempt does, the error is a SchemaValidationException
// whose cause is a [*bedrock.SchemaFailure] with the value that came closest,
// what is wrong with it, and what every attempt cost.
func (m *Manager) Construct(ctx context.Context, req *bedrock.ConstructRequest) (*bedrock.ConstructResponse, error) {
	l, err := m.ladder(req)
	if err != nil {
		return nil, err
	}
	began := m.config.Now()
	response, err := l.climb(ctx)
	if err != nil {
		return nil, err
	}
	response.Metrics.LatencyMs = int(m.config.Now().Sub(began) / time.Millisecond)
	return response, nil
}

// ladder checks a request and prepares its attempts.
func (m *Manager) ladder(req *bedrock.ConstructRequest) (*ladder, error) {
	if err := bedrock.Validate(req); err != nil {
		return nil, AsError(err)
	}
	switch {
	case req.Prompt == "" && len(req.Messages) == 0:
		return nil, Invalid("prompt", "a Construct request needs a prompt or messages")
	case req.Prompt != "" && len(req.Messages) > 0:
		return nil, Invalid("prompt", "a Construct request has either a prompt or messages, not both")
	}
	model := m.model(req.ModelID)
	if model == "" {
		return nil, Invalid("modelId", "no model is named, and the manager has no default")
	}
	schema, err := m.schemas.Compile(req.Schema)
	if err != nil {
		return nil, schemaError("schema", err)
	}
	l := &ladder{manager: m, request: req, schema: schema, models: append([]string{model}, req.FallbackModelIDs...)}
	l.budget = DefaultMaxAttempts
	if req.MaxAttempts != nil {
		l.budget = *req.MaxAttempts
	}
	return l, l.checkExamples()
}

// checkExamples refuses examples that would teach the model a wrong shape.
func (l *ladder) checkExamples() error {
	for i, example := range l.request.Examples {
		violations, err := l.schema.ValidateJSON(example.Output)
		if err != nil {
			return Invalid("examples", "example %d: the output is no JSON: %v", i, err)
		}
		if len(violations) > 0 {
			return Invalid("examples", "example %d does not validate: %s", i, violations[0])
		}
	}
	return nil
}

func schemaError(field string, err error) *Error {
	e := Invalid(field, "%v", err)
	e.Cause = err
	return e
}

// ladder is one Construct call on its way through models and attempts.
type ladder struct {
	manager *Manager
	request *bedrock.ConstructRequest
	schema  *structured.Schema
	models  []string // the model asked for, then its fallbacks
	budget  int      // attempts in all

	attempts []bedrock.ConstructAttempt
	usage    bedrock.TokenUsage
	best     *structured.Reading
}

// climb asks until a reply validates. Every fallback model keeps one attempt
// of the budget; the first model has the rest.
func (l *ladder) climb(ctx context.Context) (*bedrock.ConstructResponse, error) {
	for i, model := range l.models {
		waiting := len(l.models) - 1 - i
		rung := l.rung(model)
		for len(l.attempts) == 0 || len(l.attempts) < l.budget-waiting {
			outcome, err := l.ask(ctx, rung)
			if err != nil {
				if i < len(l.models)-1 && AsError(err).Retryable {
					break
				}
				return nil, l.withUsage(err)
			}
			if outcome.reading != nil && outcome.reading.Valid() {
				return l.response(rung, outcome)
			}
			rung.reask(outcome)
		}
	}
	return nil, l.failure()
}

func (l *ladder) response(r *rung, o *outcome) (*bedrock.ConstructResponse, error) {
	text := l.schema.Encode(o.reading.Value)
	return &bedrock.ConstructResponse{
		Output:     bedrock.Document(text),
		Text:       string(text),
		StopReason: o.stop,
		Usage:      l.usage,
		Trace:      bedrock.ConstructTrace{Strategy: r.strategy, ModelID: r.model, Attempts: l.attempts},
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
