package batch

import (
	"context"
	"errors"
	"fmt"
)

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

// unwritten is what an error of the output means. The results were paid for, so
// where they are kept the job waits for a disk with room, a bucket that is there,
// or credentials that hold; unless it is ending, and has no time left to wait.
func (e *execution) unwritten(stop context.Context, err error) error {
	if err != nil && e.eager && stop.Err() == nil {
		return cut{err}
	}
	return err
}
