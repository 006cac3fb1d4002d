package native_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

func TestOwnFormat(t *testing.T) {
	const schema = `{"type":"object"}`
	const format = `{"type":"json_schema","schema":` + schema + `}`
	tests := []struct {
		name, fields         string
		schema, effort, left string
	}{
		{"the schema", `{"output_config":{"format":` + format + `}}`, schema, "", ""},
		{"its earlier name", `{"output_format":` + format + `}`, schema, "", ""},
		{"the effort", `{"output_config":{"effort":"low"}}`, "", "low", ""},
		{"all of it, among others", `{"top_k":3,"output_config":{"format":` + format + `,"effort":"low","more":1}}`, schema, "low", `{"output_config":{"more":1},"top_k":3}`},
		{"another format", `{"output_config":{"format":{"type":"xml"}}}`, "", "", `{"output_config":{"format":{"type":"xml"}}}`},
		{"another model's", `{"output_config":"other"}`, "", "", `{"output_config":"other"}`},
		{"none", `{"top_k":3}`, "", "", `{"top_k":3}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := &bedrock.ConverseRequest{AdditionalModelRequestFields: bedrock.Document(tt.fields)}
			got := native.OwnFormat(req)
			var text, effort string
			if c := got.OutputConfig; c != nil {
				effort = c.Effort
				if c.TextFormat != nil {
					text = c.TextFormat.Structure.JSONSchema.Schema
				}
			}
			if left := string(got.AdditionalModelRequestFields); text != tt.schema || effort != tt.effort || left != tt.left {
				t.Errorf("schema %s, effort %q, left %s", text, effort, left)
			}
			if string(req.AdditionalModelRequestFields) != tt.fields || req.OutputConfig != nil {
				t.Error("the request was changed")
			}
		})
	}
	own := &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{}}
	if req := (&bedrock.ConverseRequest{OutputConfig: own, AdditionalModelRequestFields: bedrock.Document(`{"output_format":` + format + `}`)}); native.OwnFormat(req) != req {
		t.Error("a schema in Converse's own place was overruled")
	}
}
