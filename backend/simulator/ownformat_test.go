package simulator_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestOwnFormat: a schema in Claude's own fields counts as Converse's.
func TestOwnFormat(t *testing.T) {
	b := simulate(t, simulator.Config{})
	const format = `{"type":"json_schema","schema":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}}`
	for fields, structured := range map[string]bool{
		`{"output_config":{"format":` + format + `}}`: true,
		`{"output_format":` + format + `}`:            true,
		`{"output_config":{"effort":"low"}}`:          false,
		`{"output_config":"other"}`:                   false,
	} {
		req := ask("Extract: John Doe is 42")
		req.AdditionalModelRequestFields = bedrock.Document(fields)
		if got := converse(t, b, req).Output.Message.Text(); (got == `{"name":"John Doe","age":42}`) != structured {
			t.Errorf("%s: %s", fields, got)
		}
	}
}
