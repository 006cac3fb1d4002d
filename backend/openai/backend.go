package openai

import (
	"context"
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/structured"
)

// Name is what the back-end calls itself in a reply's Meta.
const Name = "openai"

// Backend asks one server. It is safe for concurrent use. Close it to drop
// its idle connections.
type Backend struct {
	config     Config
	recognised recognition
	client     *http.Client
	schemas    *structured.Compiler
}

var (
	_ outcrop.Backend       = (*Backend)(nil)
	_ outcrop.TokenCounter  = (*Backend)(nil)
	_ outcrop.ModelLister   = (*Backend)(nil)
	_ outcrop.SchemaSupport = (*Backend)(nil)
	_ outcrop.Embedder      = (*Backend)(nil)
)

// New makes a back-end. It does not connect yet.
func New(config Config) (*Backend, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Backend{
		config: config,
		client: &http.Client{
			Transport: config.Transport,
			// A redirect would carry the prompt, and perhaps the key, elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		schemas: structured.NewCompiler(structured.Config{}),
	}
	if engine := config.configured(); engine != "" {
		b.recognised.found.Store(&engine)
	}
	return b, nil
}

// Close drops idle connections. Calls under way go on. It may be called more
// than once.
func (b *Backend) Close() error {
	b.client.CloseIdleConnections()
	return nil
}

// Do answers a call.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if call.Native() {
		return outcrop.AnswerNative(ctx, call, b)
	}
	req, err := b.check(call)
	if err != nil {
		return nil, err
	}
	model := b.model(call.ModelID)
	a, err := b.prepare(ctx, req, model, call.Streams())
	if err != nil {
		return nil, err
	}
	if call.Streams() {
		return b.stream(ctx, a)
	}
	return b.converse(ctx, a)
}

// check reads a call's request and refuses what Amazon Bedrock would refuse.
func (b *Backend) check(call *outcrop.Call) (*bedrock.ConverseRequest, error) {
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
	if err := bedrock.CheckConverse(req, bedrock.ConverseLimits{}); err != nil {
		return nil, outcrop.AsError(err)
	}
	return native.OwnFormat(req), nil
}

// model is the server's name of a model.
func (b *Backend) model(id string) string {
	if name, ok := b.config.Models[id]; ok {
		return name
	}
	if name, ok := b.config.Models[native.BaseModel(id)]; ok {
		return name
	}
	if b.config.Model != "" {
		return b.config.Model
	}
	return id
}

// SchemaProfile names the subset of JSON Schema that the server's constrained
// decoding takes, where the configuration says which server it is, or the
// server does.
// It may have to ask, for a second at most.
func (b *Backend) SchemaProfile(string) string { return b.dialect(context.Background()).profile }
