package governed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/native"
)

// yielding is a back-end at which the records of jobs make room for interactive
// calls, though nobody has said how many calls it takes at once. An engine that
// is full lets calls wait in the order in which they came: behind all records
// that a job keeps there. So while there are interactive calls, a record goes
// only when fewer calls are under way than keep the engine busy, which is found
// out (search.go). Interactive calls are never held.
type yielding struct {
	abilities

	mu       sync.Mutex
	asked    time.Time // the last interactive call
	inflight int       // calls under way, of all classes
	others   int       // of them, those that yield
	waiting  []chan struct{}
	search   search
	epoch    epoch
}

// listedYielding is one that knows its models.
type listedYielding struct{ *yielding }

// Models lists the models that the back-end knows.
func (b listedYielding) Models(ctx context.Context) ([]outcrop.Model, error) {
	return b.next.Models(ctx)
}

// quiet is how long after the last interactive call nobody yields any more.
const quiet = 30 * time.Second

// epoch is a stretch of time under one bound, over which replies are counted.
type epoch struct {
	begun   time.Time // zero: not yet, calls of the bound before are under way
	replies int
	least   int // calls under way
}

// epochReplies are so many that a rate is known within about an eighth.
const epochReplies = 24

// Yield is a back-end at which calls that are not interactive make room for those
// that are: while there are any, no more of the others are under way than keep
// the back-end as busy as it was, or nearly so, and at least one. What the
// back-end can do besides Do, it still can.
func Yield(next outcrop.Backend) outcrop.Backend {
	b := &yielding{abilities: abilities{outcrop.Abilities{Next: next}}}
	if _, ok := next.(outcrop.ModelLister); ok {
		return listedYielding{b}
	}
	return b
}

// Queue tells who is there, and who waits. Which of the two lower classes these
// are of is not told apart.
func (b *yielding) Queue() QueueStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := QueueStatus{Inflight: b.inflight, Tried: true, Queued: Queued{Batch: len(b.waiting)}}
	if b.shared(time.Now()) {
		s.Concurrent = b.search.bound
	}
	return s
}

// Do makes a call, in its turn.
func (b *yielding) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if !infers(call.Operation) {
		return b.next.Next.Do(ctx, call)
	}
	if err := b.enter(ctx, call.Class); err != nil {
		return nil, outcrop.AsError(err)
	}
	ok, streams := false, false
	defer func() {
		if !streams {
			b.leave(call.Class, ok)
		}
	}()
	reply, err := b.next.Next.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	ok = true
	if reply.Stream != nil {
		streams = true
		reply.Stream.OnEnd(func(err error) { b.leave(call.Class, err == nil) })
	}
	return reply, nil
}

// Embed makes embeddings, in its turn.
func (b *yielding) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	if err := b.enter(ctx, call.Class); err != nil {
		return nil, outcrop.Meta{}, outcrop.AsError(err)
	}
	ok := false
	defer func() { b.leave(call.Class, ok) }()
	embeddings, meta, err := b.next.Embed(ctx, call, req)
	ok = err == nil
	return embeddings, meta, err
}

// enter waits until a call may go.
func (b *yielding) enter(ctx context.Context, class outcrop.Class) error {
	b.mu.Lock()
	if class == outcrop.Interactive {
		b.asked = time.Now()
		b.inflight++
		b.mu.Unlock()
		return nil
	}
	if len(b.waiting) == 0 && b.free(time.Now()) {
		b.admit()
		b.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	b.waiting = append(b.waiting, turn)
	b.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, turn); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return context.Cause(ctx)
	}
	return nil // it was let go in the same moment; the call finds its context ended
}

// free tells whether a call that yields may go.
func (b *yielding) free(now time.Time) bool {
	return b.search.bound == 0 || b.others == 0 || b.inflight < b.search.bound || !b.shared(now)
}

// shared tells whether there are interactive calls, or were lately.
func (b *yielding) shared(now time.Time) bool {
	return b.inflight > b.others || now.Sub(b.asked) <= quiet
}

func (b *yielding) admit() {
	b.inflight++
	b.others++
}

// leave notes that a call has ended, and whether by a reply.
func (b *yielding) leave(class outcrop.Class, replied bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if replied {
		b.count(now)
	}
	b.inflight--
	if class == outcrop.Interactive {
		b.asked = now
	} else {
		b.others--
	}
	for len(b.waiting) > 0 && b.free(now) {
		close(b.waiting[0])
		b.waiting = b.waiting[1:]
		b.admit()
	}
	if b.inflight < max(b.search.bound, 1) { // there is nobody to fill it
		b.epoch = epoch{}
	}
}

// count counts a reply, and takes what an epoch says.
func (b *yielding) count(now time.Time) {
	e := &b.epoch
	switch {
	case e.begun.IsZero() && (b.search.bound == 0 || b.inflight <= b.search.bound):
		*e = epoch{begun: now, least: b.inflight}
		return
	case e.begun.IsZero():
		return
	}
	e.replies++
	e.least = min(e.least, b.inflight)
	if e.replies < epochReplies {
		return
	}
	rate := float64(e.replies) / now.Sub(e.begun).Seconds()
	if b.shared(now) {
		b.search.learn(e.least, rate)
	}
	*e = epoch{}
}
