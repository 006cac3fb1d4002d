package native

import "testing"

func TestJambaRequests(t *testing.T) {
	testRequests(t, jambaChat, []requestCase{
		{
			name:     "settings and penalties",
			body:     `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_tokens":9,"stop":["a","b"],"frequency_penalty":0.1,"n":1}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":9,"stopSequences":["a","b"]},"additionalModelRequestFields":{"frequency_penalty":0.1}}`,
		},
		{name: "no messages", body: `{"max_tokens":9}`, field: ""},
		{name: "several replies", body: `{"messages":[{"role":"user","content":"Hi"}],"n":16}`, field: "n"},
	})
}

func TestJambaReplies(t *testing.T) { testReplies(t, jambaChat, "jamba", usageAndCache) }
