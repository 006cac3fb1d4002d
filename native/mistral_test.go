package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestMistralTextRequests(t *testing.T) {
	testRequests(t, mistralText, []requestCase{
		{
			name:     "the [INST] template, and a setting only Mistral knows",
			body:     `{"prompt":"<s>[INST] Hi [/INST] Ho</s>[INST] You? [/INST]","max_tokens":5,"top_k":50,"stop":["x"]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Ho"}]},{"role":"user","content":[{"text":"You?"}]}],"inferenceConfig":{"maxTokens":5,"stopSequences":["x"]},"additionalModelRequestFields":{"top_k":50}}`,
		},
		{name: "a prompt of spaces", body: `{"prompt":"  "}`, field: ""},
		{name: "a prompt that is a number", body: `{"prompt":5}`, field: "prompt"},
	})
}

func TestMistralTextReplies(t *testing.T) { testReplies(t, mistralText, "mistral_text", noUsage) }

func TestMistralChatReplies(t *testing.T) { testReplies(t, mistralChat, "mistral_chat", noUsage) }

func TestMistralStops(t *testing.T) {
	testStops(t, mistralText, "stop_reason", map[bedrock.StopReason]string{"end_turn": "stop", "max_tokens": "length"})
	testStops(t, mistralChat, "stop_reason", map[bedrock.StopReason]string{"end_turn": "stop", "tool_use": "tool_calls"})
}
