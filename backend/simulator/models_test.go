package simulator_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
)

// Every text model answers Converse under all its ids, and InvokeModel where
// its native format is known; every model is listed.
func TestEveryModelAnswers(t *testing.T) {
	b := simulate(t, simulator.Config{})
	listed, err := b.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(catalog.Default().Models()) {
		t.Errorf("%d models are listed, %d are known", len(listed), len(catalog.Default().Models()))
	}
	for _, m := range listed {
		known, ok := catalog.Default().Resolve(m.ID)
		if !ok || m.Backend != simulator.Name || m.MaxOutput != known.Model.MaxOutput || len(m.Profiles) != len(known.Model.Profiles) {
			t.Errorf("%s is listed as %+v", m.ID, m)
		}
		if !known.Model.Has("TEXT") {
			if b.SchemaProfile(m.ID) != "" {
				t.Errorf("%s writes no text, but claims to keep to schemas", m.ID)
			}
			continue
		}
		ids := []string{m.ID}
		for _, p := range m.Profiles {
			ids = append(ids, p.ID)
		}
		for _, id := range ids {
			req := ask("What is quantum computing?")
			req.ModelID = id
			if r := converse(t, b, req); r.Output.Message.Text() == "" {
				t.Errorf("%s says nothing", id)
			}
			if b.SchemaProfile(id) == "" {
				t.Errorf("%s keeps to no schema", id)
			}
		}
		invokeModel(t, b, m.ID)
	}
}

func invokeModel(t *testing.T, b *simulator.Backend, id string) {
	t.Helper()
	family := native.ByModel(id)
	if family == nil {
		return
	}
	body, err := family.Body(native.Question{Prompt: "What is quantum computing?", MaxTokens: 100})
	if err != nil {
		t.Errorf("%s: %v", id, err)
		return
	}
	reply, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, id, body))
	if err != nil {
		t.Errorf("%s: InvokeModel: %v", id, err)
		return
	}
	if text, err := reply.Body(); err != nil || len(text) == 0 || reply.Meta.Usage == nil {
		t.Errorf("%s: InvokeModel: %s, %v", id, text, err)
	}
}
