package cassette

import (
	"context"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestGuardrailsCount: what was recorded with a guardrail is not replayed to a
// request without it.
func TestGuardrailsCount(t *testing.T) {
	dir := t.TempDir()
	next := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, []byte(`{"a":1}`)), nil
	})
	r, err := NewRecorder(next, dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	call := func(header map[string]string) *outcrop.Call {
		c := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "m", []byte(`{}`))
		c.Header = header
		return c
	}
	with := map[string]string{"X-Amzn-Bedrock-Guardrailidentifier": "g", "Accept": "application/json"}
	if _, err := r.Do(t.Context(), call(with)); err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Do(t.Context(), call(with)); err != nil {
		t.Error(err)
	}
	if _, err := p.Do(t.Context(), call(nil)); outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
		t.Errorf("without the guardrail: %v", err)
	}
}
