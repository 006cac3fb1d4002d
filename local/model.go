package local

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/route"
)

// listTimeout is how long a server may take to list its models when nobody
// named one; then the settings' default stands.
const listTimeout = 5 * time.Second

// ModelChoice is the model that was taken because nobody named one.
type ModelChoice struct {
	ID      string
	Backend string // that answers for it; "" for a replay
	Of      int    // models that the back-end lists
	Err     error  // why it could not be asked; ID is the settings' default then
}

// model is the model of requests that name none. Where nobody says which, and
// the settings' default would go as it is to a server whose models have names
// of their own, it is the first that the server lists; in a replay, the first
// that was recorded.
func (o *opener) model(c *Config, router *route.Router, backend outcrop.Backend) string {
	s := o.settings
	if c.ModelID != "" || !DefaultModel(s) {
		return c.ModelID
	}
	name, lister := "", outcrop.ModelLister(nil)
	if router == nil {
		lister, _ = backend.(outcrop.ModelLister)
	} else {
		var model string
		if model, name = defaultTarget(s, router); name == "" {
			return model
		}
		lister, _ = o.made[name].(outcrop.ModelLister)
	}
	if lister == nil {
		return s.Model
	}
	choice := firstModel(lister, s.Model)
	choice.Backend = name
	if c.OnModel != nil && (choice.Err != nil || choice.ID != s.Model) {
		c.OnModel(choice)
	}
	return choice.ID
}

// DefaultModel tells whether nobody named the model of requests that name
// none.
func DefaultModel(s *config.Config) bool { return s.Origin("model").Source == config.FromDefault }

// defaultTarget is the model of requests that name none, as far as settings
// tell; and, where they leave it to a server, the back-end whose first model it
// is instead.
func defaultTarget(s *config.Config, router *route.Router) (model, backend string) {
	targets, err := router.Targets(s.Model)
	if err != nil || !DefaultModel(s) || len(targets) != 1 {
		return s.Model, ""
	}
	b := s.Backends[targets[0].Backend]
	switch {
	case b.Kind != config.KindOpenAI:
		return s.Model, ""
	case targets[0].Name != s.Model: // it has another name there
		return cmp.Or(b.Model, s.Model), ""
	}
	return s.Model, targets[0].Backend
}

// ModelFrom is the back-end whose first model is taken for requests that name
// none; "" where the settings say which model that is. It calls nobody.
func ModelFrom(s *config.Config) string {
	if s.Cassette.Replay != "" {
		return ""
	}
	router, err := nobodys(s)
	if err != nil {
		return ""
	}
	_, backend := defaultTarget(s, router)
	return backend
}

// firstModel is the first model that is listed and makes text, or otherwise
// where that is listed, or there is no list.
func firstModel(lister outcrop.ModelLister, otherwise string) ModelChoice {
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	models, err := lister.Models(ctx)
	choice := ModelChoice{ID: otherwise, Of: len(models), Err: err}
	if err != nil || len(models) == 0 || slices.ContainsFunc(models, func(m outcrop.Model) bool { return m.ID == otherwise }) {
		return choice
	}
	choice.ID = models[0].ID
	// Servers list models for embeddings among the others, and say so in no
	// other place than their names.
	if i := slices.IndexFunc(models, func(m outcrop.Model) bool { return !strings.Contains(strings.ToLower(m.ID), "embed") }); i > 0 {
		choice.ID = models[i].ID
	}
	return choice
}
