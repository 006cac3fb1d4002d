package local

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/journal"
	kept "github.com/outcrop-ai/outcrop/journal/jobs"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/route"
)

// jobs is the batch jobs of a data directory. They are there from the first
// call on, and those that had not ended go on with it.
type jobs struct {
	state  *state
	config batch.Config

	mu       sync.Mutex
	closed   bool
	opened   *batch.Jobs
	events   *events.Dispatcher // nil when nobody is told
	sweeping sync.WaitGroup     // one while jobs are open
	stop     context.CancelFunc // ends it
}

var _ outcrop.Jobs = (*jobs)(nil)

// batchConfig says what jobs run on.
func batchConfig(s *config.Config, backend outcrop.Backend, objects outcrop.Objects, router *route.Router) batch.Config {
	b := s.Batch
	c := batch.Config{
		Backend: backend, Objects: objects,
		Concurrency: b.Concurrency, RunningJobs: b.RunningJobs, ShardRecords: b.ShardRecords, KeepFinished: b.KeepFinished,
		Limits: batch.Limits{MinRecords: b.MinRecords, MaxRecords: b.MaxRecords, MaxFileRecords: b.MaxRecords},
		Adapt:  batch.Adapt{Min: b.MinConcurrency},
	}
	if router != nil {
		c.Lane = func(modelID string) string {
			if targets, err := router.Targets(modelID); err == nil && len(targets) > 0 {
				return targets[0].Backend
			}
			return modelID
		}
		c.Source = func(modelID string) string {
			targets, err := router.Targets(modelID)
			switch {
			case err != nil || len(targets) == 0:
				return ""
			case s.Backends[targets[0].Backend].Kind == config.KindSimulator:
				return "the simulator"
			}
			return "a model"
		}
	}
	return c
}

func (j *jobs) open(ctx context.Context) (*batch.Jobs, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.opened != nil:
		return j.opened, nil
	case j.closed:
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "the manager was closed")
	}
	log, err := j.state.open(ctx)
	if err != nil {
		return nil, unopened(err)
	}
	c := j.config
	c.Logger = j.state.log()
	if log != nil {
		if c.Store, err = kept.Open(ctx, log); err != nil {
			return nil, unopened(err)
		}
	}
	told, err := openEvents(ctx, j.state.settings, log, j.state.log())
	if err != nil {
		return nil, unopened(err)
	}
	if told != nil {
		c.Listener = told
	}
	opened, err := batch.New(c)
	if err != nil {
		if told != nil {
			err = errors.Join(err, told.Close(ctx))
		}
		return nil, unopened(err)
	}
	j.opened, j.events = opened, told
	if told != nil {
		told.Loaded()
	}
	sweeping, stop := context.WithCancel(context.Background())
	j.stop = stop
	j.sweeping.Go(func() { j.sweep(sweeping, opened) })
	return opened, nil
}

// unopened is an error of opening the journal as the API tells it: these are
// about files and settings of the user's, and say nothing else.
func unopened(err error) error {
	if _, ok := errors.AsType[*outcrop.Error](err); ok {
		return err
	}
	code := bedrock.CodeInternalServer
	_, owned := errors.AsType[*owner.OwnedError](err)
	_, mode := errors.AsType[*journal.ModeError](err)
	_, format := errors.AsType[*journal.FormatError](err)
	_, setting := errors.AsType[*config.SettingError](err)
	if owned || mode || format || setting {
		code = bedrock.CodeConflict
	}
	e := outcrop.Errorf(code, "%w", err)
	e.Retryable = false
	return e
}

// began tells whether anything has asked for a job.
func (j *jobs) began() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.opened != nil
}

// close does not hold the jobs while it waits for them: they can be asked for
// and stopped meanwhile.
func (j *jobs) close(ctx context.Context) error {
	j.mu.Lock()
	j.closed = true
	opened, events, stop := j.opened, j.events, j.stop
	j.mu.Unlock()
	if opened == nil {
		return nil
	}
	stop()
	j.sweeping.Wait()
	err := opened.Close(ctx)
	if events != nil {
		err = errors.Join(err, events.Close(ctx))
	}
	return err
}

func (j *jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	opened, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.Create(ctx, caller, req)
}

func (j *jobs) Get(ctx context.Context, caller outcrop.Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error) {
	opened, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.Get(ctx, caller, identifier)
}

func (j *jobs) List(ctx context.Context, caller outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	opened, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.List(ctx, caller, req)
}

func (j *jobs) Stop(ctx context.Context, caller outcrop.Caller, identifier string) error {
	opened, err := j.open(ctx)
	if err != nil {
		return err
	}
	return opened.Stop(ctx, caller, identifier)
}

func (j *jobs) Watch(ctx context.Context, caller outcrop.Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(yield func(*bedrock.GetModelInvocationJobResponse, error) bool) {
		opened, err := j.open(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		opened.Watch(ctx, caller, identifier)(yield)
	}
}

// Tags, Tag and Untag are what a server asks of jobs beside outcrop.Jobs.

func (j *jobs) Tags(ctx context.Context, caller outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	opened, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.Tags(ctx, caller, arn)
}

func (j *jobs) Tag(ctx context.Context, caller outcrop.Caller, arn string, tags []bedrock.Tag) error {
	opened, err := j.open(ctx)
	if err != nil {
		return err
	}
	return opened.Tag(ctx, caller, arn, tags)
}

func (j *jobs) Untag(ctx context.Context, caller outcrop.Caller, arn string, keys []string) error {
	opened, err := j.open(ctx)
	if err != nil {
		return err
	}
	return opened.Untag(ctx, caller, arn, keys)
}
