package native

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// OwnFormat is the request with the JSON Schema, and the effort, that a client
// asks for in Claude's own words, among the additional fields, moved to the
// place that Converse has for them. Some frameworks ask so and nowhere else,
// and other models do not know those words. A request without any, or with a
// schema in Converse's place already, is returned as it is; it is not changed.
func OwnFormat(req *bedrock.ConverseRequest) *bedrock.ConverseRequest {
	if !bytes.Contains(req.AdditionalModelRequestFields, []byte(`"output_`)) {
		return req
	}
	if c := req.OutputConfig; c != nil && c.TextFormat != nil {
		return req
	}
	var fields struct {
		Config *struct {
			Format  bedrock.Document `json:"format"`
			Effort  string           `json:"effort"`
			Unknown bedrock.Document `json:",embed"`
		} `json:"output_config"`
		Format  bedrock.Document `json:"output_format"`
		Unknown bedrock.Document `json:",embed"`
	}
	if err := bedrock.Unmarshal(req.AdditionalModelRequestFields, &fields); err != nil {
		return req // another model's fields of the same name
	}
	config := bedrock.OutputConfig{}
	if req.OutputConfig != nil {
		config = *req.OutputConfig
	}
	rest, format := objectOf(fields.Unknown), fields.Format
	if own := fields.Config; own != nil {
		if !isNull(own.Format) {
			format = own.Format
		}
		if config.Effort == "" {
			config.Effort = own.Effort
		}
		if len(own.Unknown) > 0 {
			rest.set("output_config", own.Unknown)
		}
	}
	if !isNull(format) {
		var asked struct {
			Type   string           `json:"type"`
			Schema bedrock.Document `json:"schema"`
			Name   string           `json:"name"`
		}
		if err := bedrock.Unmarshal(format, &asked); err != nil || asked.Type != "json_schema" || isNull(asked.Schema) {
			return req
		}
		config.TextFormat = jsonSchema(asked.Name, "", asked.Schema)
	}
	copied := *req
	copied.OutputConfig, copied.AdditionalModelRequestFields = &config, rest.document()
	return &copied
}
