package lowered_test

import (
	"context"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/maskbench"
	"github.com/outcrop-ai/outcrop/lowered"
	"github.com/outcrop-ai/outcrop/structured"
)

// strict is the simulator, which fills any schema, behind the claim to take
// only a part. It keeps what it was asked.
type strict struct {
	*simulator.Backend
	profile string
	asked   *bedrock.ConverseRequest
}

func (s *strict) SchemaProfile(string) string { return s.profile }

func (s *strict) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	var err error
	if s.asked, err = call.Converse(); err != nil {
		return nil, err
	}
	return s.Backend.Do(ctx, call)
}

func newStrict(t *testing.T, profile string) (*strict, outcrop.Backend) {
	t.Helper()
	b, err := simulator.New(simulator.Config{LogSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := &strict{Backend: b, profile: profile}
	return s, lowered.New(s)
}

const modelID = "anthropic.claude-sonnet-4-5-20250929-v1:0"

func asking(schema string) *bedrock.ConverseRequest {
	return &bedrock.ConverseRequest{
		ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText("Ada has 3 apples.")},
		OutputConfig: &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
			Type: bedrock.OutputFormatTypeJSONSchema, Structure: bedrock.OutputFormatStructure{JSONSchema: &bedrock.JSONSchemaDefinition{Schema: schema}},
		}},
	}
}

// answer asks for a whole reply or for a stream of it.
func answer(t *testing.T, b outcrop.Backend, req *bedrock.ConverseRequest, streams bool) *bedrock.ConverseResponse {
	t.Helper()
	operation := bedrock.OpConverse
	if streams {
		operation = bedrock.OpConverseStream
	}
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(operation, req))
	if err != nil {
		t.Fatal(err)
	}
	var response *bedrock.ConverseResponse
	if streams {
		response, err = outcrop.Collect(reply.Stream)
	} else {
		response, err = reply.Converse()
	}
	if err != nil {
		t.Fatal(err)
	}
	return response
}

const counts = `{"type":"object","minProperties":1,"additionalProperties":{"type":"integer"}}`

