package batch

import (
	"context"
	"iter"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Watch yields the job's state now, whenever its status has changed, and when
// its counts have, at most once in Config.WatchInterval. Statuses that pass
// while the receiver is busy are not made up for. The last state is final,
// unless ctx ends first, or Close leaves the job as it is: then an error is last.
func (j *Jobs) Watch(ctx context.Context, caller outcrop.Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(yield func(*bedrock.GetModelInvocationJobResponse, error) bool) {
		job, err := j.find(ctx, caller, identifier)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			s, moved, recorded := job.observe()
			if !yield(s.response(), nil) || final(s.Status) {
				return
			}
			if err := j.change(ctx, job, moved, recorded); err != nil {
				yield(nil, outcrop.AsError(err))
				return
			}
		}
	}
}

// change waits for a new status, or until counts have changed and the interval
// has passed.
func (j *Jobs) change(ctx context.Context, job *job, moved, recorded <-chan struct{}) error {
	interval := j.config.Clock.After(j.config.WatchInterval)
	select {
	case <-moved:
		return nil
	case <-recorded:
	case <-j.drained:
		return job.left()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-moved:
	case <-interval:
	case <-j.drained:
		return job.left()
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// left is the error of a job that nobody in this process works on any more; nil
// when it has ended.
func (j *job) left() error {
	s := j.snapshot()
	if final(s.Status) {
		return nil
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "job %s goes on when another process opens its journal: this one is shutting down", s.ARN)
}

// Progress is how far a job has come: the API's counts, and what a progress
// bar shows besides.
type Progress struct {
	Status       bedrock.ModelInvocationJobStatus
	Total        int // records; 0 until the job is validated
	Processed    int
	Succeeded    int
	Failed       int
	InputTokens  int64
	OutputTokens int64
	Elapsed      time.Duration // since records were first sent; until the end of a job that has ended
}

// Progress is how far a job has come. Call it as often as you like; to know
// when it has changed, use Watch.
func (j *Jobs) Progress(ctx context.Context, caller outcrop.Caller, identifier string) (Progress, error) {
	job, err := j.find(ctx, caller, identifier)
	if err != nil {
		return Progress{}, err
	}
	s := job.snapshot()
	p := Progress{
		Status: s.Status, Total: s.Counts.TotalRecordCount, Processed: s.Counts.ProcessedRecordCount,
		Succeeded: s.Counts.SuccessRecordCount, Failed: s.Counts.ErrorRecordCount,
		InputTokens: s.Counts.InputTokenCount, OutputTokens: s.Counts.OutputTokenCount,
	}
	switch {
	case s.Started.IsZero():
	case s.Ended.IsZero():
		p.Elapsed = j.config.Clock.Now().Sub(s.Started)
	default:
		p.Elapsed = s.Ended.Sub(s.Started)
	}
	return p, nil
}

// RecordsPerSecond is the mean rate so far; 0 before there is one.
func (p Progress) RecordsPerSecond() float64 { return perSecond(int64(p.Processed), p.Elapsed) }

// TokensPerSecond is the mean rate of input and output tokens together.
func (p Progress) TokensPerSecond() float64 {
	return perSecond(p.InputTokens+p.OutputTokens, p.Elapsed)
}

// Remaining is how long the rest takes at the mean rate so far; 0 before there
// is one, and when nothing is left.
func (p Progress) Remaining() time.Duration {
	if p.Processed == 0 {
		return 0
	}
	return time.Duration(float64(p.Elapsed) / float64(p.Processed) * float64(p.Total-p.Processed))
}

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
