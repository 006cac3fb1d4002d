package outcrop_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"

// scripted is a back-end that answers Converse with the given texts in turn,
// and remembers what it was asked.
type scripted struct {
	texts []string
	stop  bedrock.StopReason
	calls []*outcrop.Call
}

func (s *scripted) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if call.Native() {
		return outcrop.AnswerNative(ctx, call, s)
	}
	s.calls = append(s.calls, call)
	words := s.texts[min(len(s.calls), len(s.texts))-1]
	if call.Streams() {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(play(text(words), nil), nil)), nil
	}
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &words}}}
	stop := s.stop
	if stop == "" {
		stop = bedrock.StopReasonEndTurn
	}
	return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: stop,
		Usage: bedrock.TokenUsage{InputTokens: 10, OutputTokens: 5, TotalTokens: 15},
	}), nil
}

func manager(t *testing.T, backend outcrop.Backend) *outcrop.Manager {
	t.Helper()
	m, err := outcrop.New(outcrop.Config{ModelID: sonnet, Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseMethod(t *testing.T) {
	tests := map[string]outcrop.Method{
		"": outcrop.MethodSync, "sync": outcrop.MethodSync, "InvokeModel": outcrop.MethodSync, "invoke-model": outcrop.MethodSync,
		"stream": outcrop.MethodStream, "InvokeModelWithResponseStream": outcrop.MethodStream,
		"async": outcrop.MethodAsync, "CreateModelInvocationJob": outcrop.MethodAsync,
		"converse": outcrop.MethodConverse, "Converse": outcrop.MethodConverse, "construct": outcrop.MethodConstruct,
	}
	for name, want := range tests {
		if got, err := outcrop.ParseMethod(name); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	_, err := outcrop.ParseMethod("telepathy")
	if err == nil {
		t.Fatal("telepathy is no method")
	}
	for _, m := range outcrop.Methods {
		if !strings.Contains(err.Error(), string(m)) {
			t.Errorf("the error does not list %s: %v", m, err)
		}
	}
}

func TestInferNamesWhatIsMissing(t *testing.T) {
	m := manager(t, &scripted{texts: []string{"hi"}})
	tests := map[string]struct {
		req   outcrop.InferRequest
		field string
	}{
		"nothing to ask":             {outcrop.InferRequest{}, "prompt"},
		"asked twice":                {outcrop.InferRequest{Prompt: "a", Body: []byte(`{}`)}, "prompt"},
		"no output URI":              {outcrop.InferRequest{Method: "async", Prompt: "a"}, "outputS3Uri"},
		"no schema":                  {outcrop.InferRequest{Method: "construct", Prompt: "a"}, "schema"},
		"unknown method":             {outcrop.InferRequest{Method: "x", Prompt: "a"}, "method"},
		"a native body for converse": {outcrop.InferRequest{Method: "converse", Body: []byte(`{}`)}, "body"},
		"a system prompt beside it":  {outcrop.InferRequest{Body: []byte(`{}`), SystemPrompt: "a"}, "body"},
		"a limit beside it":          {outcrop.InferRequest{Body: []byte(`{}`), MaxTokens: 1}, "body"},
		"metadata beside a job's":    {outcrop.InferRequest{Method: "async", OutputS3URI: "s3://a/b", Body: []byte(`{}`), Metadata: map[string]string{"a": "b"}}, "requestMetadata"},
		"tools for sync":             {outcrop.InferRequest{Prompt: "a", Tools: &bedrock.ToolConfiguration{}}, "tools"},
		"tools for construct":        {outcrop.InferRequest{Method: "construct", Schema: []byte(`{}`), Prompt: "a", Tools: &bedrock.ToolConfiguration{}}, "tools"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := m.Infer(t.Context(), tt.req)
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok {
				t.Fatalf("got %v, want field %q", err, tt.field)
			}
			if e.Code != bedrock.CodeValidation || e.Field != tt.field {
				t.Errorf("got %v (field %q), want field %q", err, e.Field, tt.field)
			}
		})
	}
}

func TestInferRunsEveryMethodOnTheSameWords(t *testing.T) {
	backend := &scripted{texts: []string{"Four."}}
	m := manager(t, backend)

	sync, err := m.Infer(t.Context(), outcrop.InferRequest{Prompt: "2+2?", SystemPrompt: "Be brief.", MaxTokens: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := sync.Text(); got != "Four." {
		t.Errorf("sync: %q", got)
	}
	if usage, err := sync.Usage(); err != nil || usage.OutputTokens != 5 {
		t.Errorf("sync: usage %+v, %v", usage, err)
	}
	asked, err := backend.calls[0].Converse()
	if err != nil {
		t.Fatal(err)
	}
	if asked.Messages[0].Text() != "2+2?" || *asked.System[0].Text != "Be brief." || *asked.InferenceConfig.MaxTokens != 7 {
		t.Errorf("sync asked %+v", asked)
	}

	stream, err := m.Infer(t.Context(), outcrop.InferRequest{Method: "stream", Prompt: "2+2?"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Stream.Close()
	var reader outcrop.ChunkReader
	got := ""
	for event, err := range stream.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		chunk, err := event.Chunk()
		if err != nil {
			t.Fatal(err)
		}
		words, err := reader.Text(chunk)
		if err != nil {
			t.Fatal(err)
		}
		got += words
	}
	if got != "Four." || reader.Usage().InputTokens != 3 {
		t.Errorf("stream: %q, usage %+v", got, reader.Usage())
	}

	converse, err := m.Infer(t.Context(), outcrop.InferRequest{Method: "converse", Messages: []bedrock.Message{bedrock.UserText("2+2?")}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := converse.Text(); got != "Four." {
		t.Errorf("converse: %q", got)
	}

	if _, err := m.Infer(t.Context(), outcrop.InferRequest{Method: "async", Prompt: "a", OutputS3URI: "s3://b/"}); err == nil {
		t.Error("async without Config.Jobs must be refused")
	}
}

// How words are chosen goes to the model by every method, and stands in the body
// where there is one.
func TestInferSamples(t *testing.T) {
	for _, method := range []string{"sync", "converse"} {
		s := &scripted{texts: []string{"Because."}}
		_, err := manager(t, s).Infer(t.Context(), outcrop.InferRequest{Method: method, Prompt: "Why?", Temperature: new(0.0), TopP: new(0.5), Stop: []string{"END"}})
		if err != nil {
			t.Fatal(err)
		}
		req, err := s.calls[0].Converse()
		if err != nil {
			t.Fatal(err)
		}
		c := req.InferenceConfig
		if c == nil || c.Temperature == nil || *c.Temperature != 0 || c.TopP == nil || *c.TopP != 0.5 || len(c.StopSequences) != 1 || c.StopSequences[0] != "END" {
			t.Errorf("by %s: %+v", method, c)
		}
	}
	m := manager(t, &scripted{texts: []string{"Because."}})
	for request, want := range map[*outcrop.InferRequest]string{
		{Body: []byte(`{}`), Temperature: new(0.5)}: "stand in the body",
		{Prompt: "Why?", MaxTokens: -5}:             "maxTokens: -5: expected 1 or more",
	} {
		if _, err := m.Infer(t.Context(), *request); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Request metadata reaches the model by every method that has a place for it.
func TestInferSendsMetadata(t *testing.T) {
	for _, method := range []string{"sync", "stream", "converse", "construct"} {
		s := &scripted{texts: []string{`{}`}}
		result, err := manager(t, s).Infer(t.Context(), outcrop.InferRequest{
			Method: method, Prompt: "Why?", Schema: []byte(`{"type": "object"}`), Metadata: map[string]string{"team": "geology"},
		})
		if err != nil {
			t.Fatal(method, err)
		}
		if result.Stream != nil {
			result.Stream.Close()
		}
		req, err := s.calls[0].Converse()
		if err != nil {
			t.Fatal(method, err)
		}
		if req.RequestMetadata["team"] != "geology" {
			t.Errorf("by %s: %v", method, req.RequestMetadata)
		}
	}
}

// lastJob keeps the last job that was created.
type lastJob struct {
	outcrop.Jobs
	req *bedrock.CreateModelInvocationJobRequest
}

func (j *lastJob) Create(_ context.Context, _ outcrop.Caller, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	j.req = req
	return &bedrock.CreateModelInvocationJobResponse{}, nil
}

// A body without bytes is no body, whether it is nil or not.
func TestInferAsyncWithAnEmptyBody(t *testing.T) {
	jobs := &lastJob{}
	m, err := outcrop.New(outcrop.Config{ModelID: sonnet, Backend: &scripted{}, Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Infer(t.Context(), outcrop.InferRequest{Method: "async", Prompt: "Why?", Body: []byte{}, OutputS3URI: "s3://a/b"}); err != nil {
		t.Fatal(err)
	}
	if text := jobs.req.InputDataConfig.Text; !strings.Contains(text, "Why?") || jobs.req.ModelInvocationType != bedrock.ModelInvocationTypeConverse {
		t.Errorf("the job's record is %q, of type %s", text, jobs.req.ModelInvocationType)
	}
}

// A result that is not whole says what to read instead.
func TestInferResultNamesWhatToRead(t *testing.T) {
	result, err := manager(t, &scripted{texts: []string{"Because."}}).Infer(t.Context(), outcrop.InferRequest{Method: "stream", Prompt: "Why?"})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Stream.Close()
	if _, err := result.Text(); err == nil || !strings.Contains(err.Error(), "result.Stream.Events with a ChunkReader") {
		t.Errorf("got %v", err)
	}
}
