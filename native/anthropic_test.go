package native

import (
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// requestCase is a native request and what becomes of it.
type requestCase struct {
	name     string
	body     string
	converse string // as JSON, in the codec's order
	field    string // instead: the field at fault
	reason   string // and the whole message, where the wording is Bedrock's
}

func testRequests(t *testing.T, f *Family, cases []requestCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req, err := f.Request([]byte(c.body))
			if c.converse == "" {
				var bad *RequestError
				if !errors.As(err, &bad) {
					t.Fatalf("error is %v, want a RequestError about %q", err, c.field)
				}
				if bad.Field != c.field {
					t.Errorf("field is %q, want %q (%v)", bad.Field, c.field, err)
				}
				if c.reason != "" && bad.Error() != c.reason {
					t.Errorf("message is %q, want %q", bad, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := bedrock.Marshal(req)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != c.converse {
				t.Errorf("Converse request:\n got %s\nwant %s", text, c.converse)
			}
			req.ModelID = "anthropic.claude-sonnet-4-20250514-v1:0"
			if err := bedrock.Validate(req); err != nil {
				t.Errorf("the request breaks Converse's constraints: %v", err)
			}
			if err := bedrock.CheckConverse(req, bedrock.ConverseLimits{}); err != nil {
				t.Errorf("the request breaks Converse's rules: %v", err)
			}
		})
	}
}

func TestAnthropicRequests(t *testing.T) {
	testRequests(t, anthropicMessages, []requestCase{
		{
			name:     "text as a string",
			body:     `{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":100},"additionalModelResponseFieldPaths":["/stop_sequence"]}`,
		},
		{
			name: "settings, system with a cache point, members only Claude knows",
			body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"temperature":0.5,"top_p":0.9,"top_k":5,"stop_sequences":["\n"],` +
				`"anthropic_beta":["b"],"thinking":{"type":"enabled","budget_tokens":1024},` +
				`"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"system":[{"text":"Be brief."},{"cachePoint":{"type":"default","ttl":"1h"}}],` +
				`"inferenceConfig":{"maxTokens":9,"temperature":0.5,"topP":0.9,"stopSequences":["\n"]},` +
				`"additionalModelRequestFields":{"anthropic_beta":["b"],"thinking":{"type":"enabled","budget_tokens":1024},"top_k":5},"additionalModelResponseFieldPaths":["/stop_sequence"]}`,
		},
		{
			name: "tools there and back",
			body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"tools":[{"name":"add","description":"adds","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"messages":[` +
				`{"role":"user","content":"1+1"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"b3BhcXVl"},{"type":"tool_use","id":"t1","name":"add","input":{"a":1}},{"type":"tool_use","id":"t2","name":"add","input":{}}]},` +
				`{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"2","is_error":true},{"type":"tool_result","tool_use_id":"t2"}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"1+1"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},{"reasoningContent":{"redactedContent":"YjNCaGNYVmw="}},{"toolUse":{"toolUseId":"t1","name":"add","input":{"a":1}}},{"toolUse":{"toolUseId":"t2","name":"add","input":{}}}]},` +
				`{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"2"}],"status":"error"}},{"toolResult":{"toolUseId":"t2","content":[]}}]}],"inferenceConfig":{"maxTokens":9},` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"add","description":"adds","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"any":{}}},"additionalModelResponseFieldPaths":["/stop_sequence"]}`,
		},
		{
			name: "image, document, schema, a tool of Anthropic's own",
			body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"tools":[{"type":"bash_20250124","name":"bash"}],"output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}},"messages":[{"role":"user","content":[{"type":"text","text":"Look"},` +
				`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}},{"type":"document","title":"A/B: c","source":{"type":"text","media_type":"text/plain","data":"words"}}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Look"},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}},{"document":{"format":"txt","name":"A B c","source":{"text":"words"}}}]}],"inferenceConfig":{"maxTokens":9},` +
				`"additionalModelRequestFields":{"tools":[{"type":"bash_20250124","name":"bash"}]},"additionalModelResponseFieldPaths":["/stop_sequence"],` +
				`"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\"}"}}},"effort":"low"}}`,
		},
		{
			name: "turns in a row, tools no longer offered",
			body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},` +
				`{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"x"}]}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"a"},{"text":"b"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"x"}]}}]}],` +
				`"inferenceConfig":{"maxTokens":9},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]},"additionalModelResponseFieldPaths":["/stop_sequence"]}`,
		},
		{name: "no JSON", body: `{`, field: ""},
		{
			name: "no max_tokens", body: `{"anthropic_version":"bedrock-2023-05-31","messages":[]}`, field: "",
			reason: "Malformed input request: #: required key [max_tokens] not found, please reformat your input and try again.",
		},
		{
			name: "a model in the body", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"model":"m","messages":[{"role":"user","content":"x"}]}`, field: "",
			reason: "Malformed input request: #: extraneous key [model] is not permitted, please reformat your input and try again.",
		},
		{name: "a role Claude lacks", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"system","content":"x"}]}`, field: "messages.0.role"},
		{name: "a wrong type deep inside", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":5}]}]}`, field: "messages.0.content.0.text"},
		{
			name: "documents of one title and of none",
			body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":[` +
				`{"type":"document","source":{"type":"text","data":"a"}},{"type":"document","title":"T","source":{"type":"text","data":"b"}},{"type":"document","source":{"type":"text","data":"c"}},` +
				`{"type":"document","title":"T","source":{"type":"text","data":"d"}},{"type":"text","text":"Which?"}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"document":{"format":"txt","name":"document","source":{"text":"a"}}},{"document":{"format":"txt","name":"T","source":{"text":"b"}}},` +
				`{"document":{"format":"txt","name":"document 2","source":{"text":"c"}}},{"document":{"format":"txt","name":"T 2","source":{"text":"d"}}},{"text":"Which?"}]}],` +
				`"inferenceConfig":{"maxTokens":9},"additionalModelResponseFieldPaths":["/stop_sequence"]}`,
		},
		{name: "an image by URL", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http://x"}}]}]}`, field: "messages.0.content.0.source.type"},
		{name: "an unknown block", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"f"}]}]}`, field: "messages.0.content.0"},
	})
}

func TestAnthropicReply(t *testing.T) {
	text, message := "Done", bedrock.Message{}
	message.Content = []bedrock.ContentBlock{
		{ReasoningContent: &bedrock.ReasoningContentBlock{ReasoningText: &bedrock.ReasoningTextBlock{Text: "hm", Signature: "s"}}},
		{Text: &text},
		{ToolUse: &bedrock.ToolUseBlock{ToolUseID: "t1", Name: "add", Input: bedrock.Document(`{"a":1}`)}},
	}
	body, err := anthropicMessages.Reply(&Info{ModelID: "anthropic.claude-x", ID: "1"}, &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: bedrock.StopReasonStopSequence,
		Usage:                         bedrock.TokenUsage{InputTokens: 3, OutputTokens: 4, TotalTokens: 9, CacheReadInputTokens: pointer(2)},
		AdditionalModelResponseFields: bedrock.Document(`{"stop_sequence":"END"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"anthropic.claude-x","id":"msg_bdrk_1","type":"message","role":"assistant","content":[` +
		`{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Done"},{"type":"tool_use","id":"t1","name":"add","input":{"a":1}}],` +
		`"stop_reason":"stop_sequence","stop_sequence":"END","usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":4}}`
	if string(body) != want {
		t.Errorf("reply:\n got %s\nwant %s", body, want)
	}
	usage, ok := anthropicMessages.Usage(body)
	if !ok || usage.InputTokens != 3 || usage.OutputTokens != 4 || usage.TotalTokens != 9 {
		t.Errorf("usage read back is %+v, %v", usage, ok)
	}
}

func TestAnthropicReplies(t *testing.T) {
	testReplies(t, anthropicMessages, "anthropic", usageAndCache)
}

func TestAnthropicStops(t *testing.T) {
	testStops(t, anthropicMessages, "stop_reason", map[bedrock.StopReason]string{
		"end_turn": "end_turn", "max_tokens": "max_tokens", "content_filtered": "refusal", "guardrail_intervened": "end_turn",
		"model_context_window_exceeded": "model_context_window_exceeded",
	})
	testStops(t, anthropicMessages, "amazon-bedrock-guardrailAction", map[bedrock.StopReason]string{"guardrail_intervened": "INTERVENED"})
}
