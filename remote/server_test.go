package remote_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/remote"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const modelID = "anthropic.claude-sonnet-4-5-20250929-v1:0"

// simulated is the back-end behind the server of these tests.
func simulated(t testing.TB) *simulator.Backend {
	t.Helper()
	b, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve starts a server, until the test ends, and returns a client of it.
func serve(t testing.TB, manager outcrop.Config, config server.Config, client remote.Config) *remote.Client {
	t.Helper()
	m, err := outcrop.New(manager)
	if err != nil {
		t.Fatal(err)
	}
	config.Manager = m
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	http := httptest.NewServer(s.Handler())
	t.Cleanup(http.Close)
	client.URL = http.URL
	c, err := remote.New(client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	backendtest.Test(t, func(t *testing.T) outcrop.Backend {
		// A connection for each call, so that the suite sees what is left of it.
		transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
		return serve(t, outcrop.Config{Backend: simulated(t)}, server.Config{}, remote.Config{Transport: transport})
	}, backendtest.Options{ModelID: modelID, Without: []backendtest.Feature{backendtest.Schema}}) // Construct is the server's
}

// TestSameAsHere: what the server's back-end says arrives as it was.
func TestSameAsHere(t *testing.T) {
	here := simulated(t)
	there := serve(t, outcrop.Config{Backend: here}, server.Config{}, remote.Config{})
	want, err := here.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := there.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := func(models []outcrop.Model) map[string]outcrop.Model {
		m := map[string]outcrop.Model{}
		for _, model := range models {
			m[model.ID] = model
		}
		return m
	}
	byProfile := func(a, b outcrop.Profile) int { return strings.Compare(a.ID, b.ID) }
	for id, w := range byID(want) {
		g := byID(got)[id]
		slices.SortFunc(w.Profiles, byProfile)
		slices.SortFunc(g.Profiles, byProfile)
		for i := range w.Profiles { // the API lists five at most
			w.Profiles[i].Regions = w.Profiles[i].Regions[:min(5, len(w.Profiles[i].Regions))]
			if len(w.Profiles[i].Regions) == 0 {
				w.Profiles[i].Regions = []string{server.DefaultRegion}
			}
		}
		if d := cmp.Diff(w, g); d != "" {
			t.Errorf("model %s (-here +there):\n%s", id, d)
		}
	}
	if len(got) != len(want) || len(got) == 0 {
		t.Errorf("%d models here, %d there", len(want), len(got))
	}
	for _, call := range []*outcrop.Call{
		outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText("How many?")}}),
		outcrop.NewInvokeCall(bedrock.OpInvokeModel, modelID, []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"How many?"}]}`)),
	} {
		w, err := here.CountTokens(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		g, err := there.CountTokens(t.Context(), call)
		if err != nil || g != w || g.InputTokens == 0 {
			t.Errorf("%s: counted %+v there, %+v here, %v", call.Operation, g, w, err)
		}
	}
}

var person = bedrock.Document(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`)

func TestConstruct(t *testing.T) {
	there := serve(t, outcrop.Config{Backend: simulated(t)}, server.Config{}, remote.Config{})
	m, err := outcrop.New(outcrop.Config{ModelID: modelID, Backend: there})
	if err != nil {
		t.Fatal(err)
	}
	req := &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42", Schema: person}
	response, err := m.Construct(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var value struct {
		Name string `json:"name"`
		Age  *int   `json:"age"`
	}
	if err := bedrock.Unmarshal(response.Output, &value); err != nil || value.Age == nil || response.Trace.Strategy != bedrock.ConstructStepNative {
		t.Errorf("constructed %s by %s, %v", response.Output, response.Trace.Strategy, err)
	}
	stream, err := m.ConstructStream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var last *bedrock.ConstructStreamOutput
	events := 0
	for event, err := range stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = event.Constructed(); err != nil {
			t.Fatal(err)
		}
		events++
	}
	if events < 2 || last.Result == nil || string(last.Result.Output) != string(response.Output) {
		t.Errorf("%d events, the last %+v", events, last)
	}
	_, err = m.Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "p", Schema: bedrock.Document(`{"type":"nothing"}`)})
	if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeValidation || !strings.Contains(e.Message, "schema") {
		t.Errorf("a bad schema: %v", err)
	}
}

// TestConstructStreamAsItIs: sent as an operation, the stream is complete with
// its result, too.
func TestConstructStreamAsItIs(t *testing.T) {
	there := serve(t, outcrop.Config{Backend: simulated(t)}, server.Config{}, remote.Config{})
	body := `{"prompt":"Extract: John Doe is 42","schema":` + string(person) + `}`
	reply, err := there.Send(t.Context(), remote.Operation{
		Name: bedrock.OpConstructStream, Labels: map[string]string{"modelId": modelID}, Body: []byte(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var last string
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		last = event.Type()
	}
	if last != "result" {
		t.Errorf("the last event is %q", last)
	}
}

// TestSchemaFailureIsKept: whoever asks over HTTP gets the same error.
func TestSchemaFailureIsKept(t *testing.T) {
	stubborn := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		text := `{"name":"Ada"}`
		response := &bedrock.ConverseResponse{
			StopReason: bedrock.StopReasonEndTurn, Usage: bedrock.TokenUsage{InputTokens: 1, OutputTokens: 2, TotalTokens: 3},
			Output: bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}},
		}
		return outcrop.NewConverseReply(outcrop.Meta{}, response), nil
	})
	one := 1
	req := &bedrock.ConstructRequest{ModelID: modelID, Prompt: "Who?", Schema: person, MaxAttempts: &one, Strategy: bedrock.ConstructStrategyPrompt}
	local, err := outcrop.New(outcrop.Config{Backend: stubborn})
	if err != nil {
		t.Fatal(err)
	}
	_, wantErr := local.Construct(t.Context(), req)
	_, gotErr := serve(t, outcrop.Config{Backend: stubborn}, server.Config{}, remote.Config{}).Construct(t.Context(), req)
	want, got := outcrop.AsError(wantErr), outcrop.AsError(gotErr)
	if want.Code != bedrock.CodeSchemaValidation {
		t.Fatalf("the local error is %v", want)
	}
	if got.RequestID == "" {
		t.Error("the error has no request id")
	}
	wantFailure, _ := errors.AsType[*bedrock.SchemaFailure](wantErr)
	gotFailure, ok := errors.AsType[*bedrock.SchemaFailure](gotErr)
	if !ok {
		t.Fatalf("the cause is lost: %v", gotErr)
	}
	if d := cmp.Diff(wantFailure, gotFailure); d != "" {
		t.Errorf("the failure (-local +remote):\n%s", d)
	}
	if got.Code != want.Code || got.Message != want.Message || got.Field != want.Field || string(got.Partial) != string(want.Partial) || !cmp.Equal(got.Usage, want.Usage) {
		t.Errorf("the error is %+v, want %+v", got, want)
	}
}

