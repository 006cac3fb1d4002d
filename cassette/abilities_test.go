package cassette

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// held is a back-end whose models can be held to a schema.
type held struct{ outcrop.Backend }

func (held) SchemaProfile(modelID string) string {
	if modelID == "strict" {
		return "bedrock"
	}
	return ""
}

// TestConstructAsksAlike: the player says of schemas what the back-end said.
func TestConstructAsksAlike(t *testing.T) {
	dir := t.TempDir()
	next := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, []byte(`{"a":1}`)), nil
	})
	r, err := NewRecorder(held{next}, dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "strict", []byte(`{}`))
	if _, err := r.Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"strict", "loose"} {
		if got, want := r.SchemaProfile(id), (held{}).SchemaProfile(id); got != want {
			t.Errorf("%s: the recorder says %q, want %q", id, got, want)
		}
	}
	p, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if p.SchemaProfile("strict") != "bedrock" || p.SchemaProfile("loose") != "" {
		t.Errorf("the player says %q and %q", p.SchemaProfile("strict"), p.SchemaProfile("loose"))
	}
	models, err := p.Models(t.Context())
	if err != nil || len(models) != 1 || models[0].ID != "strict" {
		t.Errorf("models %+v, %v", models, err)
	}
	text := "How many?"
	counted := outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: "strict", Messages: []bedrock.Message{bedrock.UserText(text)}})
	if n, err := p.CountTokens(t.Context(), counted); err != nil || !n.Estimated || n.InputTokens < 1 {
		t.Errorf("counted %+v, %v", n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, profilesName), []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); err == nil {
		t.Error("a file of profiles that cannot be read is passed over")
	}
}
