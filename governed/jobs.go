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

	mu    sync.Mutex
	turns map[jobsOwner]*jobsTurn // that somebody has or waits for
}

// jobsOwner has a quota of jobs: an account's of a model.
type jobsOwner struct{ account, model string }

// jobsTurn is had from counting an owner's jobs to creating one more: who counts
// meanwhile would count one too few. Counting may mean to list them at AWS, so
// nobody else waits for it, and those who do may give up.
type jobsTurn struct {
	taken chan struct{} // holds one while somebody has the turn
	users int
}

// GovernJobs bounds the jobs of models by Rule.Jobs.
func GovernJobs(next outcrop.Jobs, rules []Rule) outcrop.Jobs {
	for i := range rules {
		if rules[i].Jobs > 0 {
			return &Jobs{Jobs: next, most: func(id string) int { return jobsOf(rules, id) }, turns: map[jobsOwner]*jobsTurn{}}
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

// turn waits for an owner's turn, which done ends.
func (j *Jobs) turn(ctx context.Context, owner jobsOwner) (done func(), err error) {
	j.mu.Lock()
	t := j.turns[owner]
	if t == nil {
		t = &jobsTurn{taken: make(chan struct{}, 1)}
		j.turns[owner] = t
	}
	t.users++
	j.mu.Unlock()
	leave := func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(j.turns, owner)
		}
	}
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, outcrop.AsError(context.Cause(ctx))
	}
}

// Create accepts a job, unless the model has as many as it may.
func (j *Jobs) Create(ctx context.Context, caller outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	most := j.most(req.ModelID)
	if most == 0 {
		return j.Jobs.Create(ctx, caller, req)
	}
	model, _ := identity(catalog.Default(), req.ModelID)
	done, err := j.turn(ctx, jobsOwner{caller.Account, model})
	if err != nil {
		return nil, err
	}
	defer done()
	count, repeated, err := j.count(ctx, caller, model, req.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	if count >= most && !repeated {
		return nil, outcrop.Errorf(bedrock.CodeServiceQuotaExceeded,
			"There are %d batch jobs of %s submitted or in progress, and its quota is %d: wait until one has ended, or raise concurrentJobs.", count, model, most)
	}
	return j.Jobs.Create(ctx, caller, req)
}

// count is how many jobs of a model the caller has that have not ended, and
// whether one of them was made with the token: then it is the same request again.
func (j *Jobs) count(ctx context.Context, caller outcrop.Caller, model, token string) (n int, repeated bool, err error) {
	for _, status := range unfinished {
		list := bedrock.ListModelInvocationJobsRequest{StatusEquals: status}
		for {
			asked := list
			page, err := j.List(ctx, caller, &asked)
			if err != nil {
				return 0, false, err
			}
			for i := range page.InvocationJobSummaries {
				job := &page.InvocationJobSummaries[i]
				if token != "" && job.ClientRequestToken == token {
					return n, true, nil
				}
				if other, _ := identity(catalog.Default(), job.ModelID); other == model {
					n++
				}
			}
			if list.NextToken = page.NextToken; list.NextToken == "" {
				break
			}
		}
	}
	return n, false, nil
}
