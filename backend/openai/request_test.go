package openai

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func newBackend(t testing.TB, config Config) *Backend {
	t.Helper()
	if config.BaseURL == "" {
		config.BaseURL = "http://127.0.0.1:1/v1"
	}
	if config.Engine == "" {
		config.Engine = other // which nobody has to ask
	}
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func converseRequest(t testing.TB, text string) *bedrock.ConverseRequest {
	t.Helper()
	req := &bedrock.ConverseRequest{ModelID: "m"}
	if err := bedrock.Unmarshal([]byte(text), req); err != nil {
		t.Fatal(err)
	}
	return req
}

const hi = `"messages":[{"role":"user","content":[{"text":"Hi"}]}]`

func TestRequests(t *testing.T) {
	for _, c := range []struct{ name, engine, converse, want string }{
		{"words", "", `{` + hi + `}`, `{"model":"m","messages":[{"role":"user","content":"Hi"}]}`},
		{
			"settings", "", `{"system":[{"text":"Be brief."},{"cachePoint":{"type":"default"}},{"text":"Be kind."}],` + hi +
				`,"inferenceConfig":{"maxTokens":9,"temperature":0.5,"topP":1,"stopSequences":["a","\n"]},"serviceTier":{"type":"priority"},"performanceConfig":{"latency":"optimized"},"requestMetadata":{"a":"b"}}`,
			`{"model":"m","messages":[{"role":"system","content":"Be brief.\n\nBe kind."},{"role":"user","content":"Hi"}],"max_tokens":9,"temperature":0.5,"top_p":1,"stop":["a","\n"]}`,
		},
		{"OpenAI's limit", "openai", `{` + hi + `,"inferenceConfig":{"maxTokens":9}}`, `{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9}`},
		{
			"pictures, documents, search results", "",
			`{"messages":[{"role":"user","content":[{"text":"Look"},{"image":{"format":"jpeg","source":{"bytes":"/9j/"}}},{"document":{"format":"md","name":"n","source":{"bytes":"IyBo"}}},{"searchResult":{"source":"s","title":"t","content":[{"text":"c"}]}}]}]}`,
			`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Look"},{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/"}},{"type":"text","text":"Document n:\n# h"},{"type":"text","text":"Search result t (s):\nc"}]}]}`,
		},
		{
			"texts only are one string", "", `{"messages":[{"role":"user","content":[{"document":{"format":"txt","name":"n","context":"old","source":{"text":"x"}}},{"text":"Sum up"}]}]}`,
			`{"model":"m","messages":[{"role":"user","content":"Document n (old):\nx\nSum up"}]}`,
		},
		{
			"tools there and back", "",
			`{"messages":[{"role":"user","content":[{"text":"1+1"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"So"},{"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}},{"toolUse":{"toolUseId":"b","name":"f","input":{}}}]},` +
				`{"role":"user","content":[{"text":"Go on"},{"toolResult":{"toolUseId":"a","content":[{"json":{"y":2}},{"text":"z"}]}},{"toolResult":{"toolUseId":"b","status":"error","content":[{"text":"no"}]}}]}],` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object"}},"strict":true}},{"cachePoint":{"type":"default"}},{"toolSpec":{"name":"g","inputSchema":{"json":{}}}}],"toolChoice":{"any":{}}}}`,
			`{"model":"m","messages":[{"role":"user","content":"1+1"},{"role":"assistant","content":"So","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"tool","tool_call_id":"a","content":"{\"y\":2}\nz"},{"role":"tool","tool_call_id":"b","content":"Error: no"},{"role":"user","content":"Go on"}],` +
				`"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"g","parameters":{}}}],"tool_choice":"required"}`,
		},
		{
			"a picture from a tool", "",
			`{"messages":[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}}]}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}],"toolChoice":{"tool":{"name":"f"}}}}`,
			`{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":""},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}],` +
				`"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}}}`,
		},
		{
			"reasoning goes back where it is taken, and the answer is continued", "vllm", `{"messages":[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},{"text":"So"}]}]}`,
			`{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"So","reasoning_content":"hm"}],"add_generation_prompt":false,"continue_final_message":true}`,
		},
		{
			"a schema", "openai", `{` + hi + `,"outputConfig":{"effort":"low","textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\"}","name":"n","description":"d"}}}}}`,
			`{"model":"m","messages":[{"role":"user","content":"Hi"}],"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","strict":true,"schema":{"type":"object"}}}}`,
		},
		{
			"additional fields", "llama.cpp", `{` + hi + `,"additionalModelRequestFields":{"anthropic_beta":["x"],"inferenceConfig":{"topK":5},"seed":7,"thinking":{"type":"enabled","budget_tokens":1024},"min_p":0.1}}`,
			`{"model":"m","messages":[{"role":"user","content":"Hi"}],"top_k":5,"min_p":0.1,"seed":7,"chat_template_kwargs":{"enable_thinking":true}}`,
		},
		{
			"thinking as an effort, no parallel calls", "openai", `{` + hi + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":9999},"tool_choice":{"type":"any","disable_parallel_tool_use":true}}}`,
			`{"model":"m","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"reasoning_effort":"medium","parallel_tool_calls":false,"tool_choice":"required"}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBackend(t, Config{Engine: c.engine})
			req := converseRequest(t, c.converse)
			if err := bedrock.Validate(req); err != nil {
				t.Fatal(err)
			}
			a, err := b.prepare(t.Context(), req, "m", false)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(a.body); got != c.want {
				t.Errorf("chat request:\n got %s\nwant %s", got, c.want)
			}
			streamed, err := b.prepare(t.Context(), req, "m", true)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSuffix(c.want, "}") + `,"stream":true,"stream_options":{"include_usage":true}}`; string(streamed.body) != want || !bedrock.Document(want).IsValid() {
				t.Errorf("with a stream: %s", streamed.body)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	tool := `{"messages":[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[%s]}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}}`
	user := func(block string) string {
		return `{"messages":[{"role":"user","content":[{"text":"x"},` + block + `]}]}`
	}
	additional := func(fields string) string { return `{` + hi + `,"additionalModelRequestFields":` + fields + `}` }
	for _, c := range []struct{ name, converse, field string }{
		{"a guardrail", `{` + hi + `,"guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"}}`, "guardrailConfig"},
		{"prompt variables", `{` + hi + `,"promptVariables":{"a":{"text":"b"}}}`, "promptVariables"},
		{"guarded content", user(`{"guardContent":{"text":{"text":"x"}}}`), "messages.0.content.1.guardContent"},
		{"a guarded system prompt", `{"system":[{"guardContent":{"text":{"text":"x"}}}],` + hi + `}`, "system.0"},
		{"video", user(`{"video":{"format":"mp4","source":{"bytes":"aGk="}}}`), "messages.0.content.1.video"},
		{"a picture in a bucket", user(`{"image":{"format":"png","source":{"s3Location":{"uri":"s3://bucket/k"}}}}`), "messages.0.content.1.image.source"},
		{"a PDF", user(`{"document":{"format":"pdf","name":"n","source":{"bytes":"aGk="}}}`), "messages.0.content.1.document.format"},
		{"a text that is none", user(`{"document":{"format":"txt","name":"n","source":{"bytes":"/w=="}}}`), "messages.0.content.1.document.source.bytes"},
		{"sound in Ogg", user(`{"audio":{"format":"ogg","source":{"bytes":"aGk="}}}`), "messages.0.content.1.audio.format"},
		{"a PDF from a tool", strings.Replace(tool, "%s", `{"document":{"format":"pdf","name":"n","source":{"bytes":"aGk="}}}`, 1), "messages.2.content.0.toolResult.content.0.document.format"},
		{"video from a tool", strings.Replace(tool, "%s", `{"video":{"format":"mp4","source":{"bytes":"aGk="}}}`, 1), "messages.2.content.0.toolResult.content.0"},
		{"a system tool", `{` + hi + `,"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}`, "toolConfig.tools.0"},
		{"an additional field that is not one", additional(`{"messages":[]}`), "additionalModelRequestFields.messages"},
		{"tools of a vendor", additional(`{"tools":[]}`), "additionalModelRequestFields.tools"},
		{"a limit in the wrong place", additional(`{"max_tokens":5}`), "additionalModelRequestFields.max_tokens"},
		{"Nova's other settings", additional(`{"inferenceConfig":{"reasoningConfig":{}}}`), "additionalModelRequestFields.inferenceConfig"},
		{"an unknown choice", additional(`{"tool_choice":{"type":"perhaps"}}`), "additionalModelRequestFields.tool_choice.type"},
		{"top_k under two names", additional(`{"k":5,"top_k":6}`), "additionalModelRequestFields.top_k"},
		{"effort and a budget", `{` + hi + `,"outputConfig":{"effort":"low"},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}`, "additionalModelRequestFields.thinking"},
		{"a budget and effort", additional(`{"reasoning_effort":"low","thinking":{"type":"enabled","budget_tokens":1024}}`), "additionalModelRequestFields.thinking"},
		{"one call at most, twice", `{` + hi + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]},"additionalModelRequestFields":{"parallel_tool_calls":true,"tool_choice":{"type":"any","disable_parallel_tool_use":true}}}`, "additionalModelRequestFields.tool_choice"},
		{"broken rules", `{"messages":[{"role":"assistant","content":[{"text":"x"}]}]}`, "messages.0.role"},
		{"a picture of another format", user(`{"image":{"format":"png","source":{"bytes":"/9j/"}}}`), "messages.0.content.1.image.source.bytes"},
		{"more documents than Bedrock takes", `{"messages":[{"role":"user","content":[{"text":"x"}` + sixDocuments() + `]}]}`, "messages.0.content.6.document"},
		{"fields that are a list", additional(`["top_k"]`), "additionalModelRequestFields"},
		{"broken constraints", `{` + hi + `,"inferenceConfig":{"maxTokens":0}}`, "inferenceConfig.maxTokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBackend(t, Config{})
			_, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, converseRequest(t, c.converse)))
			var e *outcrop.Error
			if !errors.As(err, &e) || e.Code != bedrock.CodeValidation || e.Field != c.field {
				t.Errorf("error is %+v, want a ValidationException about %s", err, c.field)
			}
		})
	}
}

func sixDocuments() string {
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, `,{"document":{"format":"txt","name":"d%d","source":{"text":"x"}}}`, i)
	}
	return b.String()
}

func TestModelNames(t *testing.T) {
	b := newBackend(t, Config{Models: map[string]string{"anthropic.claude-x": "llama", "exact": "e"}, Model: "default"})
	for id, want := range map[string]string{"anthropic.claude-x": "llama", "us.anthropic.claude-x": "llama", "exact": "e", "other": "default"} {
		if got := b.model(id); got != want {
			t.Errorf("%s is asked for as %s, want %s", id, got, want)
		}
	}
	if got := newBackend(t, Config{}).model("any:3b"); got != "any:3b" {
		t.Errorf("an id without a mapping is asked for as %s", got)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, config := range map[string]Config{
		"BaseURL is missing":      {},
		"BaseURL is no http":      {BaseURL: "ftp://user:secret@x"},
		"Engine \"x\" is not":     {BaseURL: "http://x/v1", Engine: "x"},
		"IdleTimeout is negative": {BaseURL: "http://x/v1", IdleTimeout: -1},
	} {
		_, err := New(config)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}
