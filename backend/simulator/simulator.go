package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/structured"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Name is what the simulator calls itself in a reply's Meta.
const Name = "simulator"

// Notice is the line that a program prints when it starts with the simulator.
const Notice = "Answers come from the built-in simulator: deterministic text made of the prompt's words, from no model. Configure a back-end for real ones."

// PaceHeader is the reply header that tells the pace of a reply that was made
// to take time.
const PaceHeader = "X-Outcrop-Pace"

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

	// Concurrent is how many replies a paced model writes at once. Calls beyond
	// wait in the order in which they came, whatever their class, as at an
	// engine with so many slots. 0 is no bound.
	Concurrent int

	// Rules script replies; RulesFile names a file of them instead, which is
	// read again whenever it has changed. See [ParseRules].
	Rules     *Rules
	RulesFile string

	// LogSize is how many calls Requests remembers: 0 means DefaultLogSize,
	// less than 0 none.
	LogSize int

	// LogPrompts keeps the last user message with each of them.
	LogPrompts bool

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
	rules   ruleSource
	log     requestLog
	prompts bool // logged
}

var (
	_ outcrop.Backend       = (*Backend)(nil)
	_ outcrop.TokenCounter  = (*Backend)(nil)
	_ outcrop.ModelLister   = (*Backend)(nil)
	_ outcrop.ModelChecker  = (*Backend)(nil)
	_ outcrop.SchemaSupport = (*Backend)(nil)
)

// model is a model with what the simulator derives of it once.
type model struct {
	*catalog.Model
	counter tokens.Model
	pace    Pace
	paced   bool // whether the pace is waited for
	slots   slots
	reasons bool // whether it always reasons
	limits  bedrock.ConverseLimits
	meta    outcrop.Meta
}

// New makes a simulator. It fails when the rules cannot be read.
func New(config Config) (*Backend, error) {
	if config.Rules != nil && config.RulesFile != "" {
		return nil, errors.New("simulator: Config.Rules and Config.RulesFile are both set; choose one")
	}
	b := &Backend{
		catalog: config.Catalog, clock: config.Clock, models: map[string]*model{},
		schemas: structured.NewCompiler(structured.Config{}),
		rules:   ruleSource{file: config.RulesFile, rules: config.Rules},
		log:     requestLog{size: config.LogSize},
		prompts: config.LogPrompts,
	}
	if b.log.size == 0 {
		b.log.size = DefaultLogSize
	}
	if _, err := b.rules.current(); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	if b.catalog == nil {
		b.catalog = catalog.Default()
	}
	if b.clock == nil {
		b.clock = systemClock{}
	}
	for _, known := range b.catalog.Models() {
		m := &model{Model: known, counter: tokens.Default().For(known.ID), pace: Nominal, limits: limitsOf(known)}
		if config.Pace != nil {
			m.pace, m.paced = config.Pace.filled(), true
		}
		if pace, ok := config.ModelPaces[known.ID]; ok {
			m.pace, m.paced = pace.filled(), true
		}
		if m.paced && config.Concurrent > 0 {
			m.slots = make(slots, config.Concurrent)
		}
		m.reasons = strings.HasPrefix(known.ID, "deepseek.r1")
		m.meta = outcrop.Meta{Backend: Name, ModelID: known.ID, Estimated: true, ContentType: "application/json", Created: answered}
		b.models[known.ID] = m
	}
	return b, nil
}

// Do answers a call.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	if entry, ok := ctx.Value(entryKey{}).(*Request); ok {
		return b.answer(ctx, call, entry) // the Converse call inside a native one
	}
	var entry Request
	entry.RequestID, entry.Operation, entry.AskedModel = call.RequestID, call.Operation, call.ModelID
	reply, err := b.answer(ctx, call, &entry)
	b.remember(&entry, err)
	return reply, err
}

// entryKey leads to the log's entry of a native call, for the Converse call
// inside it.
type entryKey struct{}

// answer answers a call and notes for the log what it finds out.
func (b *Backend) answer(ctx context.Context, call *outcrop.Call, entry *Request) (*outcrop.Reply, error) {
	m, err := b.model(call.ModelID)
	if err != nil {
		return nil, err
	}
	entry.ModelID = m.ID
	if call.Native() {
		return b.answerNative(ctx, m, call, entry)
	}
	req, err := b.check(m, call)
	if err != nil {
		return nil, err
	}
	p := readPrompt(m.ID, req)
	entry.Turn = p.turn
	if b.prompts {
		entry.Prompt = strings.Clone(p.text)
	}
	v, err := b.judge(ctx, subject{
		asked: call.ModelID, model: m.ID, stream: call.Streams(), text: p.text, turn: p.turn,
		tools: req.ToolConfig, result: len(p.results) > 0,
	}, entry)
	if err != nil {
		return nil, err
	}
	response, t, err := b.respond(m, req, &p, &v)
	if err != nil {
		return nil, err
	}
	entry.StopReason, entry.Usage = response.StopReason, response.Usage
	for i := range response.Output.Message.Content {
		if use := response.Output.Message.Content[i].ToolUse; use != nil {
			entry.Tools = append(entry.Tools, use.Name)
		}
	}
	return b.send(ctx, m, call, response, t, &p, v.reply)
}

