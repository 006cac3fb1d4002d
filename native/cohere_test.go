package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestCohereRequests(t *testing.T) {
	testRequests(t, cohereCommandR, []requestCase{
		{
			name: "history, preamble, documents",
			body: `{"message":"Who?","preamble":"Be brief.","chat_history":[{"role":"USER","message":"Hi"},{"role":"CHATBOT","message":"Ho"}],"documents":[{"title":"A/B","snippet":"words","n":3}],` +
				`"max_tokens":9,"temperature":0.3,"p":0.75,"k":5,"stop_sequences":["x"]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Ho"}]},{"role":"user","content":[{"document":{"format":"txt","name":"document 1 A B","source":{"text":"n: 3\nsnippet: words\ntitle: A/B\n"}}},{"text":"Who?"}]}],` +
				`"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":9,"temperature":0.3,"topP":0.75,"stopSequences":["x"]},"additionalModelRequestFields":{"k":5}}`,
		},
		{
			name: "tools and their results",
			body: `{"message":"Sum?","tools":[{"name":"add","description":"adds","parameter_definitions":{"b":{"type":"List[int]"},"a":{"type":"int","description":"first","required":true}}}],` +
				`"tool_results":[{"call":{"name":"add","parameters":{"a":1}},"outputs":[{"sum":2}]}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Sum?"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"call_0","name":"add","input":{"a":1}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"call_0","content":[{"json":{"sum":2}}]}}]}],` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"add","description":"adds","inputSchema":{"json":{"properties":{"a":{"description":"first","type":"integer"},"b":{"items":{"type":"integer"},"type":"array"}},"required":["a"],"type":"object"}}}}]}}`,
		},
		{
			name:     "more documents than Converse takes",
			body:     `{"message":"Who?","documents":[{"a":1},{"a":2},{"a":3},{"a":4},{"a":5},{"a":6}]}`,
			converse: `{"messages":[{"role":"user","content":[{"document":{"format":"txt","name":"documents","source":{"content":[{"text":"a: 1\n"},{"text":"a: 2\n"},{"text":"a: 3\n"},{"text":"a: 4\n"},{"text":"a: 5\n"},{"text":"a: 6\n"}]}}},{"text":"Who?"}]}]}`,
		},
		{name: "no message", body: `{"max_tokens":9}`, field: ""},
		{name: "queries only", body: `{"message":"Hi","search_queries_only":true}`, field: "search_queries_only"},
		{name: "an unknown role", body: `{"message":"Hi","chat_history":[{"role":"PILOT","message":"x"}]}`, field: "chat_history.0.role"},
		{name: "an unknown parameter type", body: `{"message":"Hi","tools":[{"name":"f","parameter_definitions":{"a":{"type":"quux"}}}]}`, field: "tools.0.parameter_definitions.a.type"},
	})
}

func TestCohereReplies(t *testing.T) { testReplies(t, cohereCommandR, "cohere", noUsage) }

func TestCohereStops(t *testing.T) {
	testStops(t, cohereCommandR, "finish_reason", map[bedrock.StopReason]string{
		"end_turn": "COMPLETE", "max_tokens": "MAX_TOKENS", "content_filtered": "ERROR_TOXIC", "model_context_window_exceeded": "ERROR_LIMIT",
	})
}
