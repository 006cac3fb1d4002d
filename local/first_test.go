package local_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// slowEngine speaks Chat Completions, and answers a call when it is let go.
type slowEngine struct {
	letGo chan struct{}

	mu    sync.Mutex
	here  int
	most  int
	order []string // of arrival: "record" or "person"
}

func (e *slowEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost { // it is asked for its models
		http.NotFound(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	who := "record"
	if strings.Contains(string(body), "person") {
		who = "person"
	}
	e.mu.Lock()
	e.here++
	e.most = max(e.most, e.here)
	e.order = append(e.order, who)
	e.mu.Unlock()
	select {
	case <-e.letGo:
	case <-r.Context().Done(): // the test has failed
	}
	e.mu.Lock()
	e.here--
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yes"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
}

// arrived waits until so many calls have come, and tells who they are from.
func (e *slowEngine) arrived(n int) []string {
	for {
		e.mu.Lock()
		order := slices.Clone(e.order)
		e.mu.Unlock()
		if len(order) >= n {
			return order
		}
		runtime.Gosched()
	}
}

// openSlow opens a data directory in front of a slow engine that is configured
// so, with a job of 30 records, and returns once the engine is full.
func openSlow(t *testing.T, settled string, slots int) (*local.Local, *slowEngine, string) {
	t.Helper()
	e := &slowEngine{letGo: make(chan struct{})}
	server := httptest.NewServer(e)
	m, err := open(t, settings(t, fmt.Sprintf(settled, server.URL+"/v1")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	directory := m.Directory()
	if err := directory.CreateBucket(t.Context(), "input"); err != nil {
		t.Fatal(err)
	}
	var records strings.Builder
	for range 30 {
		records.WriteString(`{"modelInput":{"messages":[{"role":"user","content":[{"text":"record"}]}]}}` + "\n")
	}
	out, err := m.Objects().Create(t.Context(), "s3://input/a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, records.String()); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	created, err := m.Batch(t.Context(), &bedrock.CreateModelInvocationJobRequest{
		JobName: "many", ModelID: "m", ModelInvocationType: bedrock.ModelInvocationTypeConverse,
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://input/a.jsonl"}},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.arrived(slots)
	return m, e, created.JobARN
}

func finished(t *testing.T, m *local.Local, e *slowEngine, arn string) {
	t.Helper()
	close(e.letGo)
	jobs, err := m.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	var last *bedrock.GetModelInvocationJobResponse
	for job, err := range jobs.Watch(t.Context(), outcrop.Caller{}, arn) {
		if err != nil {
			t.Fatal(err)
		}
		last = job
	}
	if last.Status != bedrock.ModelInvocationJobStatusCompleted || *last.SuccessRecordCount != 30 {
		t.Errorf("the job is %s: %s; want 30 records that succeeded", last.Status, last.Message)
	}
}

// TestInteractiveCallsBeforeRecords: with a bound on the model's calls, a person's
// call is the next that the engine gets, before the records of a job that wait.
func TestInteractiveCallsBeforeRecords(t *testing.T) {
	m, e, arn := openSlow(t, `
backends: {engine: {kind: openai, engine: openai, baseUrl: "%s"}}
backend: engine
quotas: {models: [{match: "*", concurrent: 3}]}
`, 3)
	answered := make(chan error, 1)
	go func() {
		_, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: "m", Messages: []bedrock.Message{bedrock.UserText("person")}})
		answered <- err
	}()
	for m.Quotas().Status().Pools[0].Queued.Interactive == 0 {
		runtime.Gosched()
	}
	if queued := m.Quotas().Status().Pools[0].Queued; queued.Batch == 0 {
		t.Errorf("no record waits: %+v", queued)
	}
	e.letGo <- struct{}{}
	if order := e.arrived(4); order[3] != "person" {
		t.Errorf("the engine got %v", order)
	}
	finished(t, m, e, arn)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if e.most != 3 {
		t.Errorf("%d calls were there at once, want 3", e.most)
	}
}

// TestBoundOfABackend: limits.concurrent bounds the calls at a back-end.
func TestBoundOfABackend(t *testing.T) {
	m, e, arn := openSlow(t, `
backends: {engine: {kind: openai, engine: openai, baseUrl: "%s", limits: {concurrent: 2}}}
backend: engine
`, 2)
	status, err := m.QuotaStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Backends) != 1 || status.Backends[0].Backend != "engine" || status.Backends[0].Inflight != 2 || status.Backends[0].Concurrent != 2 {
		t.Errorf("the queues are %+v", status.Backends)
	}
	for range 10 {
		e.letGo <- struct{}{}
	}
	finished(t, m, e, arn)
	if e.most != 2 {
		t.Errorf("%d calls were there at once, want 2", e.most)
	}
}
