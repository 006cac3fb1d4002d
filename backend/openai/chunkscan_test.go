package openai

import (
	"reflect"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestScanText(t *testing.T) {
	for data, want := range map[string]string{
		`{"id":"c","object":"chat.completion.chunk","created":17,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":" a"},"logprobs":null,"finish_reason":null}]}`: " a",
		`{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":"a\n\"b\\\/"}}],"created":1,"usage":null}`:                                                          "a\n\"b\\/",
		` { "choices" : [ { "delta" : { "content" : "é" } } ] } `:             "é",
		`{"choices":[{"delta":{"content":"\u0041"}}]}`:                        "", // left to the decoder
		`{"choices":[{"delta":{"content":""}}]}`:                              "",
		`{"choices":[{"delta":{"content":null}}]}`:                            "",
		`{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`:      "",
		`{"choices":[{"index":1,"delta":{"content":"a"}}]}`:                   "",
		`{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}`: "",
		`{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}`:   "",
		`{"choices":[{"delta":{"content":"a","content":"b"}}]}`:               "",
		`{"choices":[{"delta":{"content":"a","tool_calls":[]}}]}`:             "",
		`{"choices":[{"delta":{"content":"a"}}],"error":{"message":"x"}}`:     "",
		`{"choices":[{"delta":{"content":"a"}}]} x`:                           "",
		`{"choices":[{"delta":{"content":"a`:                                  "",
		"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}":                  "",
	} {
		text, ok := scanText([]byte(data))
		if text != want && ok || ok != (want != "") {
			t.Errorf("%s scans as %q, %v, want %q", data, text, ok, want)
		}
	}
}

// FuzzScanText checks that whatever is scanned is decoded the same.
func FuzzScanText(f *testing.F) {
	f.Add([]byte(`{"id":"c","created":17,"choices":[{"index":0,"delta":{"role":"assistant","content":" a\n"},"logprobs":null,"finish_reason":null}],"usage":null}`))
	f.Add([]byte(`{"choices":[{"delta":{"content":"a"},"stop_reason":null}],"model":"m","model":"m"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, ok := scanText(data)
		if !ok {
			return
		}
		var c completion
		if err := bedrock.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s scans as %q, and does not decode: %v", data, text, err)
		}
		want := []choice{{Delta: message{Content: text}}}
		c.Choices[0].StopReason, c.Choices[0].MatchedStop = nil, nil // null
		if !reflect.DeepEqual(c.Choices, want) || c.Usage != nil || len(c.Error) > 0 {
			t.Fatalf("%s scans as %q, and decodes as %+v", data, text, c)
		}
	})
}
