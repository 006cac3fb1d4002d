// Package lowered has Converse's own structured output honoured by back-ends
// that take only a part of JSON Schema: the schema of outputConfig.textFormat
// and the inputs of strict tools are lowered to what the back-end says it
// takes, and replies are raised back to the form that the caller asked for.
//
//	caller ── lowered.Backend ── back-end that says its SchemaProfile
//
// Begin with [New]. Schemas that fit, calls without any, and models of a
// back-end that takes every schema or judges schemas itself, as Amazon Bedrock
// does, go through untouched.
//
// What comes back is validated against the caller's schema: text that does not
// keep to it is left as it is, and the stop reason says
// malformed_model_output; a tool's input, malformed_tool_use. Asking again is
// Construct's.
package lowered

import (
	"context"
	"fmt"
	"slices"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/structured"
)

// Backend is the decorator. It is safe for concurrent use.
type Backend struct {
	outcrop.Abilities
	schemas *structured.Compiler
}

var (
	_ outcrop.Backend  = (*Backend)(nil)
	_ outcrop.Embedder = (*Backend)(nil)
)

// New decorates a back-end.
func New(next outcrop.Backend) *Backend {
	return &Backend{Abilities: outcrop.Abilities{Next: next}, schemas: structured.NewCompiler(structured.Config{})}
}

// Embed passes embeddings through, where the back-end makes them.
func (b *Backend) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	if embedder, ok := b.Next.(outcrop.Embedder); ok {
		return embedder.Embed(ctx, call, req)
	}
	return nil, outcrop.Meta{}, outcrop.Errorf(bedrock.CodeValidation, "the back-end of model %s makes no embeddings", call.ModelID)
}

// form is a schema that was lowered, and the way back.
type form struct {
	schema *structured.Schema
	plan   *structured.Plan
}

// forms are what was lowered of one request.
type forms struct {
	text  *form
	tools map[string]*form
}

// Do lowers the call, if there is something to lower, and raises its reply.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	profile, ok := structured.ProfileNamed(b.SchemaProfile(call.ModelID))
	converse := call.Operation == bedrock.OpConverse || call.Operation == bedrock.OpConverseStream
	if !ok || !converse || profile.Verbatim || profile.Name == structured.Bedrock().Name {
		return b.Next.Do(ctx, call)
	}
	req, err := call.Converse()
	if err != nil {
		return nil, err
	}
	req, lowered, err := b.lower(req, profile)
	if err != nil {
		return nil, err
	}
	if lowered == nil {
		return b.Next.Do(ctx, call)
	}
	reply, err := b.Next.Do(ctx, call.WithConverse(call.Operation, req))
	if err != nil {
		return nil, err
	}
	if reply.Stream != nil {
		return outcrop.NewStreamReply(reply.Meta, reply.Stream.Map(lowered.raiseEvents)), nil
	}
	response, err := reply.Converse()
	if err != nil {
		return nil, err
	}
	return outcrop.NewConverseReply(reply.Meta, lowered.raise(response)), nil
}

// lower is the request with its schemas lowered, or no forms when they fit.
func (b *Backend) lower(req *bedrock.ConverseRequest, profile structured.Profile) (*bedrock.ConverseRequest, *forms, error) {
	req = native.OwnFormat(req)
	other, found := *req, &forms{tools: map[string]*form{}}
	if c := req.OutputConfig; c.JSONSchema() != nil {
		f, err := b.form([]byte(c.TextFormat.Structure.JSONSchema.Schema), profile, "outputConfig.textFormat.structure.jsonSchema.schema")
		if err != nil {
			return nil, nil, err
		}
		if f != nil {
			config, format, definition := *c, *c.TextFormat, *c.TextFormat.Structure.JSONSchema
			definition.Schema = string(f.plan.Schema())
			format.Structure.JSONSchema, config.TextFormat = &definition, &format
			other.OutputConfig, found.text = &config, f
		}
	}
	if c := req.ToolConfig; c != nil {
		config := *c
		config.Tools = slices.Clone(c.Tools)
		profile.RootObject = true
		for i := range config.Tools {
			spec := config.Tools[i].ToolSpec
			if spec == nil || spec.Strict == nil || !*spec.Strict {
				continue
			}
			f, err := b.form(spec.InputSchema.JSON, profile, fmt.Sprintf("toolConfig.tools.%d.toolSpec.inputSchema.json", i))
			if err != nil {
				return nil, nil, err
			}
			if f != nil {
				copied := *spec
				copied.InputSchema.JSON = bedrock.Document(f.plan.Schema())
				config.Tools[i].ToolSpec, found.tools[spec.Name] = &copied, f
			}
		}
		other.ToolConfig = &config
	}
	if found.text == nil && len(found.tools) == 0 {
		return req, nil, nil
	}
	return &other, found, nil
}

// form lowers one schema; it is nil when the schema fits already.
func (b *Backend) form(text []byte, profile structured.Profile, field string) (*form, error) {
	schema, err := b.schemas.Compile(text)
	if err != nil {
		return nil, outcrop.Invalid(field, "%w", err)
	}
	plan, err := schema.Plan(profile)
	if err != nil || len(plan.Transforms) == 0 {
		return nil, nil //nolint:nilerr // what cannot be lowered is the back-end's to judge
	}
	return &form{schema: schema, plan: plan}, nil
}

// up raises a reply's text to the caller's form, and tells whether it keeps to
// the caller's schema; text that does not stays as it is.
func (f *form) up(text string) (string, bool) {
	reading, err := f.plan.Read(text)
	if err != nil || !reading.Valid() {
		return text, false
	}
	return string(f.schema.Encode(reading.Value)), true
}
