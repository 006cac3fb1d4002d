package governed_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
)

// ledger of jobs that are created and end when a test says so, two a page.
type jobList struct {
	outcrop.Jobs
	mu   sync.Mutex
	jobs []bedrock.ModelInvocationJobSummary
}

func (l *jobList) Create(_ context.Context, _ outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = append(l.jobs, bedrock.ModelInvocationJobSummary{ModelID: req.ModelID, ClientRequestToken: req.ClientRequestToken, Status: bedrock.ModelInvocationJobStatusSubmitted})
	return &bedrock.CreateModelInvocationJobResponse{}, nil
}

func (l *jobList) List(_ context.Context, _ outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, page := 0, &bedrock.ListModelInvocationJobsResponse{}
	if req.NextToken != "" {
		if _, err := fmt.Sscan(req.NextToken, &from); err != nil {
			return nil, err
		}
	}
	for i := from; i < len(l.jobs); i++ {
		if i == from+2 {
			page.NextToken = fmt.Sprint(i)
			break
		}
		if l.jobs[i].Status == req.StatusEquals {
			page.InvocationJobSummaries = append(page.InvocationJobSummaries, l.jobs[i])
		}
	}
	return page, nil
}

// TestConcurrentJobs: one more than the quota is refused as Bedrock refuses,
// whatever states the others are in, and another is let in when one has ended.
func TestConcurrentJobs(t *testing.T) {
	list := &jobList{}
	jobs := governed.GovernJobs(list, []governed.Rule{{Match: "amazon.*", Jobs: 3}})
	create := func(id, token string) error {
		_, err := jobs.Create(t.Context(), outcrop.Caller{}, &bedrock.CreateModelInvocationJobRequest{ModelID: id, ClientRequestToken: token})
		return err
	}
	var wg sync.WaitGroup
	refusals := make(chan error, 10)
	for i := range 10 {
		wg.Go(func() { refusals <- create(model, fmt.Sprint(i)) })
	}
	wg.Wait()
	close(refusals)
	refused := 0
	for err := range refusals {
		if err != nil {
			refused++
			if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceQuotaExceeded {
				t.Errorf("refused with %v", err)
			}
		}
	}
	if refused != 7 {
		t.Errorf("%d of 10 refused, want 7", refused)
	}
	list.jobs[0].Status, list.jobs[1].Status = bedrock.ModelInvocationJobStatusValidating, bedrock.ModelInvocationJobStatusInProgress
	if create("us."+model, "new") == nil {
		t.Error("a profile of the model was let in")
	}
	if err := create(model, list.jobs[2].ClientRequestToken); err != nil {
		t.Errorf("the same request again: %v", err)
	}
	list.jobs = list.jobs[:3]
	if err := create("meta.llama3-8b-instruct-v1:0", "x"); err != nil {
		t.Errorf("a model without a quota: %v", err)
	}
	list.jobs[1].Status = bedrock.ModelInvocationJobStatusCompleted
	if err := create(model, "y"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// tagging is a Jobs that keeps tags, as far as the test looks.
type tagging struct {
	*jobList
	outcrop.Tagger
	tagged string
}

func (k *tagging) Tag(_ context.Context, _ outcrop.Caller, arn string, _ []bedrock.Tag) error {
	k.tagged = arn
	return nil
}

// TestTagsPassThrough: a quota of jobs does not hide that they keep tags.
func TestTagsPassThrough(t *testing.T) {
	kept := &tagging{jobList: &jobList{}}
	tagger, err := outcrop.TaggerOf(governed.GovernJobs(kept, []governed.Rule{{Match: "*", Jobs: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := tagger.Tag(t.Context(), outcrop.Caller{}, "arn", nil); err != nil || kept.tagged != "arn" {
		t.Errorf("tagged %q, %v", kept.tagged, err)
	}
	plain, err := outcrop.TaggerOf(governed.GovernJobs(&jobList{}, []governed.Rule{{Match: "*", Jobs: 1}}))
	if err == nil {
		err = plain.Tag(t.Context(), outcrop.Caller{}, "arn", nil)
	}
	if e := outcrop.AsError(err); e == nil || e.Code != bedrock.CodeValidation {
		t.Errorf("jobs without tags: %v", err)
	}
}

// TestNoJobQuotas: without any, jobs are left as they are.
func TestNoJobQuotas(t *testing.T) {
	list := &jobList{}
	if governed.GovernJobs(list, []governed.Rule{{Match: "*"}}) != outcrop.Jobs(list) {
		t.Error("jobs without a quota were wrapped")
	}
}

// slowList is a list of jobs that one account's listing waits for.
type slowList struct {
	jobList
	listing chan struct{} // closed when account "slow" lists
	proceed chan struct{}
}

func (l *slowList) List(ctx context.Context, caller outcrop.Caller, req *bedrock.ListModelInvocationJobsRequest) (*bedrock.ListModelInvocationJobsResponse, error) {
	if caller.Account == "slow" {
		select {
		case <-l.listing:
		default:
			close(l.listing)
		}
		<-l.proceed
	}
	return l.jobList.List(ctx, caller, req)
}

// TestListingHoldsUpNobodyElse: while the jobs of one account are listed, others
// create theirs, and who waits for the same list may give up.
func TestListingHoldsUpNobodyElse(t *testing.T) {
	list := &slowList{listing: make(chan struct{}), proceed: make(chan struct{})}
	jobs := governed.GovernJobs(list, []governed.Rule{{Match: "*", Jobs: 1}})
	create := func(ctx context.Context, account string) error {
		_, err := jobs.Create(ctx, outcrop.Caller{Account: account}, &bedrock.CreateModelInvocationJobRequest{ModelID: model})
		return err
	}
	slow := make(chan error, 1)
	go func() { slow <- create(t.Context(), "slow") }()
	<-list.listing
	impatient, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- create(impatient, "slow") }()
	cancel()
	if err := <-waits; err == nil {
		t.Error("a second job of the account was created before the first was counted")
	}
	if err := create(t.Context(), "other"); err != nil {
		t.Errorf("another account's job: %v", err)
	}
	list.mu.Lock()
	list.jobs = nil // the list of the fake is that of all accounts
	list.mu.Unlock()
	close(list.proceed)
	if err := <-slow; err != nil {
		t.Errorf("the first job: %v", err)
	}
}
