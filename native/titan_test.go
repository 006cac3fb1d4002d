package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestTitanRequests(t *testing.T) {
	testRequests(t, titanText, []requestCase{
		{
			name:     "a text and settings",
			body:     `{"inputText":"Hi","textGenerationConfig":{"maxTokenCount":10,"temperature":0,"topP":1,"stopSequences":["User:"]}}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":10,"temperature":0,"topP":1,"stopSequences":["User:"]}}`,
		},
		{
			name:     "a conversation",
			body:     `{"inputText":"User: Hi\nBot: Hello\nUser: Who are you?\nBot:"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Hello"}]},{"role":"user","content":[{"text":"Who are you?"}]}]}`,
		},
		{
			name:     "words that look like one",
			body:     `{"inputText":"The SuperUser: a film"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"The SuperUser: a film"}]}]}`,
		},
		{name: "no text", body: `{"textGenerationConfig":{}}`, reason: "Malformed input request: #: required key [inputText] not found, please reformat your input and try again."},
		{name: "an unknown setting", body: `{"inputText":"Hi","textGenerationConfig":{"topK":3}}`, field: "textGenerationConfig"},
		{name: "an unknown member", body: `{"inputText":"Hi","prompt":"x"}`, field: ""},
		{name: "a limit in words", body: `{"inputText":"Hi","textGenerationConfig":{"maxTokenCount":"ten"}}`, field: "textGenerationConfig.maxTokenCount"},
	})
}

func TestTitanReplies(t *testing.T) { testReplies(t, titanText, "titan", usageOnly) }

func TestTitanStops(t *testing.T) {
	testStops(t, titanText, "completionReason", map[bedrock.StopReason]string{
		"end_turn": "FINISHED", "max_tokens": "LENGTH", "stop_sequence": "STOP_CRITERIA_MET", "content_filtered": "CONTENT_FILTERED",
	})
}
