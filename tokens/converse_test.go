package tokens_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

func read(t *testing.T, text string) *bedrock.ConverseRequest {
	t.Helper()
	req := new(bedrock.ConverseRequest)
	if err := bedrock.Unmarshal([]byte(text), req); err != nil {
		t.Fatal(err)
	}
	return req
}

// TestInputIgnoresSpacing: clients write JSON differently and are charged alike.
func TestInputIgnoresSpacing(t *testing.T) {
	m := tokens.Default().For("amazon.nova-pro-v1:0")
	ask := func(schema, input string) int {
		return m.Input(read(t, `{
			"toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": `+schema+`}}}]},
			"messages": [{"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "weather", "input": `+input+`}}]}]}`)).Total
	}
	tight := ask(`{"type":"object","properties":{"city":{"type":"string"}}}`, `{"city":"New York"}`)
	wide := ask("{\n  \"type\": \"object\",\n  \"properties\": { \"city\": { \"type\": \"string\" } }\n}", `{ "city" : "New York" }`)
	if tight != wide || tight == 0 {
		t.Errorf("%d tokens, and %d with more white space", tight, wide)
	}
}

// TestInputAddsUp: what a request costs is its parts and their frames, up to
// the cache points and the last answer too.
func TestInputAddsUp(t *testing.T) {
	m := tokens.Default().For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	in := m.Input(read(t, `{
		"system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
		"messages": [
			{"role": "user", "content": [{"text": "What is a gneiss?"}]},
			{"role": "assistant", "content": [{"text": "A rock."}]},
			{"role": "user", "content": [{"text": "Of what?"}]}],
		"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "answer", "schema": "{}"}}}}}`))
	cached := tokens.FrameRequest + tokens.FrameMessage + m.Text("Be brief.")
	before := cached + tokens.FrameMessage + m.Text("What is a gneiss?")
	total := before + 2*tokens.FrameMessage + m.Text("A rock.") + m.Text("Of what?") + tokens.FrameTool + m.Text("answer") + m.Text("{}")
	if want := (tokens.Input{Total: total, CachePoints: true, Cached: cached, Before: before}); in != want {
		t.Errorf("%+v, want %+v", in, want)
	}
}
