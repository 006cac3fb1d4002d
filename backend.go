package outcrop

import (
	"context"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Backend answers one call to a model: a simulator, a server, a cloud, or a
// decorator around another Backend.
//
// Do returns when the model has accepted or refused the call, so whatever goes
// wrong before is its error, always an [*Error]. For operations that stream,
// the reply's Stream goes on after Do has returned; the context given to Do
// governs the whole of it, and the caller must close it. Do is safe for
// concurrent use. It neither changes the call nor keeps it after the reply has
// ended.
type Backend interface {
	Do(ctx context.Context, call *Call) (*Reply, error)
}

// BackendFunc is a function as a Backend.
type BackendFunc func(ctx context.Context, call *Call) (*Reply, error)

// Do calls f.
func (f BackendFunc) Do(ctx context.Context, call *Call) (*Reply, error) { return f(ctx, call) }

// TokenCounter is a Backend that counts the input tokens of a call as its
// models do, or as well as it can.
type TokenCounter interface {
	CountTokens(ctx context.Context, call *Call) (TokenCount, error)
}

// TokenCount is how many input tokens a call has.
type TokenCount struct {
	InputTokens int
	Estimated   bool // counted without the model's own tokenizer
}

// ModelLister is a Backend that knows its models.
type ModelLister interface {
	Models(ctx context.Context) ([]Model, error)
}

// ModelChecker is a Backend that can say, without a call, that it does not know
// a model: the error that a call would get. Whether the model is there right
// now is not asked.
type ModelChecker interface {
	CheckModel(modelID string) error
}

// OperationServer is a Backend that answers operations which no model is named
// in, such as ApplyGuardrail: calls of [NewOperationCall] with an empty
// ModelID. Serves tells which.
type OperationServer interface {
	Serves(operation string) bool
}

// CallerChecker is a Backend that can say, without a call, that a caller may
// not use a model: the error that a call would get. A Manager asks it before it
// accepts a job, whose records would all fail.
type CallerChecker interface {
	CheckCaller(caller Caller, modelID string) error
}

// SchemaSupport is a Backend whose models can be held to a JSON Schema through
// Converse's outputConfig.textFormat. SchemaProfile names the subset that the
// model takes, as a profile of package structured; "" means none.
type SchemaSupport interface {
	SchemaProfile(modelID string) string
}

// Constructor is a Backend that answers Construct itself, as another Outcrop
// server does: it knows its models' abilities, and the retries stay near them.
// A Manager passes the request on, with its own default model filled in; the
// Manager's ConstructLimits do not apply. Errors are as [Manager.Construct]
// tells, with a [*bedrock.SchemaFailure] as the cause where no attempt
// validated.
type Constructor interface {
	Construct(ctx context.Context, req *bedrock.ConstructRequest) (*bedrock.ConstructResponse, error)
	ConstructStream(ctx context.Context, req *bedrock.ConstructRequest) (*Stream, error)
}

// Model describes a model that a Backend can answer for.
type Model struct {
	ID               string    `json:"modelId"` // a model id or an inference profile id, or an alias
	AliasOf          string    `json:"aliasOf,omitzero"`
	Name             string    `json:"name"` // for people: "Claude Sonnet 4.5"
	Provider         string    `json:"provider"`
	InputModalities  []string  `json:"inputModalities"` // TEXT, IMAGE, ...
	OutputModalities []string  `json:"outputModalities"`
	Streaming        bool      `json:"streaming"`
	ContextWindow    int       `json:"contextWindow,omitzero"` // tokens; 0 when unknown
	MaxOutput        int       `json:"maxOutput,omitzero"`     // tokens; 0 when unknown
	Profiles         []Profile `json:"profiles"`
	Lifecycle        string    `json:"lifecycle"` // ACTIVE or LEGACY
	Backend          string    `json:"backend"`   // which back-end answers for it
}

// Profile is an inference profile: a model under another id, which AWS runs
// in several Regions.
type Profile struct {
	ID      string   `json:"id"` // us.anthropic.claude-...
	Name    string   `json:"name"`
	Regions []string `json:"regions"`
}

// Meta tells how a reply came about.
type Meta struct {
	RequestID   string            // the upstream's own
	Backend     string            // "simulator", "openai", "amazon"
	ModelID     string            // the model that answered, resolved
	Attempts    int               // how often a back-end was asked; 0 means once
	MaxAttempts int               // how often one may be asked for a call; 0 where nobody asks again
	Estimated   bool              // the usage was counted here, not by the model
	ContentType string            // of Body, for InvokeModel
	Header      map[string]string // further reply headers, by canonical name

	// What InvokeModel's reply headers tell. A stream tells it in its last
	// event, and a Converse response in its body.
	Usage   *bedrock.TokenUsage
	Latency time.Duration

	// FirstByte is how long a stream's first content takes, from a back-end
	// that knows beforehand; 0 leaves it to the clock.
	FirstByte time.Duration

	// Conversation and Turn are where a turn of a conversation is kept: its id,
	// which differs from the one asked for after a fork, and its number.
	Conversation string
	Turn         int

	// Created is when the model says it answered, which some native formats
	// tell; zero leaves it to the clock.
	Created time.Time
}
