package batch

import (
	"context"
	"errors"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// run is a job's whole life in this process. stop ends when nothing more is to
// be sent; its cause says why. An attempt that the store cuts short, or another
// node's claim, leaves the job as it is kept, and is made again.
func (j *Jobs) run(stop context.Context, job *job) {
	var wg sync.WaitGroup
	defer wg.Wait()
	expiring, end := context.WithCancel(j.root)
	defer end()
	defer job.stop(nil) // frees what its context holds
	s := job.snapshot()
	wg.Go(func() { job.expireAfter(expiring, s.Expires.Sub(job.clock.Now())) })

	stopped := stop.Done()
	for wait := j.config.RetryStore; ; wait = min(2*wait, longestWait) {
		err := j.attempt(stop, job)
		if err == nil {
			break
		}
		if j.suspending() {
			return // it goes on in another process
		}
		job.say(waiting(err))
		select {
		case <-j.config.Clock.After(wait):
		case <-stopped:
			stopped = nil // it is tried at once, and once
		case <-j.root.Done():
			return
		case <-j.leaving:
			return
		}
	}
	job.task.inline = nil // its request has the body still
	for _, id := range j.registry.ended(job) {
		// One that stays is forgotten by a later run.
		_ = j.config.Store.Delete(context.WithoutCancel(j.root), id)
		j.config.Listener.Forgotten(id)
	}
}

// attempt runs a job from where it stands to its end. An error says why that
// was not possible now.
func (j *Jobs) attempt(stop context.Context, job *job) error {
	if stop.Err() == nil { // one that is to stop may end anywhere
		if err := j.sameSource(job); err != nil {
			return err
		}
	}
	kept := context.WithoutCancel(stop) // the store is written to after the end
	id := job.snapshot().ID
	claim, text, err := j.config.Store.Claim(kept, id)
	if err != nil {
		return unkept(err)
	}
	defer func() { _ = claim.Release(kept) }() // it lapses in any case
	if text != nil {
		s, err := readState(text)
		if err != nil {
			return unkept(err)
		}
		job.adopt(s)
	}
	work, err := j.config.Store.Work(kept, id)
	if err != nil {
		return unkept(err)
	}
	defer func() { _ = work.Close(kept) }()
	job.say("")
	if !final(job.snapshot().Status) {
		a := &attempt{jobs: j, job: job, work: work, claim: claim}
		if err := a.run(stop); err != nil {
			return err
		}
	}
	// What is left over is found and deleted by a later start.
	_ = j.config.Store.DropWork(kept, id)
	return nil
}

// sameSource is an error where a job that goes on would get answers from
// elsewhere than so far.
func (j *Jobs) sameSource(job *job) error {
	s := job.snapshot()
	now := j.config.Source(s.Request.ModelID)
	if s.Source == "" || now == "" || s.Source == now {
		return nil
	}
	return outcrop.Errorf(bedrock.CodeConflict, "its answers came from %s so far, and would come from %s now; start Outcrop with the former back-end, or stop the job", s.Source, now)
}

// attempt is one run of a job under one claim.
type attempt struct {
	jobs  *Jobs
	job   *job
	work  Work
	claim Claim
}

// cut is why an attempt ended before the job did: the store, or the claim.
type cut struct{ error }

func (c cut) Unwrap() error { return c.error }

var errLost = outcrop.Errorf(bedrock.CodeServiceUnavailable, "another node has taken the job over")

// errEarly says that a job ended before its records did, for the cause of its
// context.
var errEarly = errors.New("ended early")

// run takes the job through its stages to its last state.
func (a *attempt) run(stop context.Context) error {
	stop, abort := context.WithCancelCause(stop)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer abort(nil) // ends the goroutine below
	wg.Go(func() {
		select {
		case <-a.claim.Lost():
			abort(cut{errLost})
		case <-stop.Done():
		}
	})
	err := a.stages(stop)
	cause := context.Cause(stop)
	if cause == nil { // Stop has set the status, and is about to end the context
		cause = errStopped
	}
	for _, e := range []error{err, cause} {
		if c, ok := errors.AsType[cut](e); ok {
			return c.error
		}
	}
	switch {
	case err == nil:
		return a.end(stop, completed, "")
	case !errors.Is(err, errEarly):
		return a.end(stop, jobFailed, outcrop.AsError(err).Message)
	case errors.Is(cause, errClosed) && a.jobs.config.Store.Durable():
		return errClosed
	case errors.Is(cause, errExpired) && a.job.snapshot().Status == inProgress:
		return a.end(stop, partiallyCompleted, errExpired.Error())
	case errors.Is(cause, errExpired):
		return a.end(stop, expired, errExpired.Error())
	}
	return a.end(stop, stopped, cause.Error())
}

// end moves the job to its last state, which is Stopped in any case when
// somebody has stopped it.
func (a *attempt) end(ctx context.Context, to bedrock.ModelInvocationJobStatus, message string) error {
	ctx = context.WithoutCancel(ctx)
	moved, err := a.job.advance(ctx, to, message)
	if err == nil && !moved {
		_, err = a.job.advance(ctx, stopped, message)
	}
	return err
}

// enter moves the job to a stage, in which it may be already. It returns
// errEarly when the job is past it, on its way to the end.
func (a *attempt) enter(ctx context.Context, to bedrock.ModelInvocationJobStatus) error {
	if a.job.snapshot().Status == to {
		return nil
	}
	moved, err := a.job.advance(context.WithoutCancel(ctx), to, "")
	switch {
	case err != nil:
		return cut{err}
	case !moved:
		return errEarly
	}
	return nil
}

// stages takes the job through what is left of validation and the records.
func (a *attempt) stages(stop context.Context) error {
	j, s := a.jobs, a.job.snapshot()
	switch {
	case s.Status == submitted, s.Status == validating:
		err := inTurn(stop, j.validators, func() error {
			if err := a.enter(stop, validating); err != nil {
				return err
			}
			return a.validate(stop)
		})
		if err != nil {
			return err
		}
	case s.Started.IsZero() && s.Status == stopping:
		return errEarly
	case s.Status == stopping: // its results are written still
		return a.process(stop)
	}
	begun := false
	err := inTurn(stop, j.runners, func() error {
		begun = true
		if err := a.enter(stop, inProgress); err != nil {
			return err
		}
		return a.process(stop)
	})
	if !begun && s.Status == inProgress { // of an earlier process, whose results are written still
		return a.process(stop)
	}
	return err
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

// validate reads the input once, and keeps its plan.
func (a *attempt) validate(stop context.Context) error {
	j, job := a.jobs, a.job
	src := a.source()
	var total int
	var plan *plan
	var err error
	src.files, err = findFiles(stop, src.objects, &job.task, src.limits)
	if err == nil {
		v := newValidator(src)
		v.plan = newPlanner(src, j.config.ShardRecords, j.config.InFlightBytes)
		total, err = v.validate(stop)
		plan = v.plan.done()
	}
	if err == nil {
		err = a.output(stop, src).probe()
	}
	if err != nil && stop.Err() != nil {
		err = errEarly
	}
	if err != nil {
		return err
	}
	return a.keepPlan(context.WithoutCancel(stop), plan, total)
}

// keepPlan keeps the plan, and after it the state that says there is one.
func (a *attempt) keepPlan(ctx context.Context, plan *plan, total int) error {
	text, err := plan.text()
	if err == nil {
		err = a.work.SavePlan(ctx, text)
	}
	if err != nil {
		return cut{unkept(err)}
	}
	early := false
	_, err = a.job.change(ctx, func(s *state) bool {
		s.Validated, s.Counts.TotalRecordCount = true, total
		early = !s.advance(scheduled, "", a.job.clock.Now())
		return true
	})
	switch {
	case err != nil:
		return cut{err}
	case early:
		return errEarly
	}
	return nil
}

// source is where the job's records come from, without its files.
func (a *attempt) source() *source {
	c, t := &a.jobs.config, &a.job.task
	return &source{objects: outcrop.ScopeObjects(c.Objects, a.job.scope(t.reads)), limits: c.limits(t.modelID)}
}

// output is where the job's results go. Results are kept when a job ends
// early, so writing them does not end with its context.
func (a *attempt) output(stop context.Context, src *source) *output {
	return &output{
		ctx: context.WithoutCancel(stop), objects: outcrop.ScopeObjects(a.jobs.config.Objects, a.job.scope(a.job.task.writes)),
		folder: outputFolder(&a.job.task, a.job.snapshot().ID), files: src.files,
	}
}

// process sends the records that have no result yet, and writes the results.
func (a *attempt) process(stop context.Context) error {
	j, job := a.jobs, a.job
	text, err := a.work.Plan(context.WithoutCancel(stop)) // also a job that is to stop writes its results
	if err != nil {
		return cut{unkept(err)}
	}
	if text == nil {
		return outcrop.Errorf(bedrock.CodeInternalServer, "the job's plan and results are missing from the journal")
	}
	plan, err := readPlan(text)
	if err != nil {
		return err
	}
	src := plan.source(a.source(), job.task.inline)

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
		grace := j.config.StopGrace
		if errors.As(context.Cause(stop), new(cut)) {
			grace = 0
		}
		select {
		case <-j.config.Clock.After(grace):
			cancel()
		case <-calls.Done():
		}
	})
	e := newExecution(a, plan, src, calls)
	return e.run(stop)
}

// suspending tells whether jobs are left as they are, for another process.
func (j *Jobs) suspending() bool {
	select {
	case <-j.leaving:
		return true
	default:
		return j.root.Err() != nil && j.config.Store.Durable()
	}
}
