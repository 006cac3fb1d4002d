package native

import (
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// FuzzRequest reads any body in every family: it gives a request that can be
// written, or a RequestError.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"anthropic_version":"x","max_tokens":9,"system":"s","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]}]}]}`))
	f.Add([]byte(`{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}],"tools":[{"function":{"name":"f"}}]}`))
	f.Add([]byte(`{"prompt":"<s>[INST] <<SYS>>a<</SYS>> b [/INST]c","max_gen_len":3}`))
	f.Add([]byte(`{"inputText":"User: a\nBot: b","textGenerationConfig":{"maxTokenCount":1}}`))
	f.Add([]byte(`{"message":"m","chat_history":[{"role":"USER","message":"x"}],"documents":[{"a":"b"}],"tools":[{"name":"f","parameter_definitions":{"a":{"type":"List[int]"}}}]}`))
	f.Add([]byte(`{"texts":["a"],"input_type":"search_query"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, family := range families() {
			var bad *RequestError
			if family.Embeds() {
				if _, err := family.EmbedRequest(body); err != nil && !errors.As(err, &bad) {
					t.Fatalf("%s: error is %T: %v", family.name, err, err)
				}
				continue
			}
			req, err := family.Request(body)
			if err != nil {
				if !errors.As(err, &bad) {
					t.Fatalf("%s: error is %T: %v", family.name, err, err)
				}
				continue
			}
			if _, err := bedrock.Marshal(req); err != nil {
				t.Fatalf("%s: the request cannot be written: %v", family.name, err)
			}
		}
	})
}

// FuzzQuote checks the string writer against the reader.
func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\n\x00\u2028é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := bedrock.Unmarshal(bedrock.AppendString(nil, s), &back); err != nil {
			t.Fatalf("%q is written as no JSON: %v", s, err)
		}
		if want := string([]rune(s)); back != want {
			t.Fatalf("%q comes back as %q", s, back)
		}
	})
}

func families() []*Family {
	return []*Family{
		anthropicMessages, novaMessages, titanText, llamaText, mistralText, mistralChat, cohereCommandR, jambaChat,
		deepseekText, deepseekChat, openaiChat, openaiTagged, qwenChat, titanEmbed, cohereEmbed,
	}
}
