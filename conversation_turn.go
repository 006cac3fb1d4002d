package outcrop

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// turnRun is one turn, from its request to its commit:
//
//	acquire the conversation → replay? → if-turn → match → assemble
//	   → write the intent → ask the model → commit → release
//
// It has the conversation's turn while it lasts; a stream passes it on to
// whoever reads it.
type turnRun struct {
	k      *keeper
	call   *Call
	req    *bedrock.ConverseRequest
	keys   turnKeys
	digest string

	c       *openConversation
	forked  bool // c was made for this turn
	unnamed bool // it was recognised; what it leaves out is left out
	asked   bool // the model was
	aside   *setAside

	state   *memory.State // what c will have; c's own unless before has turns
	before  []turnRecord  // of a history that was begun elsewhere
	next    memory.NewTurn
	policy  memory.Policy
	budget  int
	model   memory.Model
	context *memory.Context
}

// do runs a turn.
func (k *keeper) do(ctx context.Context, call *Call, req *bedrock.ConverseRequest) (*Reply, error) {
	keys, err := readKeys(req.RequestMetadata)
	if err != nil {
		return nil, err
	}
	keys.onConflict = cmp.Or(keys.onConflict, k.config.OnConflict)
	return k.turn(ctx, &turnRun{k: k, call: call, req: req, keys: keys})
}

// turn runs a turn, from taking hold of its conversation on.
func (k *keeper) turn(ctx context.Context, r *turnRun) (*Reply, error) {
	r.keys.idempotency = cmp.Or(r.keys.idempotency, OriginOf(ctx).ClientToken)
	r.digest = digestOf(r.req.Messages)
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	answered := false
	defer func() {
		if !answered { // by a panic too, or nobody would get the next turn
			r.giveUp(ctx)
		}
	}()
	reply, err := r.run(ctx)
	if err != nil {
		return nil, AsError(err)
	}
	if answered = true; reply.Stream == nil {
		k.release(r.c)
	}
	return reply, nil
}

// take gets hold of the conversation.
func (r *turnRun) take(ctx context.Context) (err error) {
	key := conversationKey(r.call.Caller, r.keys.id)
	r.c, err = r.k.acquire(ctx, key, r.keys.onConflict == ConflictQueue)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, errBusy):
		return AsError(err)
	case r.keys.onConflict == ConflictFork:
		return r.fork(ctx, key, -1)
	}
	e := Errorf(bedrock.CodeConflict, "another turn of conversation %s is under way", r.keys.id)
	e.Field, e.Cause = "requestMetadata."+KeyConversation, errBusy
	return e
}

// giveUp ends a turn that stored nothing.
func (r *turnRun) giveUp(ctx context.Context) {
	if r.c == nil {
		return
	}
	if r.forked {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		_ = r.k.config.Store.Delete(ctx, r.c.key) // nobody knows its id; expiry is what else removes it
		cancel()
		r.c.forget()
	}
	r.k.release(r.c)
	r.c = nil
}

// run is the turn while the conversation is held.
func (r *turnRun) run(ctx context.Context) (*Reply, error) {
	if done, err := r.repeated(); done != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return r.replay(done), nil
	}
	if err := r.checkTurn(ctx); err != nil {
		return nil, err
	}
	if err := r.match(); err != nil {
		return nil, err
	}
	if err := r.assemble(ctx); err != nil {
		return nil, err
	}
	if err := r.intend(ctx); err != nil {
		return nil, storeError(err)
	}
	if r.call.Streams() {
		return r.stream(ctx)
	}
	return r.whole(ctx)
}

// number is what the turn gets.
func (r *turnRun) number() int { return r.state.Len() + 1 }

// checkTurn holds the turn against the number that it must get.
func (r *turnRun) checkTurn(ctx context.Context) error {
	want, has := r.keys.ifTurn, r.c.state.Len()
	if want == 0 || want == has+1 {
		return nil
	}
	if want <= has && r.keys.onConflict == ConflictFork {
		key := r.c.key
		r.k.release(r.c)
		r.c = nil
		return r.fork(ctx, key, want-1)
	}
	hint := ""
	if r.c.state.Interrupted() && want == has {
		hint = "; turn " + strconv.Itoa(has) + " was interrupted, and " + KeyResume + " goes on from it"
	}
	e := Errorf(bedrock.CodeConflict, "conversation %s is at turn %d, so that this would be turn %d, not %d%s", r.c.key.ID, has, has+1, want, hint)
	e.Field = "requestMetadata." + KeyIfTurn
	return e
}

