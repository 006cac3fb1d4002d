package outcrop_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

const person = `{"type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}}}`

func TestConstructAsksAgain(t *testing.T) {
	backend := &scripted{texts: []string{`Sure: {"name": "Ada", "age": "old"}`, "```json\n{\"name\": \"Ada\", \"age\": 36}\n```"}}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada, 36", Schema: bedrock.Document(person)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != `{"name":"Ada","age":36}` || string(got.Output) != got.Text {
		t.Errorf("text %s, output %s", got.Text, got.Output)
	}
	if got.Usage.TotalTokens != 30 || len(got.Trace.Attempts) != 2 {
		t.Errorf("usage %+v, %d attempts", got.Usage, len(got.Trace.Attempts))
	}
	if first := got.Trace.Attempts[0]; len(first.Errors) != 1 || first.Errors[0].Path != "/age" {
		t.Errorf("the first attempt's errors: %+v", first.Errors)
	}
	again, err := backend.calls[1].Converse()
	if err != nil {
		t.Fatal(err)
	}
	if last := again.Messages[len(again.Messages)-1]; !strings.Contains(last.Text(), "/age") {
		t.Errorf("the second question does not name the failing place: %s", last.Text())
	}
}

func TestConstructGivesUpWithWhatItHad(t *testing.T) {
	backend := &scripted{texts: []string{`no idea`, `{"name":"Ada"}`, `[]`}}
	_, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person)})
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Code != bedrock.CodeSchemaValidation {
		t.Fatalf("got %v", err)
	}
	failure, ok := errors.AsType[*bedrock.SchemaFailure](err)
	if !ok {
		t.Fatalf("the cause is %T", e.Cause)
	}
	if string(failure.PartialOutput) != `{"name":"Ada"}` || failure.Usage.TotalTokens != 45 || len(failure.Attempts) != 3 {
		t.Errorf("partial %s, usage %+v, %d attempts", failure.PartialOutput, failure.Usage, len(failure.Attempts))
	}
	if len(failure.Errors) != 1 || failure.Errors[0].Path != "/age" {
		t.Errorf("errors %+v", failure.Errors)
	}
}

func TestConstructFallsBack(t *testing.T) {
	backend := &scripted{texts: []string{`no`, `no`, `{"name":"Ada","age":1}`}}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{
		Prompt: "Ada", Schema: bedrock.Document(person), FallbackModelIDs: []string{"amazon.nova-pro-v1:0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Trace.ModelID != "amazon.nova-pro-v1:0" || backend.calls[2].ModelID != got.Trace.ModelID {
		t.Errorf("answered by %s, asked %s", got.Trace.ModelID, backend.calls[2].ModelID)
	}
}

func TestConstructRefuses(t *testing.T) {
	tests := map[string]struct {
		req   bedrock.ConstructRequest
		field string
	}{
		"no schema":            {bedrock.ConstructRequest{Prompt: "a"}, "schema"},
		"a defective schema":   {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(`{"type":"nonsense"}`)}, "schema"},
		"a remote reference":   {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(`{"$ref":"http://example.com/s.json"}`)}, "schema"},
		"no prompt":            {bedrock.ConstructRequest{Schema: bedrock.Document(person)}, "prompt"},
		"an unknown strategy":  {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(person), Strategy: "hope"}, "strategy"},
		"no attempts":          {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(person), MaxAttempts: new(int)}, "maxAttempts"},
		"a misleading example": {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(person), Examples: []bedrock.ConstructExample{{Input: "x", Output: bedrock.Document(`{}`)}}}, "examples"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			backend := &scripted{texts: []string{"{}"}}
			_, err := manager(t, backend).Construct(t.Context(), &tt.req)
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok || e.Code != bedrock.CodeValidation || e.Field != tt.field {
				t.Errorf("got %v, want a ValidationException about %s", err, tt.field)
			}
			if len(backend.calls) != 0 {
				t.Error("the model was asked")
			}
		})
	}
}

func TestConstructReportsARefusal(t *testing.T) {
	backend := &scripted{texts: []string{"I cannot."}, stop: bedrock.StopReasonContentFiltered}
	_, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(person)})
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Code != bedrock.CodeModelError || e.Usage == nil || e.Usage.TotalTokens != 15 || len(backend.calls) != 1 {
		t.Errorf("got %v with usage %+v after %d calls", err, e.Usage, len(backend.calls))
	}
}
