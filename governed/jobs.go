package governed

import (
	"context"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
)

// Jobs bounds how many batch jobs of a model an account has under way at once,
// submitted ones included, as Bedrock does: one more is refused with a
// ServiceQuotaExceededException. It is safe for concurrent use.
type Jobs struct {
	outcrop.Jobs
	most func(model string) int // 0: no bound
	mu   sync.Mutex             // from counting to creating
}

// GovernJobs bounds the jobs of models by Rule.Jobs.
func GovernJobs(next outcrop.Jobs, rules []Rule) outcrop.Jobs {
	for i := range rules {
		if rules[i].Jobs > 0 {
			return &Jobs{Jobs: next, most: func(id string) int { return jobsOf(rules, id) }}
		}
	}
	return next
}

// Tags are the tags of a job.
func (j *Jobs) Tags(ctx context.Context, caller outcrop.Caller, arn string) ([]bedrock.Tag, error) {
	t, err := outcrop.TaggerOf(j.Jobs)
	if err != nil {
		return nil, err
	}
	return t.Tags(ctx, caller, arn)
}

// Tag adds tags to a job.
func (j *Jobs) Tag(ctx context.Context, caller outcrop.Caller, arn string, tags []bedrock.Tag) error {
	t, err := outcrop.TaggerOf(j.Jobs)
	if err != nil {
		return err
	}
	return t.Tag(ctx, caller, arn, tags)
}

// Untag takes tags from a job.
func (j *Jobs) Untag(ctx context.Context, caller outcrop.Caller, arn string, keys []string) error {
	t, err := outcrop.TaggerOf(j.Jobs)
	if err != nil {
		return err
	}
	return t.Untag(ctx, caller, arn, keys)
}

func jobsOf(rules []Rule, id string) int {
	model, scope := identity(catalog.Default(), id)
	for i := range rules {
		// Which lane will answer is not known yet.
		k := key{lane: rules[i].Backend, model: id, method: string(outcrop.MethodAsync)}
		if rules[i].fits(k, model, scope) {
			return rules[i].Jobs
		}
	}
	return 0
}

// unfinished are the states of jobs that count.
var unfinished = []bedrock.ModelInvocationJobStatus{
	bedrock.ModelInvocationJobStatusSubmitted, bedrock.ModelInvocationJobStatusValidating, bedrock.ModelInvocationJobStatusScheduled,
	bedrock.ModelInvocationJobStatusInProgress, bedrock.ModelInvocationJobStatusStopping,
}

// Create accepts a job, unless the model has as many as it may.
func (j *Jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	most := j.most(req.ModelID)
	if most == 0 {
		return j.Jobs.Create(ctx, caller, req)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	model, _ := identity(catalog.Default(), req.ModelID)
	count := 0
	for _, status := range unfinished {
		list := &bedrock.ListModelInvocationJobsRequest{StatusEquals: status}
		for {
			page, err := j.List(ctx, caller, list)
			if err != nil {
				return nil, err
			}
			for i := range page.InvocationJobSummaries {
				job := &page.InvocationJobSummaries[i]
				if req.ClientRequestToken != "" && job.ClientRequestToken == req.ClientRequestToken {
					return j.Jobs.Create(ctx, caller, req) // the same request again
				}
				if other, _ := identity(catalog.Default(), job.ModelID); other == model {
					count++
				}
			}
			if page.NextToken == "" {
				break
			}
			copied := *list
			copied.NextToken = page.NextToken
			list = &copied
		}
	}
	if count >= most {
		return nil, outcrop.Errorf(bedrock.CodeServiceQuotaExceeded,
			"There are %d batch jobs of %s submitted or in progress, and its quota is %d: wait until one has ended, or raise concurrentJobs.", count, model, most)
	}
	return j.Jobs.Create(ctx, caller, req)
}
