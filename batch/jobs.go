package batch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Jobs runs jobs in this process. Make it with [New], and Close it.
type Jobs struct {
	config Config
	store  *store

	root   context.Context // of all jobs; ends with errClosed
	cancel context.CancelCauseFunc

	validators chan struct{} // one place for each job that may be in validation
	runners    chan struct{} // and in progress

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // one for each job
}

var _ outcrop.Jobs = (*Jobs)(nil)

// New makes a Jobs without any job.
func New(config Config) (*Jobs, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Jobs{
		config:     config,
		validators: make(chan struct{}, config.RunningJobs),
		runners:    make(chan struct{}, config.RunningJobs),
	}
	j.store = newStore(&j.config)
	origin := outcrop.WithOrigin(context.Background(), outcrop.Origin{Class: outcrop.Batch, Method: outcrop.MethodAsync})
	j.root, j.cancel = context.WithCancelCause(origin)
	return j, nil
}

// Close takes no more jobs and waits for those that there are to end. When ctx
// ends first, they are stopped at once, keep what they had finished, and the
// error is that of ctx. It may be called more than once.
func (j *Jobs) Close(ctx context.Context) error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		j.wg.Wait()
		close(drained)
	}()
	var err error
	select {
	case <-drained:
	case <-ctx.Done():
		err = ctx.Err()
	}
	j.cancel(errClosed)
	<-drained
	return err
}

// Create accepts a job. Its request must not be changed afterwards. With a
// clientRequestToken that the account used before, it returns the job that was
// made then, or a ConflictException when the requests differ.
func (j *Jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	task, err := readRequest(req, j.config.limits)
	if err != nil {
		return nil, err
	}
	if checker, ok := j.config.Backend.(outcrop.ModelChecker); ok {
		if err := checker.CheckModel(req.ModelID); err != nil {
			return nil, err
		}
	}
	text, err := bedrock.Marshal(req)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	caller = withDefaults(caller)
	now := j.config.Clock.Now()
	timeout := j.config.DefaultTimeout
	if hours := req.TimeoutDurationInHours; hours != nil {
		timeout = time.Duration(*hours) * time.Hour
	}
	stop, cancel := context.WithCancelCause(j.root)
	made := &job{
		clock: j.config.Clock, task: task, caller: caller, stop: cancel,
		state: state{
			Account: caller.Account, Request: req, Digest: sha256.Sum256(text), Status: submitted,
			Submitted: now, Modified: now, Expires: now.Add(timeout),
		},
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		cancel(nil)
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "no more jobs are taken: the process is shutting down")
	}
	kept, created, err := j.store.add(made, func(id string) string { return jobARN(caller, id) })
	if err != nil || !created {
		cancel(nil)
	} else {
		j.wg.Go(func() { j.run(stop, made) })
	}
	if err != nil {
		return nil, err
	}
	return &bedrock.CreateModelInvocationJobResponse{JobARN: kept.state.ARN}, nil
}

// Get is a job's state.
func (j *Jobs) Get(ctx context.Context, caller outcrop.Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error) {
	job, err := j.find(ctx, caller, identifier)
	if err != nil {
		return nil, err
	}
	s := job.snapshot()
	return s.response(), nil
}

// Stop ends a job early: nothing more is sent, records at the model may finish
// for Config.StopGrace, and what was finished is kept. It returns before that.
// Stopping a job that is already being stopped does nothing; one that has ended
// is a ConflictException.
func (j *Jobs) Stop(ctx context.Context, caller outcrop.Caller, identifier string) error {
	job, err := j.find(ctx, caller, identifier)
	if err != nil {
		return err
	}
	if !job.advance(stopping, "") {
		if s := job.snapshot(); s.Status != stopping {
			return outcrop.Errorf(bedrock.CodeConflict, "job %s has ended: it is %s", s.ARN, s.Status)
		}
	}
	job.stop(errStopped)
	return nil
}

// find is the job that an identifier means to a caller.
func (j *Jobs) find(ctx context.Context, caller outcrop.Caller, identifier string) (*job, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	id := identifier
	if strings.HasPrefix(identifier, "arn:") {
		id = identifier[strings.LastIndexByte(identifier, '/')+1:]
	}
	job := j.store.find(withDefaults(caller).Account, id)
	if job == nil || id != identifier && identifier != job.state.ARN {
		return nil, outcrop.Errorf(bedrock.CodeResourceNotFound, "there is no model invocation job %q", clip(identifier))
	}
	return job, nil
}

// withDefaults fills in what a caller without an account is known by.
func withDefaults(c outcrop.Caller) outcrop.Caller {
	c.Account = cmp.Or(c.Account, "000000000000")
	c.Region = cmp.Or(c.Region, "us-east-1")
	return c
}

func jobARN(caller outcrop.Caller, id string) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(caller.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(caller.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":bedrock:" + caller.Region + ":" + caller.Account + ":model-invocation-job/" + id
}
