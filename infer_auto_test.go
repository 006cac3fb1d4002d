package outcrop_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// The rows of the use-case matrix, and what else tells the method.
func TestAutoChoosesByTheUseCase(t *testing.T) {
	history := []bedrock.Message{bedrock.UserText("Hi"), bedrock.UserText("there"), bedrock.UserText("again")}
	for name, c := range map[string]struct {
		req  outcrop.InferRequest
		want outcrop.Method
	}{
		"data extraction":             {outcrop.InferRequest{Prompt: "x", Schema: []byte(`{}`)}, outcrop.MethodConstruct},
		"a chat with history":         {outcrop.InferRequest{Messages: history}, outcrop.MethodConverse},
		"a chat by id":                {outcrop.InferRequest{Prompt: "x", Metadata: map[string]string{outcrop.KeyConversation: "trip"}}, outcrop.MethodConverse},
		"a chat with tools":           {outcrop.InferRequest{Prompt: "x", Tools: &bedrock.ToolConfiguration{}}, outcrop.MethodConverse},
		"batch document processing":   {outcrop.InferRequest{Prompt: "x", OutputS3URI: "s3://b/out/"}, outcrop.MethodAsync},
		"a batch of messages":         {outcrop.InferRequest{Messages: history[:1], OutputS3URI: "s3://b/out/"}, outcrop.MethodAsync},
		"one message":                 {outcrop.InferRequest{Messages: history[:1]}, outcrop.MethodConverse},
		"simple questions":            {outcrop.InferRequest{Prompt: "x"}, outcrop.MethodSync},
		"long-form content":           {outcrop.InferRequest{Prompt: "x", MaxTokens: outcrop.LongOutput}, outcrop.MethodStream},
		"short content":               {outcrop.InferRequest{Prompt: "x", MaxTokens: outcrop.LongOutput - 1}, outcrop.MethodSync},
		"somebody at a terminal":      {outcrop.InferRequest{Prompt: "x", Interactive: true}, outcrop.MethodStream},
		"extraction from a terminal":  {outcrop.InferRequest{Prompt: "x", Schema: []byte(`{}`), Interactive: true}, outcrop.MethodConstruct},
		"a native body, just like so": {outcrop.InferRequest{Body: []byte(`{}`)}, outcrop.MethodSync},
	} {
		got, why := outcrop.Choose(&c.req)
		if got != c.want || why == "" {
			t.Errorf("%s: %s (%s), want %s", name, got, why, c.want)
		}
	}
}

func TestInferByAutoSaysWhy(t *testing.T) {
	backend, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m := manager(t, backend)
	result, err := m.Infer(t.Context(), outcrop.InferRequest{
		Method: "auto", Prompt: "Extract: John Doe is 42",
		Schema: []byte(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Method != outcrop.MethodConstruct || result.Why == "" || result.Construct == nil {
		t.Errorf("%+v", result)
	}
}
