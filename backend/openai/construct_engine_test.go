package openai_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/openai"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/testengine"
	"github.com/outcrop-ai/outcrop/structured"
)

// Construct on a real engine: a model of random words is held to the schema by
// the engine's grammar, so what comes back validates.
func TestConstructOnAnEngine(t *testing.T) {
	engine := testengine.Start(t)
	// Nobody says which engine it is: it is recognised.
	backend, err := openai.New(openai.Config{BaseURL: engine.URL + "/v1", Model: engine.Model})
	if err != nil {
		t.Fatal(err)
	}
	m, err := outcrop.New(outcrop.Config{ModelID: "tiny", Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	// Free strings of random weights are not UTF-8; these have none.
	schemas := map[string]string{
		"numbers": `{"title":"point","type":"object","required":["x","y"],"properties":{"x":{"type":"integer","minimum":0,"maximum":99},"y":{"type":"integer","minimum":0,"maximum":9}},"additionalProperties":false}`,
		"choices": `{"title":"light","type":"object","required":["on","colour"],"properties":{"on":{"type":"boolean"},"colour":{"enum":["red","green","blue"]}}}`,
		"pattern": `{"title":"part","type":"object","required":["id"],"properties":{"id":{"type":"string","pattern":"^[A-Z]{2}-[0-9]{3}$"}}}`,
		"list":    `{"title":"dice","type":"array","minItems":2,"maxItems":3,"items":{"type":"integer","minimum":1,"maximum":6}}`,
		"nested":  `{"title":"box","type":"object","required":["size"],"properties":{"size":{"$ref":"#/$defs/size"}},"$defs":{"size":{"type":"object","required":["w","h"],"properties":{"w":{"enum":[1,2]},"h":{"enum":[3,4]}}}}}`,
	}
	limit := 200
	for name, text := range schemas {
		schema, err := structured.Compile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []bedrock.ConstructFormat{bedrock.ConstructFormatJSON, bedrock.ConstructFormatXML} {
			t.Run(fmt.Sprintf("%s-%s", name, format), func(t *testing.T) {
				got, err := m.Construct(t.Context(), &bedrock.ConstructRequest{
					Prompt: "Give me one.", Schema: bedrock.Document(text), Format: format, InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &limit},
				})
				if err != nil {
					t.Fatal(err)
				}
				if found, err := schema.ValidateJSON(got.Output); err != nil || found != nil {
					t.Errorf("%s: %v %v", got.Output, found, err)
				}
				if got.Trace.Strategy != bedrock.ConstructStepNative || got.Usage.OutputTokens == 0 {
					t.Errorf("by %s, usage %+v", got.Trace.Strategy, got.Usage)
				}
				if format == bedrock.ConstructFormatXML && !strings.HasPrefix(got.Text, "<"+schema.Title()) {
					t.Errorf("XML %s", got.Text)
				}
			})
		}
		t.Run(name+"-stream", func(t *testing.T) {
			stream, err := m.ConstructStream(t.Context(), &bedrock.ConstructRequest{
				Prompt: "Give me one.", Schema: bedrock.Document(text), InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &limit},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			parts := 0
			var result *bedrock.ConstructResponse
			for event, err := range stream.Events() {
				if err != nil {
					t.Fatal(err)
				}
				out, err := event.Constructed()
				if err != nil {
					t.Fatal(err)
				}
				if out.Partial != nil {
					parts++
				}
				result = out.Result
			}
			if result == nil || parts == 0 {
				t.Fatalf("%d parts, result %+v", parts, result)
			}
			if found, err := schema.ValidateJSON(result.Output); err != nil || found != nil {
				t.Errorf("%s: %v %v", result.Output, found, err)
			}
		})
	}
}

// Without the grammar the model sees the schema in its prompt and writes what
// it has learned to: a person in JSON or XML, whose name and age it makes up.
// What is not asked in its way it babbles at: the error says so and what it
// cost, and carries no value that was made up.
func TestPromptedConstructOnAnEngine(t *testing.T) {
	engine := testengine.Start(t)
	// Nobody says which engine it is: it is recognised.
	backend, err := openai.New(openai.Config{BaseURL: engine.URL + "/v1", Model: engine.Model})
	if err != nil {
		t.Fatal(err)
	}
	m, err := outcrop.New(outcrop.Config{ModelID: "tiny", Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	const person = `{"title":"person","type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}},"additionalProperties":false,"xml":{"name":"person"}}`
	schema, err := structured.Compile([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	coldest, limit := 0.0, 80
	ask := func(prompt string, format bedrock.ConstructFormat) (*bedrock.ConstructResponse, error) {
		return m.Construct(t.Context(), &bedrock.ConstructRequest{
			Prompt: prompt, Schema: bedrock.Document(person), Format: format, Strategy: bedrock.ConstructStrategyPrompt,
			InferenceConfig: &bedrock.InferenceConfiguration{Temperature: &coldest, MaxTokens: &limit},
		})
	}
	for prompt, format := range map[string]bedrock.ConstructFormat{
		"Extract: Ada is 36": bedrock.ConstructFormatJSON, "Extract: Linus is 55": bedrock.ConstructFormatJSON,
		"Extract as XML: Ada is 36": bedrock.ConstructFormatXML, "Extract as XML: Olga is 7": bedrock.ConstructFormatXML,
	} {
		t.Run(prompt, func(t *testing.T) {
			got, err := ask(prompt, format)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := schema.ValidateJSON(got.Output); err != nil || found != nil {
				t.Errorf("%s: %v %v", got.Output, found, err)
			}
			if got.Trace.Strategy != bedrock.ConstructStepPrompt {
				t.Errorf("by %s", got.Trace.Strategy)
			}
			if format == bedrock.ConstructFormatXML && !strings.HasPrefix(got.Text, "<person>") {
				t.Errorf("XML %s", got.Text)
			}
		})
	}
	for _, format := range []bedrock.ConstructFormat{bedrock.ConstructFormatJSON, bedrock.ConstructFormatXML} {
		t.Run("babble-"+string(format), func(t *testing.T) {
			got, err := ask("Say hello to Paris", format)
			if err == nil {
				if found, err := schema.ValidateJSON(got.Output); err != nil || found != nil {
					t.Errorf("%s: %v %v", got.Output, found, err)
				}
				return
			}
			e := outcrop.AsError(err)
			if e.Code != bedrock.CodeSchemaValidation || e.Usage == nil || e.Usage.TotalTokens == 0 {
				t.Errorf("%v, usage %+v", err, e.Usage)
			}
		})
	}
}