func TestToken(t *testing.T) {
	keys := new(sigv4.Keyring)
	team, err := keys.AddTenant(sigv4.Tenant{Name: "team"})
	if err == nil {
		err = keys.AddToken(team, "right")
	}
	if err != nil {
		t.Fatal(err)
	}
	for token, code := range map[string]string{"right": "", "wrong": bedrock.CodeAccessDenied, "": bedrock.CodeMissingAuthentication} {
		c := serve(t, outcrop.Config{Backend: simulated(t)}, server.Config{Keys: keys}, remote.Config{Token: token})
		_, err := c.Models(t.Context())
		switch {
		case code == "" && err != nil, code != "" && (err == nil || outcrop.AsError(err).Code != code):
			t.Errorf("token %q: %v, want %q", token, err, code)
		case err != nil && token != "" && strings.Contains(err.Error(), token):
			t.Errorf("the error holds the token: %v", err)
		}
	}
}

func TestJobs(t *testing.T) {
	store, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store.CreateBuckets = true
	b := simulated(t)
	local, err := batch.New(batch.Config{Backend: b, Objects: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(local.Close(t.Context()), store.Close()) })
	there := serve(t, outcrop.Config{Backend: b, Jobs: local}, server.Config{}, remote.Config{})
	m, err := outcrop.New(outcrop.Config{ModelID: modelID, Backend: there, Jobs: there.Jobs()})
	if err != nil {
		t.Fatal(err)
	}
	result, err := m.Infer(t.Context(), outcrop.InferRequest{Method: "async", Prompt: "Why?", OutputS3URI: "s3://bucket/out/", JobName: "why"})
	if err != nil {
		t.Fatal(err)
	}
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range there.Jobs().Watch(t.Context(), outcrop.Caller{}, result.Job.JobARN) {
		if err != nil {
			t.Fatal(err)
		}
		last = state
	}
	if last.Status != bedrock.ModelInvocationJobStatusCompleted || last.SuccessRecordCount == nil || *last.SuccessRecordCount != 1 {
		t.Errorf("the job ended as %+v", last)
	}
	one := 1
	for filter, want := range map[string]int{"why": 1, "because": 0} {
		page, err := there.Jobs().List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{
			NameContains: filter, MaxResults: &one, StatusEquals: bedrock.ModelInvocationJobStatusCompleted,
			SubmitTimeAfter: last.SubmitTime.Add(-1e9), SortOrder: bedrock.SortOrderDescending,
		})
		if err != nil || len(page.InvocationJobSummaries) != want {
			t.Errorf("jobs named %s: %+v, %v", filter, page, err)
		}
	}
	for what, err := range map[string]error{
		"get":  func() error { _, err := there.Jobs().Get(t.Context(), outcrop.Caller{}, "abcdefghijkl"); return err }(),
		"stop": there.Jobs().Stop(t.Context(), outcrop.Caller{}, "abcdefghijkl"),
	} {
		if err == nil || outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
			t.Errorf("%s of a job that is none: %v", what, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c, err := remote.New(remote.Config{URL: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Models(t.Context())
	if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeServiceUnavailable || !strings.Contains(e.Message, gone.URL+" cannot be reached") {
		t.Errorf("%v", err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "-stream") {
			_, _ = w.Write([]byte("<html>hello</html>"))
			return
		}
		http.NotFound(w, r)
	}))
	defer other.Close()
	if c, err = remote.New(remote.Config{URL: other.URL}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = c.Models(t.Context()); err == nil || !strings.Contains(err.Error(), "404 Not Found: is it an Outcrop server?") {
		t.Errorf("%v", err)
	}
	_, err = c.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, &bedrock.ConverseRequest{ModelID: "m"}))
	if err == nil || !strings.Contains(err.Error(), "no event stream: is it an Outcrop server?") {
		t.Errorf("%v", err)
	}
}

// TestErrorsAreWhole: what AWS's errors have no members for arrives too.
func TestErrorsAreWhole(t *testing.T) {
	want := &outcrop.Error{
		Code: bedrock.CodeModelError, Message: "no", Field: "messages.0", Partial: bedrock.Document(`{"role":"assistant","content":[]}`),
		Usage: &bedrock.TokenUsage{InputTokens: 1, TotalTokens: 1},
	}
	c := serve(t, outcrop.Config{Backend: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return nil, want
	})}, server.Config{}, remote.Config{})
	_, err := c.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: "m"}))
	got := *outcrop.AsError(err)
	got.RequestID = ""
	if d := cmp.Diff(want, &got); d != "" {
		t.Error(d)
	}
}
