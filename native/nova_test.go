package native

import "testing"

func TestNovaRequests(t *testing.T) {
	testRequests(t, novaMessages, []requestCase{
		{
			name: "settings, and those only Nova knows",
			body: `{"schemaVersion":"messages-v1","system":[{"text":"Be brief."}],"messages":[{"role":"user","content":[{"text":"Hi"},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}}]}],` +
				`"inferenceConfig":{"maxTokens":50,"temperature":0.1,"topP":0.9,"topK":20,"stopSequences":["x"]}}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}}]}],"system":[{"text":"Be brief."}],` +
				`"inferenceConfig":{"maxTokens":50,"temperature":0.1,"topP":0.9,"stopSequences":["x"]},"additionalModelRequestFields":{"inferenceConfig":{"topK":20}}}`,
		},
		{
			name: "the older names, and tools",
			body: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"max_new_tokens":50,"top_p":0.5},` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"auto":{}}}}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":50,"topP":0.5},` +
				`"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"auto":{}}}}`,
		},
		{name: "no messages", body: `{"schemaVersion":"messages-v1"}`, field: ""},
		{name: "another schema version", body: `{"schemaVersion":"messages-v9","messages":[{"role":"user","content":[{"text":"Hi"}]}]}`, field: "schemaVersion"},
		{name: "content as a string", body: `{"messages":[{"role":"user","content":"Hi"}]}`, field: "messages.0.content"},
		{name: "an unknown block", body: `{"messages":[{"role":"user","content":[{"hologram":{}}]}]}`, field: "messages.0.content.0"},
		{name: "no room", body: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":0}}`, field: "inferenceConfig.maxTokens"},
	})
}

func TestNovaReplies(t *testing.T) { testReplies(t, novaMessages, "nova", usageAndCache) }
