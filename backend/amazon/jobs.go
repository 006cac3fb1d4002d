package amazon

import (
	"context"
	"iter"
	"reflect"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Jobs are the jobs of Amazon Bedrock's own batch service: at its price, by its
// quotas, over objects in S3 that it reads and writes with the job's role. It is
// safe for concurrent use.
//
// Jobs lie in the account of the credentials. A tenant without a role of its
// own would see those of all others, so it sees none and may create none.
type Jobs struct{ backend *Backend }

var _ outcrop.Jobs = (*Jobs)(nil)

// Jobs are the batch jobs of the back-end's account.
func (b *Backend) Jobs() *Jobs { return &Jobs{b} }

// may tells whether a caller has jobs here.
func (j *Jobs) may(caller outcrop.Caller) bool {
	if caller.Tenant == "" || caller.Tenant == j.backend.owner {
		return true
	}
	if j.backend.auth.roleFor == nil {
		return false
	}
	_, ok := j.backend.auth.roleFor(caller)
	return ok
}

// hide is the error of a job that a caller may not see.
func (j *Jobs) hide(caller outcrop.Caller, identifier string) error {
	if j.may(caller) {
		return nil
	}
	return outcrop.Errorf(bedrock.CodeResourceNotFound, "there is no model invocation job %.200q", identifier)
}

func (j *Jobs) ask(ctx context.Context, caller outcrop.Caller, name string, params map[string]string, request, response any) error {
	origin := outcrop.OriginOf(ctx)
	origin.Caller = caller
	return j.backend.control(outcrop.WithOrigin(ctx, origin), name, params, request, response)
}

// Create has the service accept a job. What it takes for granted is checked
// here, because the service's own messages name neither: a role, and objects in
// S3.
func (j *Jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	switch {
	case !j.may(caller):
		return nil, outcrop.Errorf(bedrock.CodeAccessDenied,
			"tenant %q has no role of its own at Amazon Bedrock, where all tenants would see its jobs: give it one under the back-end's roles, or set the back-end's batch to onDemand", caller.Tenant)
	case req.RoleARN == "":
		return nil, outcrop.Invalid("roleArn",
			"a job of Amazon Bedrock's batch service needs the role with which it reads and writes S3; to run the records one by one from here, set the back-end's batch to onDemand")
	case req.InputDataConfig.S3InputDataConfig == nil:
		return nil, outcrop.Invalid("inputDataConfig.s3InputDataConfig", "Amazon Bedrock's batch service reads its input from S3 only")
	}
	if out := req.OutputDataConfig; out.S3OutputDataConfig == nil && out.S3URI != "" {
		copied := *req
		copied.OutputDataConfig = bedrock.ModelInvocationJobOutputDataConfig{
			S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: out.S3URI},
		}
		req = &copied
	}
	response := new(bedrock.CreateModelInvocationJobResponse)
	return response, j.ask(ctx, caller, "CreateModelInvocationJob", nil, req, response)
}

// Get asks for a job's state.
func (j *Jobs) Get(ctx context.Context, caller outcrop.Caller, identifier string) (*bedrock.GetModelInvocationJobResponse, error) {
	if err := j.hide(caller, identifier); err != nil {
		return nil, err
	}
	response := new(bedrock.GetModelInvocationJobResponse)
	return response, j.ask(ctx, caller, "GetModelInvocationJob", map[string]string{"jobIdentifier": identifier}, nil, response)
}

// List asks for a page of the jobs.
func (j *Jobs) List(ctx context.Context, caller outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	response := new(bedrock.ListModelInvocationJobsResponse)
	if !j.may(caller) {
		return response, nil
	}
	query := map[string]string{}
	for name, value := range map[string]string{
		"submitTimeAfter": stamp(req.SubmitTimeAfter), "submitTimeBefore": stamp(req.SubmitTimeBefore),
		"statusEquals": string(req.StatusEquals), "nameContains": req.NameContains, "nextToken": req.NextToken,
		"sortBy": string(req.SortBy), "sortOrder": string(req.SortOrder),
	} {
		if value != "" {
			query[name] = value
		}
	}
	if req.MaxResults != nil {
		query["maxResults"] = strconv.Itoa(*req.MaxResults)
	}
	return response, j.ask(ctx, caller, "ListModelInvocationJobs", query, nil, response)
}

