package outcrop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// DefaultMaxAttempts is how often Construct asks in all when a request does
// not say.
const DefaultMaxAttempts = 3

// ConstructLimits bound one Construct call beside its maxAttempts. A zero
// field means no limit.
type ConstructLimits struct {
	Tokens int           // input and output of all attempts; no attempt begins beyond it
	Time   time.Duration // of all attempts together
}

// Construct asks a model for a value that validates against a JSON Schema.
//
// It climbs down a ladder: the model's native structured output, a forced
// tool, a prompt that shows the schema. What comes back is read tolerantly and
// always validated against the full schema. What fails is asked for again as a
// patch of the failing places; a reply cut at maxTokens is continued; then the
// fallback models are asked. All of it stays within maxAttempts, and the trace
// says what was done and why.
//
// What Construct returns always validates. When no attempt does, the error is
// a SchemaValidationException whose cause is a [*bedrock.SchemaFailure] with
// the value that came closest. A refusal is a ModelErrorException.
func (m *Manager) Construct(ctx context.Context, req *bedrock.ConstructRequest) (*bedrock.ConstructResponse, error) {
	if c, ok := m.config.Backend.(Constructor); ok {
		return c.Construct(ctx, m.withModel(req))
	}
	l, err := m.ladder(req)
	if err != nil {
		return nil, err
	}
	return l.climb(ctx)
}

// withModel is the request with the manager's model where it names none.
func (m *Manager) withModel(req *bedrock.ConstructRequest) *bedrock.ConstructRequest {
	if req.ModelID != "" {
		return req
	}
	copied := *req
	copied.ModelID = m.config.ModelID
	return &copied
}

// ladder checks a request and prepares its attempts.
func (m *Manager) ladder(req *bedrock.ConstructRequest) (*ladder, error) {
	if err := bedrock.Validate(req); err != nil {
		return nil, AsError(err)
	}
	if err := RefuseKeys(req.RequestMetadata, "Construct"); err != nil {
		return nil, err
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
	if why := schema.Contradiction(); why != nil {
		return nil, schemaError("schema", why)
	}
	l := &ladder{
		manager: m, request: req, schema: schema, budget: DefaultMaxAttempts,
		models: append([]string{model}, req.FallbackModelIDs...),
		format: structured.JSON,
	}
	if req.MaxAttempts != nil {
		l.budget = *req.MaxAttempts
	}
	if req.Format != "" {
		l.format = structured.Format(req.Format)
	}
	return l, l.prepare()
}

// prepare makes the text of the prompt strategy, and finds on the way what is
// wrong with the examples or with the schema's XML form.
func (l *ladder) prepare() error {
	for i := range l.request.Examples {
		example := &l.request.Examples[i]
		value, err := structured.Normalize(json.RawMessage(example.Output))
		if err != nil {
			return schemaError("examples", fmt.Errorf("examples[%d].output is not valid JSON: %w", i, err))
		}
		l.examples = append(l.examples, structured.Example{Input: example.Input, Output: value})
	}
	prompt, err := l.schema.Prompt(l.format, l.examples)
	if err != nil {
		if _, ok := errors.AsType[*structured.ExampleError](err); ok {
			return schemaError("examples", err)
		}
		return schemaError("schema", err)
	}
	l.prompt = prompt
	return nil
}

func schemaError(field string, err error) *Error {
	e := Errorf(bedrock.CodeValidation, "%w", err) // it begins with the field
	e.Field, e.Cause = field, err
	return e
}
