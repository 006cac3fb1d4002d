package remote

import (
	"bytes"
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/sleep"
)

// Jobs are the batch jobs of a server. The server knows its callers by their
// tokens, so the callers that its methods are given are not used.
type Jobs struct{ client *Client }

var _ outcrop.Jobs = (*Jobs)(nil)

// Jobs are the server's batch jobs.
func (c *Client) Jobs() *Jobs { return &Jobs{c} }

// Create has the server accept a job. What the job reads and writes are the
// server's objects.
func (j *Jobs) Create(ctx context.Context, _ outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	response := new(bedrock.CreateModelInvocationJobResponse)
	_, err := j.client.ask(ctx, "CreateModelInvocationJob", nil, nil, req, response)
	return response, err
}

// Get asks for a job's state.
func (j *Jobs) Get(ctx context.Context, _ outcrop.Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error) {
	response := new(bedrock.GetModelInvocationJobResponse)
	_, err := j.client.ask(ctx, "GetModelInvocationJob", map[string]string{"jobIdentifier": identifier}, nil, nil, response)
	return response, err
}

// List asks for a page of the jobs.
func (j *Jobs) List(ctx context.Context, _ outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"submitTimeAfter": stamp(req.SubmitTimeAfter), "submitTimeBefore": stamp(req.SubmitTimeBefore),
		"statusEquals": string(req.StatusEquals), "nameContains": req.NameContains, "nextToken": req.NextToken,
		"sortBy": string(req.SortBy), "sortOrder": string(req.SortOrder),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if req.MaxResults != nil {
		query.Set("maxResults", strconv.Itoa(*req.MaxResults))
	}
	response := new(bedrock.ListModelInvocationJobsResponse)
	_, err := j.client.ask(ctx, "ListModelInvocationJobs", nil, query, nil, response)
	return response, err
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Stop has the server stop a job.
func (j *Jobs) Stop(ctx context.Context, _ outcrop.Caller, identifier string) error {
	_, err := j.client.ask(ctx, "StopModelInvocationJob", map[string]string{"jobIdentifier": identifier}, nil, nil, new(bedrock.StopModelInvocationJobResponse))
	return err
}

// Watch yields the job's state now and whenever it is found to have changed,
// until it is final. It asks again and again, as Limits.PollMin says; states
// that pass between two answers are not seen. A few answers that fail in a way
// that may pass are not the end of it. An error is the last thing it yields.
func (j *Jobs) Watch(ctx context.Context, caller outcrop.Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(yield func(*bedrock.GetModelInvocationJobResponse, error) bool) {
		limits := &j.client.limits
		var seen []byte
		pause, failed := limits.PollMin, 0
		for {
			state, err := j.Get(ctx, caller, identifier)
			switch {
			case err == nil:
				failed = 0
				text, err := bedrock.Marshal(state)
				if err != nil {
					yield(nil, outcrop.AsError(err))
					return
				}
				if !bytes.Equal(text, seen) {
					seen, pause = text, limits.PollMin
					if !yield(state, nil) || final(state.Status) {
						return
					}
				}
			case ctx.Err() != nil || !outcrop.AsError(err).Retryable || failed == limits.PollFail:
				yield(nil, err)
				return
			default:
				failed++
			}
			if err := sleep.For(ctx, pause); err != nil {
				yield(nil, outcrop.AsError(err))
				return
			}
			pause = min(pause+pause/2, limits.PollMax)
		}
	}
}

// final tells whether a job goes on.
func final(status bedrock.ModelInvocationJobStatus) bool {
	switch status {
	case bedrock.ModelInvocationJobStatusCompleted, bedrock.ModelInvocationJobStatusFailed, bedrock.ModelInvocationJobStatusStopped,
		bedrock.ModelInvocationJobStatusPartiallyCompleted, bedrock.ModelInvocationJobStatusExpired:
		return true
	}
	return false
}