func TestTextFormatIsLoweredAndRaised(t *testing.T) {
	const person = `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"apples":{"type":"integer"},"born":{"type":"integer"}}}`
	schema, err := structured.Compile([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	for _, streams := range []bool{false, true} {
		s, b := newStrict(t, "openai-strict")
		req := asking(person)
		response := answer(t, b, req, streams)
		if sent := s.asked.OutputConfig.TextFormat.Structure.JSONSchema.Schema; !strings.Contains(sent, `"null"`) {
			t.Errorf("sent %s", sent)
		}
		if req.OutputConfig.TextFormat.Structure.JSONSchema.Schema != person {
			t.Error("the caller's request was changed")
		}
		text := response.Output.Message.Text()
		if found, err := schema.ValidateJSON([]byte(text)); err != nil || found != nil || response.StopReason != bedrock.StopReasonEndTurn {
			t.Errorf("streams %v: %s, %s: %v %v", streams, text, response.StopReason, found, err)
		}
	}
}

func TestStrictToolsAreLoweredAndRaised(t *testing.T) {
	schema, err := structured.Compile([]byte(`{"type":"object","required":["city"],"properties":{"city":{"type":"string"},"days":{"type":"integer"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, streams := range []bool{false, true} {
		for _, isStrict := range []bool{true, false} {
			s, b := newStrict(t, "openai-strict")
			response := answer(t, b, &bedrock.ConverseRequest{
				ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText("The weather in Oslo?")},
				ToolConfig: &bedrock.ToolConfiguration{
					Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{
						Name: "weather", Strict: &isStrict, InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(schema.Text())},
					}}},
					ToolChoice: &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: "weather"}},
				},
			}, streams)
			sent := string(s.asked.ToolConfig.Tools[0].ToolSpec.InputSchema.JSON)
			if strings.Contains(sent, `"additionalProperties":false`) != isStrict {
				t.Errorf("strict %v: sent %s", isStrict, sent)
			}
			for _, block := range response.Output.Message.Content {
				if block.ToolUse == nil {
					continue
				}
				if found, err := schema.ValidateJSON(block.ToolUse.Input); err != nil || found != nil {
					t.Errorf("strict %v, streams %v: %s: %v %v", isStrict, streams, block.ToolUse.Input, found, err)
				}
			}
			if response.StopReason != bedrock.StopReasonToolUse {
				t.Errorf("stop reason %s", response.StopReason)
			}
		}
	}
}

// What fits, and what the back-end judges itself, goes through as it is.
func TestTheRestGoesThrough(t *testing.T) {
	const fits = `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}`
	for profile, schema := range map[string]string{"openai-strict": fits, "full": counts, "bedrock": counts, "": counts} {
		s, b := newStrict(t, profile)
		req := asking(schema)
		answer(t, b, req, false)
		if s.asked != req {
			t.Errorf("%q: the request was changed", profile)
		}
	}
	_, b := newStrict(t, "openai-strict")
	_, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, asking(`{"type":7}`)))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeValidation || e.Field != "outputConfig.textFormat.structure.jsonSchema.schema" {
		t.Errorf("a defective schema: %v", err)
	}
	tool := func(schema string) bedrock.Tool {
		return bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{Name: "t", Strict: new(true), InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(schema)}}}
	}
	req := &bedrock.ConverseRequest{
		ModelID: modelID, Messages: []bedrock.Message{bedrock.UserText("Hi.")},
		ToolConfig: &bedrock.ToolConfiguration{Tools: []bedrock.Tool{tool(`{"type":"object"}`), tool(`{"type":7}`)}},
	}
	_, err = b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeValidation || e.Field != "toolConfig.tools.1.toolSpec.inputSchema.json" {
		t.Errorf("a defective schema of a tool: %v", err)
	}
}

// A reply in another form that cannot be raised says so: here a list that
// names a key twice, which is no map.
func TestWhatCannotBeRaisedIsMalformed(t *testing.T) {
	for _, streams := range []bool{false, true} {
		s, b := newStrict(t, "openai-strict")
		response := answer(t, b, asking(counts), streams)
		if sent := s.asked.OutputConfig.TextFormat.Structure.JSONSchema.Schema; !strings.Contains(sent, `"key"`) {
			t.Fatalf("sent %s", sent)
		}
		text := response.Output.Message.Text()
		schema, err := structured.Compile([]byte(counts))
		if err != nil {
			t.Fatal(err)
		}
		found, err := schema.ValidateJSON([]byte(text))
		if valid := err == nil && found == nil; valid != (response.StopReason == bedrock.StopReasonEndTurn) || !valid && response.StopReason != bedrock.StopReasonMalformedModelOutput {
			t.Errorf("streams %v: %s, %s", streams, text, response.StopReason)
		}
	}
}

// Over real-world schemas, a reply that says it ended well validates. A sample
// unless OUTCROP_LONG is 1.
func TestSuiteRepliesKeepToTheCallersSchema(t *testing.T) {
	for _, profile := range []string{"openai-strict", "llama.cpp"} {
		_, b := newStrict(t, profile)
		good, malformed := 0, 0
		cases := maskbench.Load(t)
		if !maskbench.Long() {
			cases = cases[:len(cases)/4]
		}
		for _, c := range cases {
			schema, err := structured.Compile(c.Schema)
			if err != nil {
				continue
			}
			reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, asking(string(c.Schema))))
			if err != nil {
				continue // the simulator finds no instance
			}
			response, err := reply.Converse()
			if err != nil {
				t.Fatal(err)
			}
			found, err := schema.ValidateJSON([]byte(response.Output.Message.Text()))
			valid := err == nil && found == nil
			if response.StopReason == bedrock.StopReasonEndTurn && !valid {
				t.Errorf("%s %s: %v %v", profile, c.Name, found, err)
			}
			if valid {
				good++
			} else {
				malformed++
			}
		}
		t.Logf("%s: %d replies keep to the caller's schema, %d say that they do not", profile, good, malformed)
		if good < malformed {
			t.Errorf("%s: only %d of %d", profile, good, good+malformed)
		}
	}
}
