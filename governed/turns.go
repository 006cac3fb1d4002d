package governed

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

// TurnsConfig bounds the calls that are at one back-end at once.
type TurnsConfig struct {
	// Concurrent is how many; it must be positive.
	Concurrent int

	// MaxWait, BatchMaxWait and SpareWait are as in [Config].
	MaxWait, BatchMaxWait, SpareWait time.Duration
}

// turns is a back-end that gets a number of calls at once, whatever their
// models. So the queue is here and not behind it, where calls would go in the
// order of arrival: an interactive call goes before the records of a job that
// came first, and tenants take turns.
type turns struct {
	abilities
	gate  *quota.Gate
	pools []quota.PoolID // one
	waits waits
}

// listedTurns are turns at a back-end that knows its models.
type listedTurns struct{ *turns }

// Models lists the models that the back-end knows.
func (b listedTurns) Models(ctx context.Context) ([]outcrop.Model, error) { return b.next.Models(ctx) }

// TakeTurns is a back-end that gets at most so many calls at once, the more
// urgent ones first. A stream is under way until it ends. What the back-end can
// do besides Do, it still can. Close the closer once no more calls are made: it
// refuses whoever waits.
func TakeTurns(next outcrop.Backend, c TurnsConfig) (outcrop.Backend, io.Closer, error) {
	id := quota.PoolID{Account: "backend", Model: "all"}
	book, err := quota.NewBook(quota.Config{
		Now: time.Now(), Pools: []quota.PoolConfig{{ID: id, Concurrent: c.Concurrent}},
		Lease: longestCall,
	})
	if err != nil {
		return nil, nil, err
	}
	gate := quota.NewGate(book)
	b := &turns{abilities{outcrop.Abilities{Next: next}}, gate, []quota.PoolID{id}, waits{c.MaxWait, c.BatchMaxWait, c.SpareWait}.filled()}
	if _, ok := next.(outcrop.ModelLister); ok {
		return listedTurns{b}, gateCloser{gate}, nil
	}
	return b, gateCloser{gate}, nil
}

// longestCall is after how long a call is taken for lost, and its place given
// away. None should be: each gives its place back, however it ends.
const longestCall = 24 * time.Hour

type gateCloser struct{ *quota.Gate }

func (g gateCloser) Close() error {
	g.Gate.Close()
	return nil
}

// Queue tells who is there, and who waits.
func (b *turns) Queue() QueueStatus {
	s := &b.gate.Snapshot()[0]
	return QueueStatus{Inflight: s.Inflight, Concurrent: s.Concurrent, Queued: Queued{Interactive: s.Queued[0], Batch: s.Queued[1], Background: s.Queued[2]}}
}

// Do waits for a place, and gives it back with the reply's end.
func (b *turns) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if !infers(call.Operation) {
		return b.next.Next.Do(ctx, call)
	}
	leave, waited, err := b.enter(ctx, call)
	if err != nil {
		return nil, err
	}
	streams := false
	defer func() {
		if !streams {
			leave()
		}
	}()
	reply, err := b.next.Next.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	tellQueued(&reply.Meta, waited)
	if reply.Stream != nil {
		streams = true
		reply.Stream.OnEnd(func(error) { leave() })
	}
	return reply, nil
}

// Embed waits for a place too.
func (b *turns) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	leave, waited, err := b.enter(ctx, call)
	if err != nil {
		return nil, outcrop.Meta{}, err
	}
	defer leave()
	embeddings, meta, err := b.next.Embed(ctx, call, req)
	if err == nil {
		tellQueued(&meta, waited)
	}
	return embeddings, meta, err
}

// enter waits for a place, which leave gives back. All calls count alike.
func (b *turns) enter(ctx context.Context, call *outcrop.Call) (leave func(), waited time.Duration, err error) {
	patience := b.waits.of(ctx, call.Class)
	r := quota.Request{
		Pools: b.pools, Tenant: call.Caller.Tenant, Weight: call.Caller.Weight, Class: quota.Class(call.Class),
		MaxTokens: 1, MaxWait: patience.most,
	}
	id, d, err := b.gate.Acquire(ctx, r)
	if err == nil {
		return func() { b.gate.Settle(id, quota.Usage{Output: 1}) }, d.Waited, nil
	}
	refused, ok := errors.AsType[*quota.RefusedError](err)
	switch {
	case ok:
		return nil, 0, refusalOf(refused, d.Limit, "Outcrop lets no more calls be at the back-end at once (limits.concurrent)", tooLate(&d, patience))
	case errors.Is(err, quota.ErrClosed):
		return nil, 0, outcrop.Errorf(bedrock.CodeServiceUnavailable, "the back-end is closed: the program is ending")
	case ctx.Err() != nil:
		return nil, 0, outcrop.AsError(context.Cause(ctx))
	}
	return nil, 0, outcrop.AsError(err)
}
