package outcrop_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
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
		"an impossible schema": {bedrock.ConstructRequest{Prompt: "a", Schema: bedrock.Document(`{"type":"string","minLength":2,"maxLength":1}`)}, "schema"},
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

// native is a back-end with native structured output that takes a subset.
type nativeScripted struct {
	scripted
	profile string
	refuses string // a part of the schema that it cannot express
}

func (n *nativeScripted) SchemaProfile(string) string { return n.profile }

func (n *nativeScripted) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	req, err := call.Converse()
	if err != nil {
		return nil, err
	}
	if n.refuses != "" && req.OutputConfig != nil && strings.Contains(req.OutputConfig.TextFormat.Structure.JSONSchema.Schema, n.refuses) {
		n.calls = append(n.calls, call)
		return nil, outcrop.Errorf(bedrock.CodeValidation, "compiled grammar too large")
	}
	return n.scripted.Do(ctx, call)
}

func TestConstructLowersTheSchemaAndComesBack(t *testing.T) {
	schema := `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"nick":{"type":"string"}},"additionalProperties":{"type":"integer"}}`
	backend := &nativeScripted{profile: "openai-strict", scripted: scripted{texts: []string{`{"name":"Ada"}`}}}
	if _, ok := structured.ProfileNamed(backend.profile); !ok {
		t.Fatalf("no profile %s", backend.profile)
	}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(schema)})
	if err != nil {
		t.Fatal(err)
	}
	asked, err := backend.calls[0].Converse()
	if err != nil {
		t.Fatal(err)
	}
	if sent := asked.OutputConfig.TextFormat.Structure.JSONSchema.Schema; sent == schema || !strings.Contains(sent, `"additionalProperties":false`) {
		t.Errorf("the schema was not lowered: %s", sent)
	}
	if got.Text != `{"name":"Ada"}` || got.Trace.Strategy != bedrock.ConstructStepNative || len(got.Trace.Transforms) == 0 {
		t.Errorf("text %s, trace %+v", got.Text, got.Trace)
	}
}

func TestConstructStepsDownWhenTheStrategyIsRefused(t *testing.T) {
	backend := &nativeScripted{profile: "full", refuses: "integer", scripted: scripted{texts: []string{`{"name":"Ada","age":1}`}}}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person), MaxAttempts: new(1)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Trace.Strategy != bedrock.ConstructStepTool || len(got.Trace.Attempts) != 2 {
		t.Errorf("trace %+v", got.Trace)
	}
	if refused := got.Trace.Attempts[0]; refused.Usage != nil || !strings.Contains(refused.Errors[0].Message, "grammar too large") {
		t.Errorf("the refused request: %+v", refused)
	}
}

func TestConstructMendsByPatch(t *testing.T) {
	backend := &scripted{texts: []string{`{"name":"Ada","age":"old"}`, `[{"op":"replace","path":"/age","value":36}]`}}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != `{"name":"Ada","age":36}` || got.Trace.Attempts[1].Strategy != bedrock.ConstructStepPatch {
		t.Errorf("text %s, attempts %+v", got.Text, got.Trace.Attempts)
	}
}

func TestConstructContinuesAfterMaxTokens(t *testing.T) {
	backend := &scripted{texts: []string{`{"name":"Ada Lovel`, `ace","age":36}`}, stop: bedrock.StopReasonMaxTokens}
	got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != `{"name":"Ada Lovelace","age":36}` || got.Trace.Attempts[1].Strategy != bedrock.ConstructStepContinue {
		t.Errorf("text %s, attempts %+v", got.Text, got.Trace.Attempts)
	}
}

func TestConstructWritesXML(t *testing.T) {
	schema := `{"title":"person","type":"object","required":["id","name"],"properties":{"id":{"type":"integer","xml":{"attribute":true}},"name":{"type":"string"}}}`
	for name, reply := range map[string]string{"asked in XML": "Here:\n<person id=\"7\"><name>Ada &amp; co</name></person>", "answered in JSON": `{"id":7,"name":"Ada & co"}`} {
		t.Run(name, func(t *testing.T) {
			backend := &scripted{texts: []string{reply}}
			got, err := manager(t, backend).Construct(t.Context(), &bedrock.ConstructRequest{
				Prompt: "Ada", Schema: bedrock.Document(schema), Format: bedrock.ConstructFormatXML, Strategy: bedrock.ConstructStrategyPrompt,
			})
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Output) != `{"id":7,"name":"Ada & co"}` || !strings.Contains(got.Text, `<person id="7">`) {
				t.Errorf("output %s\ntext %s", got.Output, got.Text)
			}
		})
	}
	_, err := manager(t, &scripted{texts: []string{""}}).Construct(t.Context(), &bedrock.ConstructRequest{
		Prompt: "Ada", Schema: bedrock.Document(`{"type":"object"}`), Format: bedrock.ConstructFormatXML,
	})
	if e := outcrop.AsError(err); e.Field != "schema" {
		t.Errorf("a schema without a root name: %v", err)
	}
}

