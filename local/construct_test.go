package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestConstructKeepsToTheConfiguredLimits: no attempt begins beyond the tokens
// that outcrop.yaml allows.
func TestConstructKeepsToTheConfiguredLimits(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte("rules:\n  - reply: {malformed: schema}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := open(t, settings(t, "construct: {maxTokens: 1}\nsimulator: {rules: "+rules+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Construct(t.Context(), &bedrock.ConstructRequest{
		Prompt: "Extract: Ada is 36",
		Schema: bedrock.Document(`{"type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}}}`),
	})
	e := outcrop.AsError(err)
	if e == nil || e.Code != bedrock.CodeSchemaValidation || !strings.Contains(e.Message, "limit of 1 tokens") {
		t.Fatalf("got %v", err)
	}
}
