package openai

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// modelList is what a server says of its models.
type modelList struct {
	Data []listedModel `json:"data"`
}

type listedModel struct {
	ID      string `json:"id"`
	OwnedBy string `json:"owned_by"`
	Context int    `json:"max_model_len"` // vLLM, SGLang
	Meta    *struct {
		Context int `json:"n_ctx"`
		Trained int `json:"n_ctx_train"`
	} `json:"meta"` // llama-server
}

func (b *Backend) list(ctx context.Context) (*modelList, error) {
	list := new(modelList)
	return list, b.fetch(ctx, http.MethodGet, "/models", nil, list)
}

// Models lists the server's models, and after them the ids that the
// configuration maps to them.
func (b *Backend) Models(ctx context.Context) ([]outcrop.Model, error) {
	list, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	if b.recognised.found.Load() == nil {
		b.learn(ctx, list)
	}
	var models []outcrop.Model
	byName := map[string]outcrop.Model{}
	for _, row := range list.Data {
		m := outcrop.Model{
			ID: row.ID, Name: row.ID, Provider: row.OwnedBy, InputModalities: []string{"TEXT"}, OutputModalities: []string{"TEXT"},
			Streaming: true, ContextWindow: row.Context, Lifecycle: string(bedrock.FoundationModelLifecycleStatusActive), Backend: Name,
		}
		if row.Meta != nil {
			m.ContextWindow = row.Meta.Context
			if m.ContextWindow == 0 {
				m.ContextWindow = row.Meta.Trained
			}
		}
		models = append(models, m)
		byName[row.ID] = m
	}
	for _, id := range slices.Sorted(maps.Keys(b.config.Models)) {
		m, ok := byName[b.config.Models[id]]
		if !ok {
			continue // the server does not have it
		}
		m.ID = id
		models = append(models, m)
	}
	return models, nil
}

// fetch asks for something small that is answered at once.
func (b *Backend) fetch(ctx context.Context, method, path string, body []byte, reply any) error {
	w := upstream.NewWatch(ctx, &upstream.Limit{D: b.config.ReplyTimeout, What: "the server did not reply"})
	defer w.Stop()
	res, err := b.send(w.Context(), method, path, body)
	if err != nil {
		return err
	}
	text, err := b.readAll(w.Context(), res)
	if err != nil {
		return err
	}
	if err := bedrock.Unmarshal(text, reply); err != nil {
		return unreadable(err)
	}
	return nil
}
