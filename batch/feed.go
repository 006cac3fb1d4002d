package batch

import (
	"context"
	"fmt"

	"github.com/outcrop-ai/outcrop"
)

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

// unread is what an error of the input means: one that may pass, such as a
// service that is away, interrupts a job whose results are kept meanwhile; any
// other fails it.
func (e *execution) unread(err error) error {
	if e.eager && outcrop.AsError(err).Retryable {
		return cut{err}
	}
	return unreadable{err}
}
