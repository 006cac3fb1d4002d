package outcrop_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/openai"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/lowered"
)

// TestGuardrailsAreRefused: wherever a request asks for a guardrail, a back-end
// without guardrails says so and asks no model.
func TestGuardrailsAreRefused(t *testing.T) {
	simulated, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := openai.New(openai.Config{BaseURL: "http://127.0.0.1:1/v1"}) // nobody listens: a call would say so
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	const (
		messages = `"messages":[{"role":"user","content":[{"text":"hi"}]}]`
		native   = `"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]`
	)
	invoke := func(body string, header map[string]string) *outcrop.Call {
		c := outcrop.NewInvokeCall(bedrock.OpInvokeModel, claude, []byte(body))
		c.Header = header
		return c
	}
	converse := func(body string) *outcrop.Call {
		return &outcrop.Call{Operation: bedrock.OpConverse, ModelID: claude, Raw: []byte(body)}
	}
	embedding := invoke(`{"inputText":"x"}`, map[string]string{"X-Amzn-Bedrock-Guardrailidentifier": "g"})
	embedding.ModelID = "amazon.titan-embed-text-v2:0"
	for _, tt := range []struct {
		name  string
		call  *outcrop.Call
		field string
	}{
		{"a configuration", converse(`{"guardrailConfig":{"guardrailIdentifier":"gr1","guardrailVersion":"1"},` + messages + `}`), "guardrailConfig"},
		{"content to guard", converse(`{"messages":[{"role":"user","content":[{"text":"hi"},{"guardContent":{"text":{"text":"x"}}}]}]}`), "messages.0.content.1.guardContent"},
		{"a native call's header", invoke(`{`+native+`}`, map[string]string{"X-Amzn-Bedrock-Guardrailidentifier": "gr1", "X-Amzn-Bedrock-Guardrailversion": "1"}), "guardrailConfig"},
		{"a native body's member", invoke(`{`+native+`,"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}}`, nil), "amazon-bedrock-guardrailConfig"},
		{"an embedding's header", embedding, "guardrailIdentifier"},
	} {
		for name, b := range map[string]outcrop.Backend{"simulator": simulated, "openai": engine, "lowered": lowered.New(engine)} {
			_, err := b.Do(t.Context(), tt.call)
			if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeValidation || e.Field != tt.field {
				t.Errorf("%s at %s: got %v (field %q), want a ValidationException for %s", tt.name, name, err, e.Field, tt.field)
			}
		}
	}
	// A word of it in a prompt is none.
	if _, err := simulated.Do(t.Context(), invoke(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"amazon-bedrock-guardrailConfig"}]}`, nil)); err != nil {
		t.Error(err)
	}
}
