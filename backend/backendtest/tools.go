package backendtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

const weatherSchema = `{"type":"object","properties":{"city":{"type":"string","minLength":1,"maxLength":40},` +
	`"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city","unit"],"additionalProperties":false}`

func weatherTool() *bedrock.ToolConfiguration {
	return &bedrock.ToolConfiguration{Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{
		Name: "get_weather", Description: "Get the current weather of a city.",
		InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(weatherSchema)},
	}}}}
}

// forced asks about the weather and forces the tool.
func (s *suite) forced() *bedrock.ConverseRequest {
	req := s.request("What is the weather in Paris, in celsius?")
	req.ToolConfig = weatherTool()
	req.ToolConfig.ToolChoice = &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: "get_weather"}}
	return req
}

// valid checks a JSON text against a schema.
func valid(t *testing.T, schema string, value []byte) {
	t.Helper()
	compiled, err := structured.Compile([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	violations, err := compiled.ValidateJSON(value)
	if err != nil {
		t.Fatalf("the value is no JSON: %v: %s", err, value)
	}
	if len(violations) > 0 {
		t.Errorf("the value does not keep to the schema: %s: %v", value, violations)
	}
}

// uses is the tool uses of a response.
func uses(r *bedrock.ConverseResponse) []*bedrock.ToolUseBlock {
	var list []*bedrock.ToolUseBlock
	for i := range r.Output.Message.Content {
		if u := r.Output.Message.Content[i].ToolUse; u != nil {
			list = append(list, u)
		}
	}
	return list
}

// toolRoundTrip has the model use a tool, and answers it.
func (s *suite) toolRoundTrip(t *testing.T) {
	b := s.open(t)
	first := ask(t, b, s.forced())
	if first.StopReason != bedrock.StopReasonToolUse {
		t.Fatalf("stop reason %s, want tool_use", first.StopReason)
	}
	results := user()
	for _, u := range uses(first) {
		if u.Name != "get_weather" {
			t.Errorf("the tool %q was used, get_weather was forced", u.Name)
		}
		valid(t, weatherSchema, u.Input)
		results.Content = append(results.Content, toolResult(u.ToolUseID, `{"temperature": 21, "sky": "clear"}`))
	}
	req := s.forced()
	req.ToolConfig.ToolChoice = nil
	req.Messages = append(req.Messages, *first.Output.Message, results)
	second := ask(t, b, req)
	if second.StopReason == bedrock.StopReasonEndTurn && strings.TrimSpace(second.Output.Message.Text()) == "" {
		t.Error("the reply to the tool's result has no text")
	}
}

func (s *suite) toolStream(t *testing.T) {
	b := s.open(t)
	streamed := collect(t, stream(t, b, s.forced()))
	if streamed.StopReason != bedrock.StopReasonToolUse || len(uses(streamed)) == 0 {
		t.Fatalf("stop reason %s, %d tool uses", streamed.StopReason, len(uses(streamed)))
	}
	for _, u := range uses(streamed) {
		valid(t, weatherSchema, u.Input)
	}
	if !s.can(Deterministic) {
		return
	}
	if diff := cmp.Diff(ask(t, b, s.forced()), streamed); diff != "" {
		t.Errorf("the collected stream is not the reply (-reply +stream):\n%s", diff)
	}
}

// toolsUnused offers a tool to a question that does not need it; whichever
// the model decides, the reply must be whole.
func (s *suite) toolsUnused(t *testing.T) {
	req := s.request("Say hello.")
	req.ToolConfig = weatherTool()
	ask(t, s.open(t), req)
}

const personSchema = `{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":60},"age":{"type":"integer","minimum":0,"maximum":150}},` +
	`"required":["name","age"],"additionalProperties":false}`

func (s *suite) schema(t *testing.T) {
	b := s.open(t)
	support, ok := b.(outcrop.SchemaSupport)
	if !ok || support.SchemaProfile(s.ModelID) == "" {
		t.Error("the back-end holds models to schemas and does not say so")
	}
	req := s.request("Extract: John Doe is 42 years old.")
	req.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
		Type: bedrock.OutputFormatTypeJSONSchema,
		Structure: bedrock.OutputFormatStructure{
			JSONSchema: &bedrock.JSONSchemaDefinition{Name: "person", Schema: personSchema},
		},
	}}
	for _, r := range []*bedrock.ConverseResponse{ask(t, b, req), collect(t, stream(t, b, req))} {
		if r.StopReason == bedrock.StopReasonMaxTokens {
			t.Skip("the reply was cut at maxTokens")
		}
		valid(t, personSchema, []byte(r.Output.Message.Text()))
	}
	own := s.request("Extract: John Doe is 42 years old.") // in Claude's words, as some frameworks ask
	own.AdditionalModelRequestFields = bedrock.Document(`{"output_config":{"format":{"type":"json_schema","schema":` + personSchema + `}}}`)
	if r := ask(t, b, own); r.StopReason != bedrock.StopReasonMaxTokens {
		valid(t, personSchema, []byte(r.Output.Message.Text()))
	}
	req.OutputConfig.TextFormat.Structure.JSONSchema.Schema = `{"type": "nonsense"}`
	_, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if e := asError(t, err); e.Code != bedrock.CodeValidation {
		t.Errorf("a bad schema: code %s", e.Code)
	}
}
