package batch

import (
	"context"
	"errors"
	"sync"
)

// execution sends the records of a job that have no result yet, keeps each
// result, and writes the output. Each name is one goroutine, or several:
//
//	feed ── items ── send ×n ── results ── keep ── the store ── compose ── output
//
// feed (feed.go) claims shards and reads their records. keep (keep.go) takes what
// results have come and has them kept at once, so that a slow disk makes larger
// groups and not a longer queue. compose (compose.go) writes the lines of each
// finished shard, in order, while others are being worked on. A result counts as
// soon as the store has it.
type execution struct {
	*attempt
	plan  *plan
	src   *source
	calls context.Context // of the calls at the model

	limiter *limiter
	items   chan item
	results chan outcomeOf
	room    *budget       // input bytes in flight
	places  chan struct{} // one for each shard that may be open
	eager   bool          // what is kept takes no memory; otherwise, what is written

	cancel context.CancelCauseFunc // sends nothing more

	mu       sync.Mutex
	progress sync.Cond
	shards   map[int]*openShard // claimed and not written
	settled  map[int]bool       // finished and not written
	counted  int                // the results of the shards before this one are counted
	over     bool               // nothing more is settled
	failure  error              // why it does not go on
}

// item is a record on its way to the model.
type item struct {
	shard int
	r     *record
}

// outcomeOf is an item's result.
type outcomeOf struct {
	item
	result result
}

// openShard is a shard that is being worked on.
type openShard struct {
	left  int   // records without a result
	bytes int   // of input in flight, where that is given back when it is written
	tally Tally // of the results
}

func newExecution(a *attempt, p *plan, src *source, calls context.Context) *execution {
	c := &a.jobs.config
	e := &execution{
		attempt: a, plan: p, src: src, calls: calls,
		limiter: a.jobs.lanes.limiter(c.Lane(a.job.task.modelID)),
		items:   make(chan item), results: make(chan outcomeOf, c.Unkept),
		room: newBudget(c.InFlightBytes), places: make(chan struct{}, c.OpenShards),
		eager: c.Store.Durable(), shards: map[int]*openShard{}, settled: map[int]bool{},
	}
	e.progress.L = &e.mu
	return e
}

// run returns when all goroutines have ended: nil when every record has a
// result and all are written; errEarly when the job was stopped, and what there
// is was written; a cut when it is to go on later; another error when the job
// has failed, with what there is written where that is possible.
func (e *execution) run(stop context.Context) error {
	stop, e.cancel = context.WithCancelCause(stop)
	defer e.cancel(nil)
	defer context.AfterFunc(stop, e.room.open)()
	kept := context.WithoutCancel(stop)
	done, err := e.resume(kept)
	if err != nil {
		return cut{unkept(err)}
	}
	var feeding, sending, keeping, composing sync.WaitGroup
	feeding.Go(func() {
		defer close(e.items)
		e.note(e.feed(stop, done))
	})
	for range e.jobs.config.Concurrency {
		sending.Go(func() { e.send(stop) })
	}
	keeping.Go(func() { e.keep(kept) })
	composing.Go(func() {
		out := e.output(stop, e.src)
		defer out.abandon()
		e.note(e.compose(stop, out))
	})
	feeding.Wait()
	sending.Wait()
	close(e.results)
	keeping.Wait()
	e.finish(stop, done)
	composing.Wait()
	return e.verdict()
}

// note keeps the error of a goroutine that has ended. One of the input lets
// finish what was read before it; any other ends the sending.
func (e *execution) note(err error) {
	if err == nil || errors.Is(err, errEarly) {
		return
	}
	e.mu.Lock()
	if e.failure == nil || errors.As(err, new(cut)) {
		e.failure = err
	}
	e.progress.Broadcast()
	e.mu.Unlock()
	if !errors.As(err, new(unreadable)) {
		e.cancel(err)
	}
}

// unreadable is an error of the input.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// finish tells compose that nothing more will be settled. What earlier attempts
// had done of shards that this one did not come to is counted: it is written
// too.
func (e *execution) finish(stop context.Context, done map[int]bool) {
	cause := context.Cause(stop)
	switch {
	case errors.Is(cause, errClosed) && e.eager:
		e.note(cut{errClosed})
	case errors.As(cause, new(cut)):
		e.note(cause)
	case e.eager:
		e.note(e.countRest(context.WithoutCancel(stop), done))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	e.progress.Broadcast()
}

func (e *execution) countRest(ctx context.Context, done map[int]bool) error {
	e.mu.Lock()
	from := e.counted
	e.mu.Unlock()
	for n := from; n < len(e.plan.Shards); n++ {
		if done[n] {
			continue
		}
		results, err := e.work.Results(ctx, n)
		if err != nil {
			return cut{unkept(err)}
		}
		var t Tally
		for i := range results {
			t.add(&results[i])
		}
		e.job.count(&t)
	}
	return nil
}

func (e *execution) verdict() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failure != nil {
		return e.failure
	}
	if e.job.snapshot().Counts.ProcessedRecordCount < e.plan.Total {
		return errEarly
	}
	return nil
}

// resume finds out which shards were finished before, and what they come to.
func (e *execution) resume(ctx context.Context) (map[int]bool, error) {
	done := map[int]bool{}
	var before Tally
	for t, err := range e.work.Committed(ctx) {
		if err != nil {
			return nil, err
		}
		if !done[t.Shard] {
			done[t.Shard] = true
			before.sum(&t)
		}
	}
	e.job.recount(&before)
	return done, nil
}
