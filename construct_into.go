package outcrop

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// SchemaFor is the JSON Schema of a Go type, as [ConstructInto] uses it: JSON
// names from the json tags, descriptions from jsonschema tags, members without
// omitempty or omitzero required, other members refused.
func SchemaFor[T any]() (json.RawMessage, error) {
	schema, err := jsonschema.For[T](nil)
	if err != nil {
		return nil, fmt.Errorf("no JSON Schema can be made of %T: %w", *new(T), err)
	}
	return json.Marshal(schema)
}

// ConstructInto is [Manager.Construct] into a Go value: the schema is that of
// T, unless the request has one. The response says what it took.
//
//	type Person struct {
//		Name string `json:"name"`
//		Age  int    `json:"age" jsonschema:"age in years"`
//	}
//	person, _, err := outcrop.ConstructInto[Person](ctx, m, &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42"})
func ConstructInto[T any](ctx context.Context, m *Manager, req *bedrock.ConstructRequest) (T, *bedrock.ConstructResponse, error) {
	var value T
	if len(req.Schema) == 0 {
		schema, err := SchemaFor[T]()
		if err != nil {
			return value, nil, err
		}
		copied := *req
		copied.Schema = bedrock.Document(schema)
		req = &copied
	}
	response, err := m.Construct(ctx, req)
	if err != nil {
		return value, nil, err
	}
	if err := json.Unmarshal(response.Output, &value); err != nil {
		return value, response, Errorf(bedrock.CodeSchemaValidation, "the value validates but does not fit %T: %w", value, err)
	}
	return value, response, nil
}
