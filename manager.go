package outcrop

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// Config says what a Manager works with. Backend is required.
type Config struct {
	// ModelID is the model of requests that name none.
	ModelID string

	// Profile is the name of the configuration profile in force; it is
	// reported, and decides nothing here.
	Profile string

	// Backend answers the calls.
	Backend Backend

	// Jobs runs batch jobs; without it, Batch is refused.
	Jobs Jobs

	// Construct bounds a Construct call beside its own maxAttempts.
	Construct ConstructLimits

	// Conversations says how the turns of conversations are kept. A Backend
	// that is a ConversationKeeper keeps them itself, and this does not apply.
	Conversations ConversationsConfig

	// Now is the clock of measured latencies; time.Now when nil.
	Now func() time.Time
}

// Manager offers the five inference methods on one Backend. It is safe for
// concurrent use. One that keeps conversations must be closed.
type Manager struct {
	config  Config
	schemas *structured.Compiler
	keeper  *keeper // nil when conversations are not kept here
}

// New makes a Manager.
func New(config Config) (*Manager, error) {
	if config.Backend == nil {
		return nil, errors.New("outcrop: Config.Backend is missing; package local opens a manager with the simulator")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	m := &Manager{config: config, schemas: structured.NewCompiler(structured.Config{})}
	if config.Conversations.Store != nil {
		if _, theirs := config.Backend.(ConversationKeeper); !theirs {
			m.keeper = newKeeper(config.Conversations, config.Backend, config.Now)
		}
	}
	return m, nil
}

// Close ends what conversations have going on in the background, summaries and
// expiry, and waits for it. The store stays open, and so do turns under way.
func (m *Manager) Close(context.Context) error {
	if m.keeper != nil {
		m.keeper.close()
	}
	return nil
}

// Profile is the configuration profile that the manager was made for.
func (m *Manager) Profile() string { return m.config.Profile }

// ModelID is the model of requests that name none.
func (m *Manager) ModelID() string { return m.config.ModelID }

// Do passes a call on as it is: the door for callers that have bytes, such as
// a server. A Manager is itself a Backend. A call that names no model goes to the
// default one, and a Converse call whose requestMetadata names a conversation is
// one of its turns; only such calls are changed.
func (m *Manager) Do(ctx context.Context, call *Call) (*Reply, error) {
	if call.ModelID == "" {
		switch toModel := slices.Contains(modelOperations, call.Operation); {
		case toModel && m.config.ModelID == "":
			return nil, Invalid("modelId", "no model is named, and the manager has no default")
		case toModel:
			call = call.WithModel(m.config.ModelID)
		case !m.Serves(call.Operation):
			return nil, Errorf(bedrock.CodeValidation, "no back-end here serves %s, which Amazon Bedrock does: configure one of kind amazon", call.Operation)
		}
	}
	req, err := keyedRequest(call)
	if err != nil {
		return nil, err
	}
	if req == nil {
		if reply, err := m.recognised(ctx, call); reply != nil || err != nil {
			return reply, err
		}
		return m.config.Backend.Do(ctx, call)
	}
	if _, theirs := m.config.Backend.(ConversationKeeper); theirs {
		return m.config.Backend.Do(ctx, call)
	}
	if m.keeper == nil {
		return nil, notKept()
	}
	return m.keeper.do(ctx, call, req)
}

// modelOperations are those whose calls go to a model.
var modelOperations = []string{
	bedrock.OpConverse, bedrock.OpConverseStream, bedrock.OpInvokeModel, bedrock.OpInvokeModelWithResponseStream, bedrock.OpCountTokens,
}

// Serves tells whether the back-end answers an operation that names no model;
// see [OperationServer].
func (m *Manager) Serves(operation string) bool {
	return Abilities{m.config.Backend}.Serves(operation)
}

// Models lists the models that the back-end knows, or none when it cannot
// tell.
func (m *Manager) Models(ctx context.Context) ([]Model, error) {
	lister, ok := m.config.Backend.(ModelLister)
	if !ok {
		return nil, nil
	}
	return lister.Models(ctx)
}

// CountTokens counts the input tokens of a call without running it.
func (m *Manager) CountTokens(ctx context.Context, call *Call) (TokenCount, error) {
	counter, ok := m.config.Backend.(TokenCounter)
	if !ok {
		return TokenCount{}, Errorf(bedrock.CodeValidation, "the back-end of model %s cannot count tokens", call.ModelID)
	}
	return counter.CountTokens(ctx, call)
}

// Jobs is where batch jobs run, or an error that says there is no such place.
func (m *Manager) Jobs() (Jobs, error) {
	if m.config.Jobs == nil {
		return nil, Errorf(bedrock.CodeValidation, "batch jobs are not configured: set Config.Jobs, or open the manager with package local")
	}
	return m.config.Jobs, nil
}

// model is the id of a request, or the manager's default.
func (m *Manager) model(id string) string {
	if id == "" {
		return m.config.ModelID
	}
	return id
}