// match finds what of the request is new.
func (r *turnRun) match() error {
	r.state = r.c.state
	r.next = memory.NewTurn{Resume: r.keys.resume}
	if r.keys.resume && !r.state.Interrupted() {
		return Invalid("requestMetadata."+KeyResume, "the last turn of the conversation was not interrupted")
	}
	if len(r.req.Messages) > 0 || !r.keys.resume {
		m, err := r.matchHistory()
		if err != nil {
			return memoryError(err)
		}
		r.next.Messages, r.next.First = m.New, m.First
		if err := r.adopt(m.Turns); err != nil {
			return err
		}
	}
	if r.unnamed && (r.req.System == nil && r.state.System() != nil || r.req.ToolConfig == nil && r.state.Tools() != nil) {
		return errLeftOut
	}
	if !sameJSON(r.req.System, r.state.System()) && r.req.System != nil {
		r.next.System = r.req.System
	}
	if r.req.ToolConfig != nil && !sameJSON(r.req.ToolConfig, r.state.Tools()) {
		r.next.Tools = r.req.ToolConfig
	}
	return nil
}

// matchHistory finds what of the messages is new.
func (r *turnRun) matchHistory() (memory.Matched, error) {
	m, err := memory.Match(r.state, r.req.Messages)
	if r.unnamed && err != nil && r.outdated(err) {
		return memory.Match(r.state, r.req.Messages)
	}
	return m, err
}

// adopt takes over turns of a history that was begun elsewhere. They are stored
// together with the new turn.
func (r *turnRun) adopt(turns []memory.Turn) error {
	if len(turns) == 0 {
		return nil
	}
	r.state = r.state.Clone()
	for i := range turns {
		if err := r.state.Append(turns[i]); err != nil {
			return memoryError(err)
		}
		r.before = append(r.before, turnRecord{At: r.k.now().UTC(), Turn: r.state.Turn(r.state.Len())})
	}
	return nil
}

func sameJSON(a, b any) bool {
	x, err := bedrock.Marshal(a)
	if err != nil {
		return false
	}
	y, err := bedrock.Marshal(b)
	return err == nil && bytes.Equal(x, y)
}

// assemble chooses what to send.
func (r *turnRun) assemble(ctx context.Context) error {
	r.policy = r.k.config.Policy
	r.policy.Strategy = cmp.Or(r.keys.strategy, r.policy.Strategy)
	if r.budget == 0 {
		r.budget = cmp.Or(r.keys.budget, r.k.config.Budget)
	}
	if r.budget == 0 {
		var maxTokens *int
		if c := r.req.InferenceConfig; c != nil {
			maxTokens = c.MaxTokens
		}
		r.budget = r.k.windows.of(ctx, r.call.ModelID).budget(maxTokens)
	}
	r.model = memory.For(r.call.ModelID)
	chosen, why, err := memory.Assemble(r.state, r.next, r.policy, memory.Budget{Tokens: r.budget}, r.model)
	if err != nil {
		return memoryError(err)
	}
	r.context = chosen
	r.c.head.Explanation, r.c.head.Explained = brief(why), r.number()
	return nil
}

// maxExplained is how many blocks a stored explanation tells of: the newest.
const maxExplained = 1000

func brief(why *memory.Explanation) *memory.Explanation {
	if n := len(why.Sent); n > maxExplained {
		short := *why
		short.Sent = why.Sent[n-maxExplained:]
		return &short
	}
	return why
}

// intend writes that the turn is about to be asked.
func (r *turnRun) intend(ctx context.Context) error {
	if a := r.aside; a != nil {
		r.c.head.Aside = append(r.c.head.Aside, a.turn)
		r.c.state = a.state
	}
	r.c.head.Intent = &turnIntent{Turn: r.number(), At: r.k.now().UTC(), Key: r.keys.idempotency}
	return r.k.putHead(ctx, r.c)
}

// ask sends the context to the model.
func (r *turnRun) ask(ctx context.Context) (*Reply, error) {
	req := *r.req
	req.RequestMetadata = withoutKeys(req.RequestMetadata)
	r.context.Apply(&req)
	r.asked = true
	return r.k.backend.Do(ctx, r.call.WithConverse(r.call.Operation, &req))
}