// send gives a response away at the model's pace.
func (b *Backend) send(ctx context.Context, m *model, call *outcrop.Call, response *bedrock.ConverseResponse, t timing, p *prompt, rule *scripted) (*outcrop.Reply, error) {
	leave, err := m.slots.take(ctx)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	if call.Streams() {
		stream := b.stream(ctx, m, response, t, p, rule)
		stream.OnEnd(func(error) { leave() })
		return outcrop.NewStreamReply(m.metaOf(p, t), stream), nil
	}
	defer leave()
	if m.paced {
		if err := b.clock.Sleep(ctx, t.total(response.Usage.OutputTokens)); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	return outcrop.NewConverseReply(m.metaOf(p, timing{}), response), nil
}

// answerNative answers a call with a model's own body.
func (b *Backend) answerNative(ctx context.Context, m *model, call *outcrop.Call, entry *Request) (*outcrop.Reply, error) {
	inner := *entry // only what gets into a context has to live on the heap
	reply, err := b.native(context.WithValue(ctx, entryKey{}, &inner), m, call)
	*entry = inner
	return reply, err
}

// stream is a response event by event.
func (b *Backend) stream(ctx context.Context, m *model, response *bedrock.ConverseResponse, t timing, p *prompt, rule *scripted) *outcrop.Stream {
	ctx, cancel := context.WithCancel(ctx)
	pause := new(outcrop.Pause)
	wait := pacing(ctx, b.clock, pause, t, response.Usage.OutputTokens, m.paced)
	return outcrop.NewStream(cutShort(events(response, p.seed.fork(forStream), wait), rule), cancel).WithPause(pause)
}

// metaOf is how a reply came about.
func (m *model) metaOf(p *prompt, t timing) outcrop.Meta {
	meta := m.meta
	if m.paced {
		meta.Header = map[string]string{PaceHeader: m.pace.Name}
	}
	id := p.seed.fork(forRequestID)
	meta.RequestID, meta.FirstByte = id.requestID(), t.first
	return meta
}

// answered is the time that every reply carries where its format has one:
// equal requests get equal bytes, on every day.
var answered = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// judge asks the rules in force, and waits as long as the one that applies
// says. Its error is the rule's.
func (b *Backend) judge(ctx context.Context, about subject, entry *Request) (verdict, error) {
	rules, err := b.rules.current()
	if err != nil {
		return verdict{}, rulesFailed(err)
	}
	v := rules.judge(&about, b.clock.Now)
	entry.Rule = v.rule
	if v.reply != nil && v.reply.delay > 0 {
		if err := b.clock.Sleep(ctx, v.reply.delay); err != nil {
			return v, outcrop.AsError(err)
		}
	}
	if v.err != nil {
		return v, v.err
	}
	return v, nil
}

// remember writes a call into the log.
func (b *Backend) remember(entry *Request, err error) {
	if b.log.size < 0 {
		return
	}
	entry.Time = b.clock.Now()
	if err != nil {
		e := outcrop.AsError(err)
		entry.ErrorCode, entry.Field = e.Code, e.Field
	}
	b.log.add(entry)
}

// model finds the model of an id, profile id or ARN.
func (b *Backend) model(id string) (*model, error) {
	match, ok := b.catalog.Resolve(id)
	if !ok {
		e := outcrop.Errorf(bedrock.CodeValidation, outcrop.InvalidModel)
		e.Field = "modelId"
		return nil, e
	}
	return b.models[match.Model.ID], nil
}

// CheckModel refuses a model that the catalogue does not have.
func (b *Backend) CheckModel(modelID string) error {
	_, err := b.model(modelID)
	return err
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
	if err := bedrock.CheckConverse(req, m.limits); err != nil {
		return nil, outcrop.AsError(err)
	}
	if err := outcrop.RefuseGuardrails(req); err != nil {
		return nil, err
	}
	return native.OwnFormat(req), nil
}

// respond makes the whole response, and how long it takes.
func (b *Backend) respond(m *model, req *bedrock.ConverseRequest, p *prompt, v *verdict) (*bedrock.ConverseResponse, timing, error) {
	var said draft
	var err error
	if said.blocks, err = b.scriptedBlocks(v, req, p); err == nil && said.blocks == nil {
		said, err = b.compose(m, req, p)
	}
	if err != nil {
		return nil, timing{}, err
	}
	limit := m.MaxOutput
	if limit == 0 {
		limit = unknownLimit
	}
	s := shape(m.counter, req.InferenceConfig, limit, said)
	if v.reply != nil {
		b.spoil(&s, v.reply.malformed, req, v.stream)
		if v.reply.stop != "" {
			s.stop = v.reply.stop
		}
	}
	t := m.pace.of(p.seed.fork(forTiming))
	response := &bedrock.ConverseResponse{
		Output:            bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: s.blocks}},
		StopReason:        s.stop,
		Usage:             usageOf(m.counter.Input(req), s.output),
		Metrics:           bedrock.ConverseMetrics{LatencyMs: int(t.total(s.output) / time.Millisecond)},
		PerformanceConfig: req.PerformanceConfig,
		ServiceTier:       req.ServiceTier,

		AdditionalModelResponseFields: responseFields(req.AdditionalModelResponseFieldPaths, s.sequence),
	}
	return response, t, nil
}

// responseFields is what a request asks for of the model's own reply fields.
// The one there is to tell of is the stop sequence that ended the text.
func responseFields(paths []string, sequence string) bedrock.Document {
	if sequence == "" || !slices.Contains(paths, "/stop_sequence") {
		return nil
	}
	text, err := bedrock.Marshal(map[string]string{"stop_sequence": sequence})
	if err != nil {
		return nil // a sequence of bad UTF-8 stops nothing and tells nothing
	}
	return text
}

// unknownLimit is the limit of output tokens of a model that publishes none.
const unknownLimit = 4096

// CountTokens counts a call's input as the usage of its reply would.
func (b *Backend) CountTokens(_ context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	m, err := b.model(call.ModelID)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	if call.Native() {
		return countNative(m, call)
	}
	req, err := call.Converse()
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	return outcrop.TokenCount{InputTokens: m.counter.Input(native.OwnFormat(req)).Total, Estimated: true}, nil
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
