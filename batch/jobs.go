package batch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Jobs runs jobs in this process. Make it with [New], and Close it.
type Jobs struct {
	config   Config
	registry *registry
	lanes    lanes

	root   context.Context // of all jobs; ends with errClosed
	cancel context.CancelCauseFunc

	cleaning   sync.Mutex    // held by Clean
	validators chan struct{} // one place for each job that may be in validation
	runners    chan struct{} // and in progress

	mu      sync.Mutex
	closed  bool
	leaving chan struct{}  // closed when jobs are left as they are, for another process
	drained chan struct{}  // closed when no job runs any more
	wg      sync.WaitGroup // one for each job
}

var _ outcrop.Jobs = (*Jobs)(nil)

// New makes a Jobs, and goes on with the jobs that Config.Store has and that
// have not ended. A store that cannot be read as it was written is an error.
func New(config Config) (*Jobs, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Jobs{
		config:     config,
		lanes:      lanes{adapt: config.Adapt, byName: map[string]*limiter{}},
		validators: make(chan struct{}, config.RunningJobs),
		runners:    make(chan struct{}, config.RunningJobs),
		leaving:    make(chan struct{}),
		drained:    make(chan struct{}),
	}
	j.registry = newRegistry(&j.config)
	origin := outcrop.WithOrigin(context.Background(), outcrop.Origin{Class: outcrop.Batch, Method: outcrop.MethodAsync})
	j.root, j.cancel = context.WithCancelCause(origin)
	jobs, err := j.load()
	if err != nil {
		j.cancel(errClosed)
		return nil, err
	}
	for _, job := range jobs {
		j.registry.put(job)
		config.Listener.Changed(job.state.history())
	}
	for _, job := range jobs {
		if s := job.snapshot(); !final(s.Status) {
			stop := j.begin(job)
			if s.Status == stopping {
				job.stop(errStopped)
			}
			j.wg.Go(func() { j.run(stop, job) })
		}
	}
	return j, nil
}

// load reads the jobs that are kept, the earliest first.
func (j *Jobs) load() ([]*job, error) {
	var jobs []*job
	for saved, err := range j.config.Store.Load(j.root) {
		if err != nil {
			return nil, err
		}
		job, err := j.restore(saved)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", saved.ID, err)
		}
		if saved.HasWork && final(job.state.Status) { // the process ended before it was dropped
			if err := j.config.Store.DropWork(j.root, saved.ID); err != nil {
				return nil, err
			}
		}
		jobs = append(jobs, job)
	}
	slices.SortFunc(jobs, func(a, b *job) int {
		return cmp.Or(cmp.Compare(a.state.Sequence, b.state.Sequence), cmp.Compare(a.state.ID, b.state.ID))
	})
	return jobs, nil
}

// restore makes a job of what was kept of it.
func (j *Jobs) restore(saved Saved) (*job, error) {
	s, err := readState(saved.State)
	if err != nil {
		return nil, err
	}
	s.Request = new(bedrock.CreateModelInvocationJobRequest)
	if err := bedrock.Unmarshal(saved.Request, s.Request); err != nil {
		return nil, fmt.Errorf("the job's request cannot be read: %w", err)
	}
	made := &job{
		clock: j.config.Clock, store: j.config.Store, tell: j.config.Listener.Changed,
		caller: s.caller(), inline: len(s.Request.InputDataConfig.Text), state: *s, stop: func(error) {},
	}
	if final(s.Status) {
		return made, nil
	}
	// What was accepted is not refused now, whatever the limits have become.
	made.task, err = readRequest(s.Request, anyLimits)
	return made, err
}

func anyLimits(string) Limits { return Limits{MaxLineBytes: math.MaxInt} }

// begin gives a job its context: it ends when nothing more is to be sent.
func (j *Jobs) begin(job *job) context.Context {
	stop, cancel := context.WithCancelCause(j.root)
	job.stop = cancel
	return stop
}

// Close takes no more jobs. Where they are kept, it lets records at the model
// finish, for Config.StopGrace or until ctx ends, and leaves the jobs as they
// are: the next New on the same store goes on with them. Where they are not, it
// waits for the jobs to end; when ctx ends first, they are stopped at once, keep
// what they had finished, and the error is that of ctx. It may be called more
// than once.
func (j *Jobs) Close(ctx context.Context) error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		if j.config.Store.Durable() {
			close(j.leaving)
			for _, job := range j.registry.unended() {
				job.stop(errClosed)
			}
		}
		go func() {
			j.wg.Wait()
			close(j.drained)
		}()
	}
	j.mu.Unlock()
	var err error
	select {
	case <-j.drained:
	case <-ctx.Done():
		err = ctx.Err()
	}
	j.cancel(errClosed)
	<-j.drained
	if j.config.Store.Durable() {
		return nil // whatever was cut off is sent again
	}
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
	if err := checkTags(req.Tags); err != nil {
		return nil, err
	}
	if len(req.Tags) > j.config.MaxTags {
		return nil, outcrop.Invalid("tags", "there are %d; at most %d are allowed", len(req.Tags), j.config.MaxTags)
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
	made := &job{
		clock: j.config.Clock, store: j.config.Store, tell: j.config.Listener.Changed, task: task, caller: caller,
		inline: len(req.InputDataConfig.Text),
		state: state{
			Format: stateFormat, Account: caller.Account, Request: req, Digest: digest(text), Source: j.config.Source(req.ModelID), Status: submitted,
			Submitted: now, Modified: now, Expires: now.Add(timeout), Tags: slices.Clone(req.Tags),
		},
	}
	made.state.Caller.Tenant, made.state.Caller.Region = caller.Tenant, caller.Region
	made.state.note("", now)
	kept, err := j.accept(ctx, made, text)
	if err != nil {
		return nil, err
	}
	return &bedrock.CreateModelInvocationJobResponse{JobARN: kept.state.ARN}, nil
}

// accept keeps a new job and starts it, or returns the one that was made with
// its token before. When it fails, nothing is left of the job.
func (j *Jobs) accept(ctx context.Context, made *job, request []byte) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "no more jobs are taken: the process is shutting down")
	}
	before, err := j.registry.name(made, func(id string) string { return jobARN(made.caller, id) })
	if err != nil || before != nil {
		return before, err
	}
	text, err := json.Marshal(&made.state)
	if err == nil {
		err = j.config.Store.Create(ctx, Saved{ID: made.state.ID, Request: request, State: text})
	}
	if err != nil {
		return nil, unkept(err)
	}
	j.config.Listener.Changed(made.state.history())
	stop := j.begin(made)
	j.registry.put(made) // from here on it can be found, and stopped
	j.wg.Go(func() { j.run(stop, made) })
	return made, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
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
	moved, err := job.advance(ctx, stopping, "")
	if err != nil {
		return err
	}
	if !moved {
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
	job := j.registry.find(withDefaults(caller).Account, id)
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
