package governed

import (
	"context"
	"errors"
	"maps"
	"strconv"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

// Backend is a back-end that is kept within its quotas. It is safe for
// concurrent use.
type Backend struct {
	abilities
	governor *Governor
	lane     Lane
}

var (
	_ outcrop.Backend       = (*Backend)(nil)
	_ outcrop.Embedder      = (*Backend)(nil)
	_ outcrop.TokenCounter  = (*Backend)(nil)
	_ outcrop.SchemaSupport = (*Backend)(nil)
	_ outcrop.ModelChecker  = (*Backend)(nil)
	_ outcrop.ModelLister   = lister{}

	_ outcrop.OperationServer = (*Backend)(nil)
)

// lister is a Backend that knows its models. One that does not must not seem
// to: a router asks those that do.
type lister struct{ *Backend }

// Models lists the models that the back-end knows.
func (b lister) Models(ctx context.Context) ([]outcrop.Model, error) { return b.next.Models(ctx) }

// Do waits for a reservation, asks the back-end, and settles. Each Do has a
// reservation of its own, and one that is continued a second.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if !infers(call.Operation) {
		return b.next.Next.Do(ctx, call)
	}
	at := placed(ctx)
	p := b.governor.find(&b.lane, call, call.ModelID, at.among(&b.lane, call))
	if p == nil {
		return b.next.Next.Do(ctx, call)
	}
	a := b.prepare(p, call, at.known(p))
	switch {
	case !a.shortened():
		return b.once(ctx, a)
	case call.Streams():
		return b.continuedStream(ctx, a)
	}
	return b.continued(ctx, a)
}

// infers tells whether an operation uses up a model's quota.
func infers(operation string) bool {
	switch operation {
	case bedrock.OpConverse, bedrock.OpConverseStream, bedrock.OpInvokeModel, bedrock.OpInvokeModelWithResponseStream:
		return true
	}
	return false
}

// once makes one attempt.
func (b *Backend) once(ctx context.Context, a *attempt) (*outcrop.Reply, error) {
	t, err := b.governor.reserve(ctx, a)
	if err != nil {
		return nil, err
	}
	answered := false
	defer t.lost(&answered)
	reply, err := b.next.Next.Do(ctx, a.call)
	answered = true
	if err != nil {
		t.failed(err, 0)
		return nil, err
	}
	if limit := a.told(); limit != "" && !b.governor.config.Observe {
		tell(&reply.Meta, HeaderMaxTokens, limit)
	}
	tellQueued(&reply.Meta, t.waited)
	if reply.Stream != nil {
		reply.Stream = t.watch(reply.Stream)
		return reply, nil
	}
	t.settle(reply)
	return reply, nil
}

// tell adds a header to a reply; the map may be shared.
func tell(meta *outcrop.Meta, name, value string) {
	header := maps.Clone(meta.Header)
	if header == nil {
		header = make(map[string]string, 2)
	}
	header[name] = value
	meta.Header = header
}

// Embed makes embeddings, with a reservation for their input.
func (b *Backend) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	p := b.governor.find(&b.lane, call, call.ModelID, placed(ctx).among(&b.lane, call))
	if p == nil {
		return b.next.Embed(ctx, call, req)
	}
	t, err := b.governor.reserve(ctx, &attempt{pool: p, call: call, input: textsTokens(p, req.Texts), limit: 1, ceiling: 1})
	if err != nil {
		return nil, outcrop.Meta{}, err
	}
	answered := false
	defer t.lost(&answered)
	embeddings, meta, err := b.next.Embed(ctx, call, req)
	answered = true
	if err != nil {
		t.failed(err, 0)
		return nil, meta, err
	}
	tellQueued(&meta, t.waited)
	t.settled(&bedrock.TokenUsage{InputTokens: embeddings.InputTokens})
	return embeddings, meta, nil
}

// reserve waits for the attempt's turn. The error is Bedrock's, for the caller.
func (g *Governor) reserve(ctx context.Context, a *attempt) (*ticket, error) {
	patience := g.waits.of(ctx, a.call.Class)
	r := quota.Request{
		Pools: []quota.PoolID{a.pool.id}, Tenant: a.call.Caller.Tenant, Weight: a.call.Caller.Weight, Class: quota.Class(a.call.Class),
		Input: a.input, MaxTokens: a.limit, Observe: g.config.Observe,
		MaxWait: patience.most,
	}
	if at := placed(ctx); at != nil {
		r.Conversation = at.conversation
	}
	id, d, err := g.gate.Acquire(ctx, r)
	if err == nil {
		a.pool.admitted(a, d, g.config.Observe)
		return &ticket{gate: g.gate, attempt: a, id: id, waited: d.Waited}, nil
	}
	if refused, ok := errors.AsType[*quota.RefusedError](err); ok {
		a.pool.note(func(s *Stats) { s.Refused++ })
		return nil, g.refusal(refused, a, patience)
	}
	switch {
	case errors.Is(err, quota.ErrClosed):
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "the quota books are closed: the program is ending")
	case ctx.Err() != nil:
		a.pool.note(func(s *Stats) { s.Gone++ })
		return nil, outcrop.AsError(context.Cause(ctx))
	}
	return nil, outcrop.AsError(err)
}

// refusal is a refusal of the quota books.
func (g *Governor) refusal(refused *quota.RefusedError, a *attempt, p patience) error {
	limit := refused.Decision.Limit
	const books = "Outcrop's own quota books say so, not the service"
	if refused.Decision.Reason == quota.TooLarge {
		e := refusalOf(refused, limit, books, "input and max_tokens together reserve "+strconv.Itoa(a.input+a.limit)+" tokens, more than the quota ever grants: lower max_tokens")
		e.Retryable = false
		return e
	}
	return refusalOf(refused, limit, books, tooLate(&refused.Decision, p))
}
