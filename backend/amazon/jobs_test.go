package amazon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/route"
	"github.com/outcrop-ai/outcrop/server"
)

const role = "arn:aws:iam::123456789012:role/batch"

// runner is a batch executor on the simulator with objects of its own.
func runner(t *testing.T) (*batch.Jobs, *objects.Directory) {
	t.Helper()
	store, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store.CreateBuckets = true
	jobs, err := batch.New(batch.Config{Backend: simulate(t), Objects: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = jobs.Close(context.WithoutCancel(t.Context())); _ = store.Close() })
	return jobs, store
}

// service is a second Outcrop that runs jobs, and what it was sent to create
// them.
func service(t *testing.T) (*httptest.Server, *objects.Directory, *[]string) {
	t.Helper()
	jobs, store := runner(t)
	manager, err := outcrop.New(outcrop.Config{Backend: simulate(t), Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Manager: manager, Keys: keys(t)})
	if err != nil {
		t.Fatal(err)
	}
	created := new([]string)
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/model-invocation-job" {
			text, _ := io.ReadAll(r.Body)
			*created = append(*created, string(text))
			r.Body = io.NopCloser(strings.NewReader(string(text)))
		}
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { listening.CloseClientConnections(); listening.Close() })
	return listening, store, created
}

// instantly does not wait between two looks at a job, but lets others run.
func instantly(c *amazon.Config) {
	c.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
}

// place sends jobs to the back-end, or to an executor here.
func place(t *testing.T, b *amazon.Backend) (jobs *route.Jobs, here *batch.Jobs) {
	t.Helper()
	here, _ = runner(t)
	router, err := route.New(route.Config{
		Backends: map[string]route.Backend{"aws": {Backend: b, Native: true}, "sim": {Backend: simulate(t), Native: true}},
		Routes:   []route.Route{{Match: "anthropic.*", Targets: []route.Target{{Backend: "aws", Name: "us.anthropic.*"}}}}, Default: "sim",
	})
	if err != nil {
		t.Fatal(err)
	}
	return route.NewJobs(route.JobsConfig{Here: here, Router: router, Services: map[string]outcrop.Jobs{"aws": b.Jobs()}}), here
}

func put(t *testing.T, store *objects.Directory, uri, text string) {
	t.Helper()
	w, err := store.Create(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func jobRequest(model, name string) *bedrock.CreateModelInvocationJobRequest {
	return &bedrock.CreateModelInvocationJobRequest{
		JobName: name, ModelID: model, RoleARN: role,
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://input/records.jsonl"}},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{
			S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: "s3://output/"},
		},
	}
}

// TestJobsAtTheService: a job goes there with its role and what nobody here
// knows, is followed to its end, and its results lie there.
func TestJobsAtTheService(t *testing.T) {
	signedIn(t)
	far, store, created := service(t)
	put(t, store, "s3://input/records.jsonl", `{"recordId":"a","modelInput":{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}}`)
	jobs, _ := place(t, open(t, far.URL, instantly))
	req := jobRequest(modelID, "far")
	req.ClientRequestToken = "t1"
	req.TimeoutDurationInHours = new(48)
	made, err := jobs.Create(t.Context(), outcrop.Caller{}, req)
	if err != nil {
		t.Fatal(err)
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte((*created)[0]), &sent); err != nil {
		t.Fatal(err)
	}
	if sent["roleArn"] != role || sent["modelId"] != "us."+modelID || sent["clientRequestToken"] != "t1" || sent["timeoutDurationInHours"] != 48.0 {
		t.Errorf("sent %s", (*created)[0])
	}
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range jobs.Watch(t.Context(), outcrop.Caller{}, made.JobARN) {
		if err != nil {
			t.Fatal(err)
		}
		last = state
	}
	if last.Status != bedrock.ModelInvocationJobStatusCompleted || *last.SuccessRecordCount != 1 || last.RoleARN != role {
		t.Errorf("%+v", last)
	}
	id := made.JobARN[strings.LastIndexByte(made.JobARN, '/')+1:]
	if _, err := store.Open(t.Context(), "s3://output/"+id+"/manifest.json.out"); err != nil {
		t.Error(err)
	}
	// By its id alone too; and a job that nobody has is nowhere.
	if got, err := jobs.Get(t.Context(), outcrop.Caller{}, id); err != nil || got.JobARN != made.JobARN {
		t.Errorf("%+v, %v", got, err)
	}
	for _, id := range []string{"abcdefghijkl", "abcde12345"} {
		if _, err := jobs.Get(t.Context(), outcrop.Caller{}, id); outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := jobs.Stop(t.Context(), outcrop.Caller{}, id); outcrop.AsError(err).Code != bedrock.CodeConflict {
		t.Errorf("stopping what has ended: %v", err)
	}
}

// TestWhereJobsGo: what the service cannot run stays here, and what it must be
// told is asked for by name.
func TestWhereJobsGo(t *testing.T) {
	signedIn(t)
	far, store, created := service(t)
	put(t, store, "s3://input/records.jsonl", `{"recordId":"a","modelInput":{}}`)
	b := open(t, far.URL)
	jobs, here := place(t, b)
	inline := jobRequest(modelID, "inline")
	inline.InputDataConfig = bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: `{"max_tokens":1}`}
	inline.RoleARN = ""
	seed := jobRequest(modelID, "seed")
	seed.OutputDataConfig = bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/x/"}
	for _, tt := range []struct {
		name string
		ctx  context.Context
		req  *bedrock.CreateModelInvocationJobRequest
		far  bool
	}{
		{"objects of a model there", t.Context(), jobRequest(modelID, "a"), true},
		{"the short form of the output", t.Context(), seed, true},
		{"a body in the request", t.Context(), inline, false},
		{"on demand", route.OnDemand(t.Context()), jobRequest(modelID, "b"), false},
		{"a model of another back-end", t.Context(), jobRequest("amazon.nova-lite-v1:0", "c"), false},
	} {
		before := len(*created)
		made, err := jobs.Create(tt.ctx, outcrop.Caller{}, tt.req)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		_, missing := here.Get(t.Context(), outcrop.Caller{}, made.JobARN)
		if far := len(*created) > before; far != tt.far || (missing == nil) == tt.far {
			t.Errorf("%s: at the service %v, here %v; want the service: %v", tt.name, far, missing == nil, tt.far)
		}
	}
	if !strings.Contains((*created)[1], `"s3OutputDataConfig":{"s3Uri":"s3://output/x/"}`) {
		t.Errorf("sent %s", (*created)[1])
	}
	before := len(*created)
	noRole := jobRequest(modelID, "d")
	noRole.RoleARN = ""
	if _, err := jobs.Create(t.Context(), outcrop.Caller{}, noRole); outcrop.AsError(err).Field != "roleArn" || !strings.Contains(err.Error(), "onDemand") {
		t.Errorf("without a role: %v", err)
	}
	if _, err := jobs.Create(t.Context(), outcrop.Caller{}, jobRequest(modelID, "no name!")); outcrop.AsError(err).Field != "jobName" {
		t.Errorf("a wrong name: %v", err)
	}
	if len(*created) != before {
		t.Error("a request that is wrong was sent")
	}
}