func TestConstructStreamTakesNothingBack(t *testing.T) {
	backend := &scripted{texts: []string{`{"name":"Ada","age":"old"}`, `[{"op":"replace","path":"/age","value":36}]`}}
	stream, err := manager(t, backend).ConstructStream(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person), Strategy: bedrock.ConstructStrategyPrompt})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	settled := map[string]string{}
	var result *bedrock.ConstructResponse
	for event, err := range stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out, err := event.Constructed()
		if err != nil {
			t.Fatal(err)
		}
		if result = out.Result; out.Partial != nil && out.Partial.Open == nil {
			settled[out.Partial.Path] = string(out.Partial.Value)
		}
	}
	if len(settled) != 1 || settled["/name"] != `"Ada"` {
		t.Errorf("settled %v; the age did not pass its subschema", settled)
	}
	if result == nil || result.Text != `{"name":"Ada","age":36}` {
		t.Errorf("result %+v", result)
	}
}

func TestConstructStreamRefusesToTakeBack(t *testing.T) {
	backend := &scripted{texts: []string{`{"name":"Ada","age":"old"}`, `{"name":"Bob","age":36}`}}
	stream, err := manager(t, backend).ConstructStream(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person), Strategy: bedrock.ConstructStrategyPrompt, MaxAttempts: new(2)})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var last error
	for _, err := range stream.Events() {
		last = err
	}
	if e := outcrop.AsError(last); last == nil || e.Code != bedrock.CodeSchemaValidation {
		t.Errorf("a value that contradicts the stream: %v", last)
	}
}

func TestConstructInto(t *testing.T) {
	type person struct {
		Name string `json:"name"`
		Age  int    `json:"age" jsonschema:"in years"`
	}
	backend := &scripted{texts: []string{`{"name":"Ada","age":36}`}}
	got, response, err := outcrop.ConstructInto[person](t.Context(), manager(t, backend), &bedrock.ConstructRequest{Prompt: "Ada, 36"})
	if err != nil {
		t.Fatal(err)
	}
	if got != (person{"Ada", 36}) || response.Usage.TotalTokens != 15 {
		t.Errorf("got %+v, usage %+v", got, response.Usage)
	}
	if _, _, err := outcrop.ConstructInto[func()](t.Context(), manager(t, backend), &bedrock.ConstructRequest{Prompt: "x"}); err == nil {
		t.Error("a function has no JSON Schema")
	}
}

// constructing is a back-end that answers Construct itself.
type constructing struct {
	outcrop.Backend
	asked []string
}

func (c *constructing) Construct(_ context.Context, req *bedrock.ConstructRequest) (*bedrock.ConstructResponse, error) {
	c.asked = append(c.asked, "whole "+req.ModelID)
	return &bedrock.ConstructResponse{Text: "{}"}, nil
}

func (c *constructing) ConstructStream(_ context.Context, req *bedrock.ConstructRequest) (*outcrop.Stream, error) {
	c.asked = append(c.asked, "stream "+req.ModelID)
	return outcrop.NewStream(func(func(bedrock.Event, error) bool) {}, nil), nil
}

func TestConstructorIsAskedFirst(t *testing.T) {
	b := &constructing{Backend: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		t.Error("the manager climbed the ladder itself")
		return nil, outcrop.Errorf(bedrock.CodeModelError, "no")
	})}
	m, err := outcrop.New(outcrop.Config{ModelID: "default", Backend: b})
	if err != nil {
		t.Fatal(err)
	}
	req := &bedrock.ConstructRequest{Prompt: "p", Schema: bedrock.Document(`{}`)}
	if _, err := m.Construct(t.Context(), req); err != nil {
		t.Error(err)
	}
	other := *req
	other.ModelID = "named"
	s, err := m.ConstructStream(t.Context(), &other)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := strings.Join(b.asked, ", "); got != "whole default, stream named" || req.ModelID != "" {
		t.Errorf("asked %s; the request's model is now %q", got, req.ModelID)
	}
}
