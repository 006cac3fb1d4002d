package openai

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/testengine"
	"github.com/outcrop-ai/outcrop/native"
)

// These tests ask a real llama-server. Its tiny model's words mean nothing, so
// they look at structure and at what must hold of any reply.

func engine(t *testing.T, arguments ...string) *Backend {
	t.Helper()
	e := testengine.Start(t, arguments...)
	return newBackend(t, Config{BaseURL: e.URL + "/v1", Engine: "llama.cpp", Models: map[string]string{"anthropic.claude-3-haiku-20240307-v1:0": e.Model}, Model: e.Model})
}

const (
	weather = `"messages":[{"role":"user","content":[{"text":"Weather in Paris?"}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}]}`
	cold    = `"inferenceConfig":{"maxTokens":100,"temperature":0}`
)

// both asks for a whole reply and for a stream, and checks that they agree
// and that the stream is well formed.
func both(t *testing.T, b *Backend, request string) *bedrock.ConverseResponse {
	t.Helper()
	reply, err := b.Do(t.Context(), converseCall(t, bedrock.OpConverse, request))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := reply.Converse()
	if err != nil {
		t.Fatal(err)
	}
	reply, err = b.Do(t.Context(), converseCall(t, bedrock.OpConverseStream, request))
	if err != nil {
		t.Fatal(err)
	}
	streamed, err := outcrop.Collect(reply.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if whole.StopReason != streamed.StopReason {
		t.Errorf("the reply stops with %s, its stream with %s", whole.StopReason, streamed.StopReason)
	}
	if a, b := whole.Output.Message.Text(), streamed.Output.Message.Text(); a != b {
		t.Errorf("the reply says %q, its stream %q", a, b)
	}
	for _, r := range []*bedrock.ConverseResponse{whole, streamed} {
		read := 0
		if r.Usage.CacheReadInputTokens != nil {
			read = *r.Usage.CacheReadInputTokens
		}
		if r.Usage.InputTokens+read == 0 || r.Usage.OutputTokens == 0 || r.Usage.TotalTokens != r.Usage.InputTokens+read+r.Usage.OutputTokens {
			t.Errorf("usage is %+v", r.Usage)
		}
		if len(r.Usage.Unknown) > 0 {
			t.Errorf("the usage is estimated: %s", r.Usage.Unknown)
		}
	}
	return whole
}

func TestEngineTools(t *testing.T) {
	b := engine(t)
	res := both(t, b, `{`+weather+`,`+cold+`}`)
	var use *bedrock.ToolUseBlock
	for _, block := range res.Output.Message.Content {
		if block.ToolUse != nil {
			use = block.ToolUse
		}
	}
	if use == nil || use.Name != "get_weather" || !use.Input.IsValid() || use.Input[0] != '{' {
		t.Fatalf("no call of get_weather in %+v", res.Output.Message.Content)
	}
	// And back: the result joins the conversation.
	answer := bedrock.Message{Role: "user", Content: []bedrock.ContentBlock{{ToolResult: &bedrock.ToolResultBlock{
		ToolUseID: use.ToolUseID, Content: []bedrock.ToolResultContentBlock{{JSON: bedrock.Document(`{"celsius":20}`)}},
	}}}}
	req := converseRequest(t, `{`+weather+`,`+cold+`}`)
	req.Messages = append(req.Messages, *res.Output.Message, answer)
	if _, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req)); err != nil {
		t.Fatalf("with the tool's result: %v (%v)", err, errors.Unwrap(err))
	}
}

func TestEngineSchema(t *testing.T) {
	res := both(t, engine(t), `{`+hi+`,`+cold+`,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":`+
		`"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":99},\"b\":{\"enum\":[\"x\",\"y\"]}},\"required\":[\"a\",\"b\"],\"additionalProperties\":false}"}}}}}`)
	var value struct {
		A int
		B string
	}
	if err := json.Unmarshal([]byte(res.Output.Message.Text()), &value); err != nil || value.B != "x" && value.B != "y" {
		t.Errorf("the reply %q does not keep to the schema: %v", res.Output.Message.Text(), err)
	}
	if res.StopReason != bedrock.StopReasonEndTurn {
		t.Errorf("the reply stops with %s", res.StopReason)
	}
}

func TestEngineLimit(t *testing.T) {
	res := both(t, engine(t), `{"messages":[{"role":"user","content":[{"text":"Say hello to Oslo"}]}],"inferenceConfig":{"maxTokens":3,"temperature":0}}`)
	if res.StopReason != bedrock.StopReasonMaxTokens || res.Usage.OutputTokens != 3 {
		t.Errorf("three tokens at most: %d, %s", res.Usage.OutputTokens, res.StopReason)
	}
}

func TestEngineErrors(t *testing.T) {
	b := engine(t, "-c", "256")
	long := `{"messages":[{"role":"user","content":[{"text":"` + strings.Repeat("long ", 500) + `"}]}]}`
	bad := `{` + hi + `,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"$ref\":\"#/nowhere\"}"}}}}}`
	for name, request := range map[string]string{"a prompt over the context": long, "a schema that leads nowhere": bad} {
		for _, operation := range operations {
			_, err := b.Do(t.Context(), converseCall(t, operation, request))
			var e *outcrop.Error
			if !errors.As(err, &e) || e.Code != bedrock.CodeValidation || e.Retryable {
				t.Errorf("%s: %s: error is %v", name, operation, err)
			}
		}
	}
}

func TestEngineCountsTokens(t *testing.T) {
	b := engine(t)
	for name, request := range map[string]string{"words": `{` + hi + `,` + cold + `}`, "tools": `{` + weather + `,` + cold + `}`} {
		call := converseCall(t, bedrock.OpConverse, request)
		count, err := b.CountTokens(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := b.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		res, err := reply.Converse()
		if err != nil {
			t.Fatal(err)
		}
		used := res.Usage.TotalTokens - res.Usage.OutputTokens
		if count.Estimated || count.InputTokens != used {
			t.Errorf("%s: counted %+v, the reply used %d", name, count, used)
		}
	}
}

func TestEngineInvokeModel(t *testing.T) {
	b := engine(t)
	body := []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":20,"temperature":0,"messages":[{"role":"user","content":"Say hello to Rome"}]}`)
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, "us.anthropic.claude-3-haiku-20240307-v1:0", body)
	reply, err := b.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var last []byte
	n := 0
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = event.Chunk(); err != nil {
			t.Fatal(err)
		}
		n++
	}
	usage, ok := native.ChunkUsage(last)
	if n < 4 || !ok || usage.OutputTokens == 0 || usage.OutputTokens > 20 {
		t.Errorf("%d chunks, the last tells %+v, %v: %s", n, usage, ok, last)
	}
}

func TestEngineModels(t *testing.T) {
	models, err := engine(t).Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(models) != 2 || models[0].ID != "tiny-tools" || models[1].ID != "anthropic.claude-3-haiku-20240307-v1:0" || models[0].ContextWindow == 0 || models[0].Backend != Name {
		t.Errorf("models are %+v", models)
	}
}
