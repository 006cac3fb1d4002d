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
//
// A record waits for as long as it takes, which is until those before it have
// been answered: at least one is always under way. To refuse it after a time, as
// the queues with a bound do, would send it to the end of the line.
type yielding struct {
	abilities

	mu       sync.Mutex
	asked    time.Time // the last interactive call
	inflight int       // calls under way, of all classes
	others   int       // of them, those that yield
	waiting  []*turn
	calm     *time.Timer // looks again when nobody is to be yielded to any more
	search   search
	epoch    epoch
}

// turn is what a call waits for.
type turn struct {
	come  chan struct{}
	since time.Time
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
	now := time.Now()
	s := QueueStatus{Inflight: b.inflight, Tried: true, Queued: Queued{Batch: len(b.waiting)}}
	if b.shared(now) {
		s.Concurrent = b.search.bound
	}
	if len(b.waiting) > 0 {
		s.LongestMs = now.Sub(b.waiting[0].since).Milliseconds()
	}
	return s
}

// Do makes a call, in its turn.
func (b *yielding) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if !infers(call.Operation) {
		return b.next.Next.Do(ctx, call)
	}
	waited, err := b.enter(ctx, call.Class)
	if err != nil {
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
	tellQueued(&reply.Meta, waited)
	if reply.Stream != nil {
		streams = true
		reply.Stream.OnEnd(func(err error) { b.leave(call.Class, err == nil) })
	}
	return reply, nil
}

// Embed makes embeddings, in its turn.
func (b *yielding) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	waited, err := b.enter(ctx, call.Class)
	if err != nil {
		return nil, outcrop.Meta{}, outcrop.AsError(err)
	}
	ok := false
	defer func() { b.leave(call.Class, ok) }()
	embeddings, meta, err := b.next.Embed(ctx, call, req)
	if ok = err == nil; ok {
		tellQueued(&meta, waited)
	}
	return embeddings, meta, err
}

// enter waits until a call may go, and tells for how long.
func (b *yielding) enter(ctx context.Context, class outcrop.Class) (waited time.Duration, err error) {
	t := b.queue(class)
	if t == nil {
		return 0, nil
	}
	select {
	case <-t.come:
		return time.Since(t.since), nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, t); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return 0, context.Cause(ctx)
	}
	return time.Since(t.since), nil // it was let go in the same moment; the call finds its context ended
}

// queue lets a call go, or else puts it into the queue, for its turn.
func (b *yielding) queue(class outcrop.Class) *turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if class == outcrop.Interactive {
		b.asked = now
		b.inflight++
		return nil
	}
	if len(b.waiting) == 0 && b.free(now) {
		b.admit()
		return nil
	}
	t := &turn{come: make(chan struct{}), since: now}
	b.waiting = append(b.waiting, t)
	b.look(now)
	return t
}

// look lets go who may, and sees to it that somebody looks again when nobody is
// to be yielded to any more: those under way may take longer than that.
func (b *yielding) look(now time.Time) {
	for len(b.waiting) > 0 && b.free(now) {
		close(b.waiting[0].come)
		b.waiting = b.waiting[1:]
		b.admit()
	}
	if len(b.waiting) == 0 || b.inflight > b.others { // the end of an interactive call looks
		return
	}
	calm := b.asked.Add(quiet).Sub(now) + 1
	if b.calm == nil {
		b.calm = time.AfterFunc(calm, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.look(time.Now())
		})
		return
	}
	b.calm.Reset(calm)
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
	b.look(now)
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
