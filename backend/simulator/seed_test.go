package simulator_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestSeedOfToolResults: whatever a tool returns has a part in the reply, as other
// content has, and equal results get the same.
func TestSeedOfToolResults(t *testing.T) {
	s := simulate(t, simulator.Config{})
	id := func(result string) string {
		raw := `{"messages":[{"role":"user","content":[{"text":"Look."}]},
			{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"look","input":{}}}]},
			{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[` + result + `]}}]}],
			"toolConfig":{"tools":[{"toolSpec":{"name":"look","inputSchema":{"json":{"type":"object"}}}}]}}`
		reply, err := s.Do(t.Context(), &outcrop.Call{Operation: bedrock.OpConverse, ModelID: haiku, Raw: []byte(raw)})
		if err != nil {
			t.Fatal(err)
		}
		return reply.Meta.RequestID // follows from the request
	}
	seen := map[string]string{}
	for _, result := range []string{
		`{"text":"one"}`, `{"json":{"a":1}}`,
		`{"document":{"name":"one","format":"txt","source":{"bytes":"b25l"}}}`,
		`{"document":{"name":"one","format":"txt","source":{"bytes":"dHdv"}}}`,
		`{"document":{"name":"two","format":"txt","source":{"bytes":"dHdv"}}}`,
	} {
		got := id(result)
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s get the same reply", result, other)
		}
		if seen[got] = result; id(result) != got {
			t.Errorf("%s gets two replies", result)
		}
	}
}
