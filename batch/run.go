package batch

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// run is a job's whole life. stop ends when nothing more is to be sent; its
// cause says why.
func (j *Jobs) run(stop context.Context, job *job) {
	defer j.store.ended()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer job.stop(nil) // ends the goroutine below
	s := job.snapshot()
	wg.Go(func() { job.expireAfter(stop, s.Expires.Sub(s.Submitted)) })

	err := j.stages(stop, job)
	cause := context.Cause(stop)
	if cause == nil { // Stop has set the status, and is about to end the context
		cause = errStopped
	}
	switch {
	case err == nil:
		job.end(completed, "")
	case !errors.Is(err, errEarly):
		job.end(jobFailed, outcrop.AsError(err).Message)
	case errors.Is(cause, errExpired) && job.snapshot().Status == inProgress:
		job.end(partiallyCompleted, errExpired.Error())
	case errors.Is(cause, errExpired):
		job.end(expired, errExpired.Error())
	default:
		job.end(stopped, cause.Error())
	}
}

// end moves the job to its last state, which is Stopped in any case when
// somebody has stopped it.
func (j *job) end(to bedrock.ModelInvocationJobStatus, message string) {
	if !j.advance(to, message) {
		j.advance(stopped, message)
	}
}

// errEarly says that a job ended before its records did, for the cause of its
// context.
var errEarly = errors.New("ended early")

// stages takes the job through validation and the records.
func (j *Jobs) stages(stop context.Context, job *job) error {
	var (
		src   *source
		total int
	)
	err := inTurn(stop, j.validators, func() (err error) {
		if !job.advance(validating, "") {
			return errEarly
		}
		src, total, err = j.validate(stop, job)
		return err
	})
	if err != nil {
		return err
	}
	job.validated(total)
	if !job.advance(scheduled, "") {
		return errEarly
	}
	return inTurn(stop, j.runners, func() error {
		if !job.advance(inProgress, "") {
			return errEarly
		}
		return j.process(stop, job, src, total)
	})
}

// inTurn waits for a place and does something in it.
func inTurn(stop context.Context, places chan struct{}, do func() error) error {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-stop.Done():
		return errEarly
	}
	return do()
}

func (j *Jobs) validate(stop context.Context, job *job) (*source, int, error) {
	src := &source{objects: outcrop.ScopeObjects(j.config.Objects, job.scope(job.task.reads)), limits: j.config.limits(job.task.modelID)}
	var total int
	var err error
	src.files, err = findFiles(stop, src.objects, &job.task, src.limits)
	if err == nil {
		total, err = newValidator(src).validate(stop)
	}
	if err == nil {
		err = j.output(stop, job, src).probe()
	}
	if err != nil && stop.Err() != nil {
		err = errEarly
	}
	return src, total, err
}

// output is where the job's results go. Results are kept when a job ends
// early, so writing them does not end with its context.
func (j *Jobs) output(stop context.Context, job *job, src *source) *output {
	return &output{
		ctx: context.WithoutCancel(stop), objects: outcrop.ScopeObjects(j.config.Objects, job.scope(job.task.writes)),
		folder: outputFolder(&job.task, job.snapshot().ID), files: src.files,
	}
}

// process sends the records and writes the results.
func (j *Jobs) process(stop context.Context, job *job, src *source, total int) error {
	calls, cancel := context.WithCancel(j.root)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { // gives the calls at the model their time to finish
		select {
		case <-stop.Done():
		case <-calls.Done():
			return
		}
		select {
		case <-j.config.Clock.After(j.config.StopGrace):
			cancel()
		case <-calls.Done():
		}
	})

	out := j.output(stop, job, src)
	defer out.abandon()
	send := &sender{config: &j.config, task: &job.task, caller: job.caller, jobID: job.snapshot().ID, stop: stop.Done()}
	var unwritten error
	err := inOrder(calls,
		window{workers: j.config.Concurrency, items: j.config.Window, bytes: j.config.InFlightBytes},
		untilStopped(stop, src.records(stop), total),
		func(r *record) int { return r.size },
		send.send,
		func(r result) error {
			if r.outcome == skipped {
				return nil
			}
			if unwritten = out.write(r.file, r.line); unwritten == nil {
				job.count(&r)
			}
			return unwritten
		})
	if unwritten != nil {
		return unwritten
	}
	counts := job.snapshot().Counts
	if finishing := out.finish(counts); finishing != nil {
		return finishing
	}
	if err == nil && counts.ProcessedRecordCount < total {
		err = errEarly
	}
	return err
}

// untilStopped is the records until nothing more is to be sent. An input of
// another length than the one that was validated is an error.
func untilStopped(stop context.Context, records iter.Seq2[*record, error], total int) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		n := 0
		for r, err := range records {
			if stop.Err() != nil {
				return
			}
			if err == nil && n == total {
				err = errChanged
			}
			if err != nil {
				yield(nil, err)
				return
			}
			n++
			if !yield(r, nil) {
				return
			}
		}
		if n < total && stop.Err() == nil {
			yield(nil, errChanged)
		}
	}
}

var errChanged = outcrop.Errorf(bedrock.CodeConflict, "the input was changed while the job ran: it has not as many records as when it was validated")