// stamp is a time in a query, as the API's model writes it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Stop ends a job early.
func (j *Jobs) Stop(ctx context.Context, caller outcrop.Caller, identifier string) error {
	if err := j.hide(caller, identifier); err != nil {
		return err
	}
	return j.ask(ctx, caller, "StopModelInvocationJob", map[string]string{"jobIdentifier": identifier}, nil, new(bedrock.StopModelInvocationJobResponse))
}

// Tags are the tags of a job.
func (j *Jobs) Tags(ctx context.Context, caller outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	if err := j.hide(caller, arn); err != nil {
		return nil, err
	}
	var response bedrock.ListTagsForResourceResponse
	err := j.ask(ctx, caller, "ListTagsForResource", nil, &bedrock.ListTagsForResourceRequest{ResourceARN: arn}, &response)
	return response.Tags, err
}

// Tag adds tags to a job.
func (j *Jobs) Tag(ctx context.Context, caller outcrop.Caller, arn string, tags []bedrock.Tag) error {
	if err := j.hide(caller, arn); err != nil {
		return err
	}
	return j.ask(ctx, caller, "TagResource", nil, &bedrock.TagResourceRequest{ResourceARN: arn, Tags: tags}, new(bedrock.TagResourceResponse))
}

// Untag takes tags from a job.
func (j *Jobs) Untag(ctx context.Context, caller outcrop.Caller, arn string, keys []string) error {
	if err := j.hide(caller, arn); err != nil {
		return err
	}
	return j.ask(ctx, caller, "UntagResource", nil, &bedrock.UntagResourceRequest{ResourceARN: arn, TagKeys: keys}, new(bedrock.UntagResourceResponse))
}

// The service tells nobody when a job changes, so Watch asks: soon at first,
// and then less often. Jobs take minutes to hours.
const (
	firstPoll    = 2 * time.Second
	longestPoll  = 30 * time.Second
	pollFailures = 5 // in a row, of the kind that may pass
)

// Watch yields the job's state now and at each change that it finds, until it
// is final.
func (j *Jobs) Watch(ctx context.Context, caller outcrop.Caller, identifier string) iter.Seq2[*bedrock.GetModelInvocationJobResponse, error] {
	return func(yield func(*bedrock.GetModelInvocationJobResponse, error) bool) {
		var last *bedrock.GetModelInvocationJobResponse
		wait, failures := firstPoll, 0
		for {
			state, err := j.Get(ctx, caller, identifier)
			switch {
			case err != nil:
				failures++
				if !outcrop.AsError(err).Retryable || failures == pollFailures || ctx.Err() != nil {
					yield(nil, err)
					return
				}
			case last == nil || !reflect.DeepEqual(*last, *state):
				failures, last = 0, state
				if !yield(state, nil) {
					return
				}
			default:
				failures = 0
			}
			if last != nil && ended(last.Status) {
				return
			}
			if err := j.backend.sleep(ctx, wait); err != nil {
				yield(nil, outcrop.AsError(err))
				return
			}
			wait = min(wait*3/2, longestPoll)
		}
	}
}

// ended tells whether a job's status is its last.
func ended(status bedrock.ModelInvocationJobStatus) bool {
	switch status {
	case bedrock.ModelInvocationJobStatusCompleted, bedrock.ModelInvocationJobStatusPartiallyCompleted, bedrock.ModelInvocationJobStatusFailed,
		bedrock.ModelInvocationJobStatusStopped, bedrock.ModelInvocationJobStatusExpired:
		return true
	}
	return false
}
