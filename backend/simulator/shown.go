package simulator

import (
	"encoding/json"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// shownSchema is the JSON Schema that a system prompt shows for the answer, and
// the format it asks for; nil when there is none.
func shownSchema(req *bedrock.ConverseRequest) (json.RawMessage, structured.Format) {
	for i := range req.System {
		if text := req.System[i].Text; text != nil {
			if schema, format, ok := structured.PromptSchema(*text); ok {
				return schema, format
			}
		}
	}
	return nil, ""
}

// shownValue is a value that keeps to the schema in the system prompt, as a
// model that follows it would write one, or "" where no schema is shown. A
// schema with a defect is only text: the answer is prose.
func (b *Backend) shownValue(req *bedrock.ConverseRequest, p *prompt) (string, error) {
	schema, format := shownSchema(req)
	if schema == nil {
		return "", nil
	}
	compiled, err := b.schemas.Compile(schema)
	if err != nil {
		return "", nil //nolint:nilerr // said above
	}
	r := p.seed.fork(forSchema)
	value, err := b.instance(schema, "system", p, &r)
	if err != nil || format != structured.XML {
		return string(value), err
	}
	reading, err := compiled.Read(string(value))
	if err != nil {
		return "", err
	}
	xml, err := compiled.EncodeXML(reading.Value)
	return string(xml), err
}
