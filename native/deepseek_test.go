package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestDeepseekRequests(t *testing.T) {
	testRequests(t, deepseekText, []requestCase{
		{
			name:     "DeepSeek's template",
			body:     `{"prompt":"<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n","max_tokens":5,"temperature":0.6,"top_p":0.9,"stop":["x"]}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":5,"temperature":0.6,"topP":0.9,"stopSequences":["x"]}}`,
		},
		{name: "no prompt", body: `{}`, field: ""},
	})
}

func TestDeepseekReplies(t *testing.T) {
	testReplies(t, deepseekText, "deepseek_text", noUsage)
	testReplies(t, deepseekChat, "deepseek_chat", usageAndCache)
}

func TestDeepseekStops(t *testing.T) {
	testStops(t, deepseekText, "stop_reason", map[bedrock.StopReason]string{"end_turn": "stop", "max_tokens": "length"})
}