// smaller assembles a smaller context, compacted where the strategy has that,
// for a model that found the first too long. It tells whether there is one.
func (r *turnRun) smaller(ctx context.Context) bool {
	if r.next.Compact {
		return false // once
	}
	before := r.context
	r.next.Compact = true
	r.budget = before.Tokens * 2 / 3
	if r.budget == 0 || r.assemble(ctx) != nil || r.context.Tokens >= before.Tokens {
		r.context = before
		return false
	}
	return true
}

// tooLong tells whether a refusal says that the context is too long. There is
// no code for it; these are the words of the vendors.
func tooLong(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != bedrock.CodeValidation {
		return false
	}
	text := strings.ToLower(e.Message)
	for _, words := range []string{"too long", "context length", "context window", "context size", "too many input tokens"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// whole asks for a reply in one piece.
func (r *turnRun) whole(ctx context.Context) (*Reply, error) {
	reply, response, err := r.respond(ctx)
	exceeded := response != nil && response.StopReason == bedrock.StopReasonModelContextWindowExceeded
	if (exceeded || tooLong(err)) && r.smaller(ctx) {
		reply, response, err = r.respond(ctx)
	}
	if err != nil {
		return nil, err
	}
	if response.Output.Message == nil {
		return nil, Errorf(bedrock.CodeModelError, "the model's reply holds no message")
	}
	if err := r.commit(ctx, response, false); err != nil {
		if r.unnamed {
			return reply, nil
		}
		return nil, err
	}
	reply.Meta = r.told(reply.Meta)
	return reply, nil
}

func (r *turnRun) respond(ctx context.Context) (*Reply, *bedrock.ConverseResponse, error) {
	reply, err := r.ask(ctx)
	if err != nil {
		return nil, nil, err
	}
	if reply.Stream != nil {
		_ = reply.Stream.Close()
		return nil, nil, Errorf(bedrock.CodeInternalServer, "the back-end answered %s with a stream", r.call.Operation)
	}
	response, err := reply.Converse()
	return reply, response, err
}

// commit stores the turn. When it returns, the turn is kept.
func (r *turnRun) commit(ctx context.Context, response *bedrock.ConverseResponse, interrupted bool) error {
	if err := r.state.Append(r.context.Turn(response.Output.Message, interrupted)); err != nil {
		return Errorf(bedrock.CodeModelError, "the model's reply does not fit into the conversation: %w", err)
	}
	record := turnRecord{
		At: r.k.now().UTC(), Key: r.keys.idempotency, Digest: r.digest, StopReason: response.StopReason,
		LatencyMs: response.Metrics.LatencyMs, Turn: r.state.Turn(r.state.Len()),
	}
	if response.Usage.TotalTokens > 0 {
		record.Usage = &response.Usage
	}
	if err := r.k.append(ctx, r.c, append(r.before, record)); err != nil {
		return err
	}
	r.c.state = r.state
	r.k.summarise(ctx, r)
	return nil
}

// The headers of a reply that tell of its turn.
const (
	HeaderConversation = "X-Outcrop-Conversation"
	HeaderTurn         = "X-Outcrop-Turn"
	HeaderReplayed     = "X-Outcrop-Replayed" // "true": answered from what was stored
)

// told is meta with the conversation in it. The turn is not committed for a
// stream yet, or is the last one.
func (r *turnRun) told(meta Meta) Meta {
	meta.Conversation, meta.Turn = r.c.key.ID, r.c.head.Intent.Turn
	return withTurnHeaders(meta)
}

func withTurnHeaders(meta Meta) Meta {
	meta.Header = maps.Clone(meta.Header)
	if meta.Header == nil {
		meta.Header = make(map[string]string, 2)
	}
	meta.Header[HeaderConversation] = meta.Conversation
	meta.Header[HeaderTurn] = strconv.Itoa(meta.Turn)
	return meta
}

// memoryError is an error of package memory as a caller sees it.
func memoryError(err error) error {
	e := Errorf(bedrock.CodeValidation, "%w", err) // it begins with the field
	e.Cause = err
	if m, ok := errors.AsType[*memory.MismatchError](err); ok {
		e.Field = m.Field()
	} else if in, ok := errors.AsType[*memory.InputError](err); ok {
		e.Field = in.Field
	} else if b, ok := errors.AsType[*memory.BudgetError](err); ok {
		e.Field = b.Field
	} else {
		return AsError(err)
	}
	return e
}
