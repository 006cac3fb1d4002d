package simulator

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// ownFormat is the request with the JSON Schema that a client asks for in
// Claude's own words, among the additional fields, in the place that Converse
// has for it. Some frameworks ask so and nowhere else.
func ownFormat(req *bedrock.ConverseRequest) *bedrock.ConverseRequest {
	if schemaOf(req) != nil || !bytes.Contains(req.AdditionalModelRequestFields, []byte(`"output_`)) {
		return req
	}
	type format struct {
		Type   string           `json:"type"`
		Schema bedrock.Document `json:"schema"`
	}
	var fields struct {
		Config struct {
			Format format `json:"format"`
		} `json:"output_config"`
		Format format `json:"output_format"`
	}
	if err := bedrock.Unmarshal(req.AdditionalModelRequestFields, &fields); err != nil {
		return req // another model's fields of the same name
	}
	asked := fields.Config.Format
	if asked.Type == "" {
		asked = fields.Format
	}
	if asked.Type != "json_schema" || len(asked.Schema) == 0 {
		return req
	}
	copied := *req
	copied.OutputConfig = &bedrock.OutputConfig{}
	if req.OutputConfig != nil {
		*copied.OutputConfig = *req.OutputConfig
	}
	copied.OutputConfig.TextFormat = &bedrock.OutputFormat{
		Type:      bedrock.OutputFormatTypeJSONSchema,
		Structure: bedrock.OutputFormatStructure{JSONSchema: &bedrock.JSONSchemaDefinition{Schema: string(asked.Schema)}},
	}
	return &copied
}
