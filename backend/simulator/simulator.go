package simulator

import (
	"context"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/structured"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Name is what the simulator calls itself in a reply's Meta.
const Name = "simulator"

// Notice is the line that a program prints when it starts with the simulator.
const Notice = "Answers come from the built-in simulator: deterministic text made of the prompt's words, from no model. Configure a back-end for real ones."

// Config says what a simulator answers for and how. The zero value answers
// every model of the built-in catalogue, at once.
type Config struct {
	// Catalog is the models it knows; nil means catalog.Default().
	Catalog *catalog.Catalog

	// Pace makes replies take time; nil means none, and then latency figures
	// are computed with the Nominal pace but not waited for.
	Pace *Pace

	// ModelPaces sets other paces for single models, by model id. They wait
	// whether or not Pace is set.
	ModelPaces map[string]Pace

	// Clock waits and tells the time; nil means the system's.
	Clock Clock
}

// Backend simulates models. It is safe for concurrent use, starts no
// goroutine, and need not be closed.
type Backend struct {
	catalog *catalog.Catalog
	models  map[string]*model // by model id
	schemas *structured.Compiler
	clock   Clock
}

var (
	_ outcrop.Backend       = (*Backend)(nil)
	_ outcrop.TokenCounter  = (*Backend)(nil)
	_ outcrop.ModelLister   = (*Backend)(nil)
	_ outcrop.SchemaSupport = (*Backend)(nil)
)

// model is a model with what the simulator derives of it once.
type model struct {
	*catalog.Model
	counter tokens.Model
	pace    Pace
	paced   bool // whether the pace is waited for
	reasons bool // whether it always reasons
	meta    outcrop.Meta
}

// New makes a simulator.
func New(config Config) (*Backend, error) {
	b := &Backend{catalog: config.Catalog, clock: config.Clock, models: map[string]*model{}, schemas: structured.NewCompiler(structured.Config{})}
	if b.catalog == nil {
		b.catalog = catalog.Default()
	}
	if b.clock == nil {
		b.clock = systemClock{}
	}
	for _, known := range b.catalog.Models() {
		m := &model{Model: known, counter: tokens.Default().For(known.ID), pace: Nominal}
		if config.Pace != nil {
			m.pace, m.paced = config.Pace.filled(), true
		}
		if pace, ok := config.ModelPaces[known.ID]; ok {
			m.pace, m.paced = pace.filled(), true
		}
		m.meta = outcrop.Meta{Backend: Name, ModelID: known.ID, Estimated: true, ContentType: "application/json"}
		b.models[known.ID] = m
	}
	return b, nil
}

// Do answers a call.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	m, err := b.model(call.ModelID)
	if err != nil {
		return nil, err
	}
	if call.Native() {
		return b.native(ctx, call)
	}
	req, err := b.check(m, call)
	if err != nil {
		return nil, err
	}
	p := readPrompt(m.ID, req)
	response, t, err := b.respond(m, req, &p)
	if err != nil {
		return nil, err
	}
	meta := m.meta
	id := p.seed.fork(forRequestID)
	meta.RequestID = id.requestID()
	if call.Streams() {
		ctx, cancel := context.WithCancel(ctx)
		wait := pacing(ctx, b.clock, t, m.paced)
		return outcrop.NewStreamReply(meta, outcrop.NewStream(events(response, p.seed.fork(forStream), wait), cancel)), nil
	}
	if m.paced {
		if err := b.clock.Sleep(ctx, t.total(response.Usage.OutputTokens)); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	return outcrop.NewConverseReply(meta, response), nil
}

// model finds the model of an id, profile id or ARN.
func (b *Backend) model(id string) (*model, error) {
	match, ok := b.catalog.Resolve(id)
	if !ok {
		e := outcrop.Errorf(bedrock.CodeValidation, "The provided model identifier is invalid.")
		e.Field = "modelId"
		return nil, e
	}
	return b.models[match.Model.ID], nil
}

// check reads a call's request and refuses what Bedrock would refuse.
func (b *Backend) check(m *model, call *outcrop.Call) (*bedrock.ConverseRequest, error) {
	req, err := call.Converse()
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	if req.ModelID == "" {
		copied := *req
		copied.ModelID = call.ModelID
		req = &copied
	}
	if err := bedrock.Validate(req); err != nil {
		return nil, outcrop.AsError(err)
	}
	if !m.Has("TEXT") {
		return nil, outcrop.Errorf(bedrock.CodeValidation, "This action doesn't support the model that you provided. Try again with a supported text or chat model.")
	}
	if err := bedrock.CheckConverse(req, bedrock.ConverseLimits{MaxOutput: m.MaxOutput}); err != nil {
		return nil, outcrop.AsError(err)
	}
	return req, nil
}

// respond makes the whole response, and how long it takes.
func (b *Backend) respond(m *model, req *bedrock.ConverseRequest, p *prompt) (*bedrock.ConverseResponse, timing, error) {
	blocks, err := b.compose(m, req, p)
	if err != nil {
		return nil, timing{}, err
	}
	limit := m.MaxOutput
	if limit == 0 {
		limit = unknownLimit
	}
	s := shape(m.counter, req.InferenceConfig, limit, blocks)
	t := m.pace.of(p.seed.fork(forTiming))
	input := inputTokens(m.counter, req)
	response := &bedrock.ConverseResponse{
		Output:            bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: s.blocks}},
		StopReason:        s.stop,
		Usage:             bedrock.TokenUsage{InputTokens: input, OutputTokens: s.output, TotalTokens: input + s.output},
		Metrics:           bedrock.ConverseMetrics{LatencyMs: int(t.total(s.output) / time.Millisecond)},
		PerformanceConfig: req.PerformanceConfig,
		ServiceTier:       req.ServiceTier,
	}
	return response, t, nil
}

// unknownLimit is the limit of output tokens of a model that publishes none.
const unknownLimit = 4096

// CountTokens counts a call's input as the usage of its reply would.
func (b *Backend) CountTokens(_ context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	m, err := b.model(call.ModelID)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	req, err := call.Converse()
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	return outcrop.TokenCount{InputTokens: inputTokens(m.counter, req), Estimated: true}, nil
}

// SchemaProfile says that every JSON Schema is kept to as it is.
func (b *Backend) SchemaProfile(modelID string) string {
	if m, err := b.model(modelID); err != nil || !m.Has("TEXT") {
		return ""
	}
	return structured.Full().Name
}

// Models lists the catalogue.
func (b *Backend) Models(context.Context) ([]outcrop.Model, error) {
	list := make([]outcrop.Model, 0, len(b.models))
	for _, m := range b.catalog.Models() {
		entry := outcrop.Model{
			ID: m.ID, Name: m.Name, Provider: m.Provider, InputModalities: m.Input, OutputModalities: m.Output,
			Streaming: m.Streaming, ContextWindow: m.Context, MaxOutput: m.MaxOutput, Lifecycle: m.Lifecycle, Backend: Name,
		}
		for _, p := range m.Profiles {
			entry.Profiles = append(entry.Profiles, outcrop.Profile{ID: p.ID, Name: p.Name, Regions: p.Regions})
		}
		list = append(list, entry)
	}
	return list, nil
}
