package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// execution sends the records of a job that have no result yet, keeps each
// result, and writes the output. Each name is one goroutine, or several:
//
//	feed ── items ── send ×n ── results ── keep ── the store ── compose ── output
//
// feed claims shards and reads their records. keep takes what results have come
// and has them kept at once, so that a slow disk makes larger groups and not a
// longer queue. compose writes the lines of each finished shard, in order, while
// others are being worked on. A result counts as soon as the store has it.
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

// unread is what an error of the input means: one that may pass, such as a
// service that is away, interrupts a job whose results are kept meanwhile; any
// other fails it.
func (e *execution) unread(err error) error {
	if e.eager && outcrop.AsError(err).Retryable {
		return cut{err}
	}
	return unreadable{err}
}

// unwritten is what an error of the output means. The results were paid for, so
// where they are kept the job waits for a disk with room, a bucket that is there,
// or credentials that hold; unless it is ending, and has no time left to wait.
func (e *execution) unwritten(stop context.Context, err error) error {
	if err != nil && e.eager && stop.Err() == nil {
		return cut{err}
	}
	return err
}

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

// feed claims the shards that are not done, one after the other, and reads
// their records.
func (e *execution) feed(stop context.Context, done map[int]bool) error {
	reader := &shardReader{source: e.src}
	defer reader.close()
	for n := range e.plan.Shards {
		if done[n] {
			e.settle(n)
			continue
		}
		select {
		case e.places <- struct{}{}:
		case <-stop.Done():
			return errEarly
		}
		if stop.Err() != nil {
			return errEarly
		}
		if err := e.feedShard(stop, reader, n); err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) feedShard(stop context.Context, reader *shardReader, n int) error {
	s := &e.plan.Shards[n]
	open, has, err := e.claimShard(context.WithoutCancel(stop), n)
	if err != nil || open.left == 0 {
		return err
	}
	for r, err := range reader.records(stop, s) {
		if stop.Err() != nil {
			return errEarly
		}
		if err != nil {
			return e.unread(err)
		}
		if has[r.index-s.First] {
			continue
		}
		e.room.take(r.size)
		if !e.eager {
			e.mu.Lock()
			open.bytes += r.size
			e.mu.Unlock()
		}
		select {
		case e.items <- item{n, r}:
		case <-stop.Done():
			return errEarly
		}
	}
	return nil
}

// claimShard takes a shard, and tells which of its records have a result.
func (e *execution) claimShard(ctx context.Context, n int) (*openShard, []bool, error) {
	var results []Result
	err := e.insist(func() error { return e.work.ClaimShard(ctx, n) })
	if err == nil {
		err = e.insist(func() (err error) { results, err = e.work.Results(ctx, n); return err })
	}
	if err != nil {
		return nil, nil, err
	}
	s := &e.plan.Shards[n]
	has := make([]bool, s.Records)
	open := &openShard{left: s.Records, tally: Tally{Shard: n}}
	for i := range results {
		r := &results[i]
		if r.Record < 0 || r.Record >= s.Records || has[r.Record] {
			return nil, nil, fmt.Errorf("the journal holds a result of record %d of shard %d, which has %d", r.Record, n, s.Records)
		}
		has[r.Record] = true
		open.left--
		open.tally.add(r)
	}
	e.job.count(&open.tally)
	e.mu.Lock()
	e.shards[n], e.counted = open, n+1
	e.mu.Unlock()
	if open.left == 0 {
		return open, has, e.commit(ctx, open)
	}
	return open, has, nil
}

// send takes items to the model.
func (e *execution) send(stop context.Context) {
	send := &sender{
		config: &e.jobs.config, limiter: e.limiter, task: &e.job.task, caller: e.job.caller,
		jobID: e.job.snapshot().ID, stop: stop.Done(), say: e.job.say,
	}
	for it := range e.items {
		e.results <- outcomeOf{it, send.send(e.calls, it.r)}
	}
}

// keep has results kept, those that have come together as one group. After an
// error it goes on to take them, so that nobody waits, and keeps none.
func (e *execution) keep(ctx context.Context) {
	group := make([]Result, 0, cap(e.results)+1)
	broken := false
	for first := range e.results {
		group = e.collect(group[:0], first)
		if broken || len(group) == 0 {
			continue
		}
		if err := e.keepGroup(ctx, group); err != nil {
			broken = true
			e.note(err)
		}
	}
}

// collect adds a result to a group, and those that have come meanwhile.
func (e *execution) collect(group []Result, o outcomeOf) []Result {
	for ok := true; ok; {
		if e.eager {
			e.room.give(o.r.size)
		}
		if o.result.outcome != skipped {
			group = append(group, Result{
				Shard: o.shard, Record: o.r.index - e.plan.Shards[o.shard].First, Failed: o.result.outcome == failed,
				InputTokens: o.result.input, OutputTokens: o.result.output, Line: o.result.line,
			})
		}
		if len(group) == cap(group) {
			return group
		}
		select {
		case o, ok = <-e.results:
		default:
			return group
		}
	}
	return group
}

// keepGroup has a group of results kept, counts them, and commits the shards
// that they finish.
func (e *execution) keepGroup(ctx context.Context, group []Result) error {
	if err := e.insist(func() error { return e.work.Append(ctx, group) }); err != nil {
		return err
	}
	var all Tally
	var complete []*openShard
	e.mu.Lock()
	for i := range group {
		r := &group[i]
		all.add(r)
		open := e.shards[r.Shard]
		open.tally.add(r)
		if open.left--; open.left == 0 {
			complete = append(complete, open)
		}
	}
	e.mu.Unlock()
	e.job.count(&all)
	for _, open := range complete {
		if err := e.commit(ctx, open); err != nil {
			return err
		}
	}
	return nil
}

// longestWait bounds the time between two tries of a store that fails.
const longestWait = time.Minute

// insist tries until the store does what it is asked, and lets the job say why
// it waits: replies that were paid for are not given up for a store that is full
// or out of reach. It gives up, with a cut, when the process leaves the job.
func (e *execution) insist(do func() error) error {
	c := &e.jobs.config
	for wait := c.RetryStore; ; wait = min(2*wait, longestWait) {
		err := do()
		if err == nil {
			if wait > c.RetryStore {
				e.job.say("")
			}
			return nil
		}
		err = unkept(err)
		e.job.say(waiting(err))
		select {
		case <-c.Clock.After(wait):
		case <-e.claim.Lost():
			return cut{err}
		case <-e.jobs.leaving:
			return cut{err}
		case <-e.jobs.root.Done():
			return cut{err}
		}
	}
}

// waiting is the message of a job that the store keeps from going on.
func waiting(err error) string { return "waiting to go on: " + outcrop.AsError(err).Message }

// commit marks a shard as finished.
func (e *execution) commit(ctx context.Context, open *openShard) error {
	if err := e.insist(func() error { return e.work.Commit(ctx, open.tally) }); err != nil {
		return err
	}
	if e.eager {
		<-e.places
	}
	e.settle(open.tally.Shard)
	return nil
}

// settle tells compose that a shard is finished.
func (e *execution) settle(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settled[n] = true
	e.progress.Broadcast()
}

// compose writes the shards in order, each when it is finished, and what there
// is of the others when no more will be; then the manifest.
func (e *execution) compose(stop context.Context, out *output) error {
	for n := range e.plan.Shards {
		whole, ok := e.await(n)
		if !ok {
			return nil
		}
		if err := e.write(stop, out, n, whole); err != nil {
			return err
		}
		e.written(n)
	}
	if _, ok := e.await(len(e.plan.Shards)); !ok {
		return nil
	}
	return e.unwritten(stop, out.finish(e.job.snapshot().Counts))
}

// await waits until a shard can be written, and tells whether it is whole. ok
// is false when there is nothing to write: the job goes on later.
func (e *execution) await(n int) (whole, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.settled[n] && !e.over && !errors.As(e.failure, new(cut)) {
		e.progress.Wait()
	}
	return e.settled[n], !errors.As(e.failure, new(cut))
}

func (e *execution) write(stop context.Context, out *output, n int, whole bool) error {
	s := &e.plan.Shards[n]
	lines := 0
	for line, err := range e.work.Lines(context.WithoutCancel(stop), n) {
		if err != nil {
			return cut{unkept(err)}
		}
		if err := out.write(s.File, line.Text); err != nil {
			return e.unwritten(stop, err)
		}
		lines++
	}
	if whole && lines != s.Records {
		return fmt.Errorf("the journal holds %d results of shard %d, which has %d records", lines, n, s.Records)
	}
	return nil
}

// written frees what a shard took.
func (e *execution) written(n int) {
	e.work.Written(n)
	e.mu.Lock()
	open, settled := e.shards[n], e.settled[n]
	delete(e.shards, n)
	delete(e.settled, n)
	e.mu.Unlock()
	if e.eager || open == nil {
		return
	}
	e.room.give(open.bytes)
	if settled {
		<-e.places
	}
}
