package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestOpenAIRequests(t *testing.T) {
	testRequests(t, openaiChat, []requestCase{
		{
			name: "settings, system, members only the model knows",
			body: `{"model":"m","stream":false,"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Hi"}],"max_completion_tokens":9,"temperature":0.2,"top_p":0.9,` +
				`"stop":"x","seed":3,"reasoning_effort":"low","n":1,"logprobs":false}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":9,"temperature":0.2,"topP":0.9,"stopSequences":["x"]},` +
				`"additionalModelRequestFields":{"reasoning_effort":"low","seed":3}}`,
		},
		{
			name: "tools there and back",
			body: `{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"g"}}],"tool_choice":{"type":"function","function":{"name":"f"}},"messages":[` +
				`{"role":"user","content":"Hi"},{"role":"assistant","content":null,"refusal":null,"audio":null,"annotations":[],"reasoning_content":"hm","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":""}}]},` +
				`{"role":"tool","tool_call_id":"a","content":"1"},{"role":"tool","tool_call_id":"b","content":""},{"role":"user","content":"Go on"}]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}},{"toolUse":{"toolUseId":"b","name":"g","input":{}}}]},` +
				`{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"1"}]}},{"toolResult":{"toolUseId":"b","content":[]}},{"text":"Go on"}]}],` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"f","description":"d","inputSchema":{"json":{"type":"object"}},"strict":true}},{"toolSpec":{"name":"g","inputSchema":{"json":{"type":"object","properties":{}}}}}],"toolChoice":{"tool":{"name":"f"}}}}`,
		},
		{
			name: "an image and a schema",
			body: `{"messages":[{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"data:image/jpg;base64,/9j/","detail":"low"}}]}],` +
				`"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"What?"},{"image":{"format":"jpeg","source":{"bytes":"/9j/"}}}]}],` +
				`"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\"}","name":"n"}}}}}`,
		},
		{name: "no messages", body: `{"messages":[]}`, field: ""},
		{name: "two replies", body: `{"messages":[{"role":"user","content":"Hi"}],"n":2}`, field: "n"},
		{name: "probabilities", body: `{"messages":[{"role":"user","content":"Hi"}],"logprobs":true}`, field: "logprobs"},
		{name: "no role", body: `{"messages":[{"content":"Hi"}]}`, field: "messages.0"},
		{name: "an unknown role", body: `{"messages":[{"role":"pilot","content":"Hi"}]}`, field: "messages.0.role"},
		{name: "arguments that are no JSON", body: `{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}]}`, field: "messages.1.tool_calls.0.function.arguments"},
		{name: "a result without its call", body: `{"messages":[{"role":"tool","content":"Hi"}]}`, field: "messages.0"},
		{name: "an image by URL", body: `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`, field: "messages.0.content.0.image_url.url"},
		{name: "sound", body: `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}`, field: "messages.0.content.0"},
		{name: "a tool that is none", body: `{"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"web_search"}]}`, field: "tools.0.type"},
		{name: "a format that is none", body: `{"messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"yaml"}}`, field: "response_format.type"},
	})
}

func TestOpenAIReplies(t *testing.T) {
	testReplies(t, openaiChat, "openai", usageAndCache)
	testReplies(t, openaiTagged, "openai_gpt_oss", usageAndCache)
}

func TestOpenAIStops(t *testing.T) {
	testStops(t, openaiChat, "finish_reason", map[bedrock.StopReason]string{
		"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls", "content_filtered": "content_filter",
	})
}
