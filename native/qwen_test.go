package native

import "testing"

func TestQwenRequests(t *testing.T) {
	testRequests(t, qwenChat, []requestCase{
		{
			name:     "settings only Qwen knows",
			body:     `{"messages":[{"role":"user","content":"Hi"}],"max_tokens":9,"top_k":20,"chat_template_kwargs":{"enable_thinking":false},"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":9},"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}]},"additionalModelRequestFields":{"chat_template_kwargs":{"enable_thinking":false},"tool_choice":"none","top_k":20}}`,
		},
		{name: "an unknown choice", body: `{"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"perhaps"}`, field: "tool_choice"},
	})
}

func TestQwenReplies(t *testing.T) { testReplies(t, qwenChat, "qwen", usageAndCache) }
