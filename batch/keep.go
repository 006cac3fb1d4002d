package batch

import (
	"context"
	"time"

	"github.com/outcrop-ai/outcrop"
)

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