// TestListMerges: jobs here and there come by time, in pages of any size.
func TestListMerges(t *testing.T) {
	signedIn(t)
	far, store, _ := service(t)
	put(t, store, "s3://input/records.jsonl", `{"recordId":"a","modelInput":{}}`)
	jobs, _ := place(t, open(t, far.URL))
	var want []string
	for i := range 7 {
		model := modelID
		if i%3 == 0 {
			model = "amazon.nova-lite-v1:0"
		}
		name := fmt.Sprintf("job-%d", i)
		if _, err := jobs.Create(t.Context(), outcrop.Caller{}, jobRequest(model, name)); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	for size := 1; size <= 8; size++ {
		var got []string
		req := &bedrock.ListModelInvocationJobsRequest{MaxResults: &size, SortOrder: bedrock.SortOrderAscending}
		for {
			page, err := jobs.List(t.Context(), outcrop.Caller{}, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range page.InvocationJobSummaries {
				got = append(got, s.JobName)
			}
			if req.NextToken = page.NextToken; req.NextToken == "" || len(got) > 10 {
				break
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("pages of %d: %v, want %v", size, got, want)
		}
	}
	if _, err := jobs.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{NextToken: ".=x"}); outcrop.AsError(err).Field != "nextToken" {
		t.Errorf("a token that nobody made: %v", err)
	}
}

// TestTenantsSeeNoneOfEachOther: without a role of its own, a tenant has no
// jobs in the account that all share.
func TestTenantsSeeNoneOfEachOther(t *testing.T) {
	signedIn(t)
	far, store, _ := service(t)
	put(t, store, "s3://input/records.jsonl", `{"recordId":"a","modelInput":{}}`)
	jobs, _ := place(t, open(t, far.URL, func(c *amazon.Config) { c.Owner = "owner" }))
	made, err := jobs.Create(t.Context(), outcrop.Caller{Tenant: "owner"}, jobRequest(modelID, "a"))
	if err != nil {
		t.Fatal(err)
	}
	tenant := outcrop.Caller{Tenant: "team-b"}
	if _, err := jobs.Create(t.Context(), tenant, jobRequest(modelID, "b")); outcrop.AsError(err).Code != bedrock.CodeAccessDenied || !strings.Contains(err.Error(), "roles") {
		t.Errorf("create: %v", err)
	}
	if _, err := jobs.Get(t.Context(), tenant, made.JobARN); outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
		t.Errorf("get: %v", err)
	}
	if err := jobs.Stop(t.Context(), tenant, made.JobARN); outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
		t.Errorf("stop: %v", err)
	}
	if list, err := jobs.List(t.Context(), tenant, &bedrock.ListModelInvocationJobsRequest{}); err != nil || len(list.InvocationJobSummaries) != 0 {
		t.Errorf("list: %+v, %v", list, err)
	}
}

// TestServiceUnreachable: what is here is still found and listed, what is not
// is not said to be nowhere.
func TestServiceUnreachable(t *testing.T) {
	signedIn(t)
	b := open(t, "http://127.0.0.1:1")
	jobs, here := place(t, b)
	made, err := jobs.Create(t.Context(), outcrop.Caller{}, jobRequest("amazon.nova-lite-v1:0", "near"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.Get(t.Context(), outcrop.Caller{}, made.JobARN); err != nil {
		t.Error(err)
	}
	_, err = jobs.Get(t.Context(), outcrop.Caller{}, "abcdefghijkl")
	if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceUnavailable || !strings.Contains(e.Message, "the job is not here, and back-end aws could not say") {
		t.Errorf("%v", err)
	}
	if _, err := jobs.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{}); err == nil {
		t.Error("a list without the service's jobs, and nobody was told")
	}
	router, err := route.New(route.Config{Backends: map[string]route.Backend{"aws": {Backend: b}}, Default: "aws"})
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	jobs = route.NewJobs(route.JobsConfig{
		Here: here, Router: router, Services: map[string]outcrop.Jobs{"aws": b.Jobs()},
		OnUnlisted: func(backend string, err error) { told = backend + ": " + err.Error() },
	})
	list, err := jobs.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{})
	if err != nil || len(list.InvocationJobSummaries) != 1 || !strings.HasPrefix(told, "aws: ") {
		t.Errorf("%+v, %v; told %q", list, err, told)
	}
}
