package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/near"
)

// nearModels is what to try where a model is not known, or "". The error itself
// has Bedrock's words, and names what is near among the models that somebody has
// configured. The catalogue's are near where a back-end answers for them.
func (a *app) nearModels(err error) string {
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Field != "modelId" || !strings.HasPrefix(e.Message, outcrop.InvalidModel) || a.settings == nil {
		return ""
	}
	asked := a.settings.Model
	hint := fmt.Sprintf("no model is called %q", asked)
	if target, ok := a.settings.Aliases[asked]; ok {
		hint += fmt.Sprintf(", which is an alias of %q", target)
		asked = target
	}
	named := e.Message != outcrop.InvalidModel || a.settings.Backend == ""
	if names := near.Words(asked, a.modelNames(), 3); len(names) > 0 && !named {
		hint += "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return hint + " (outcrop models lists them)"
}

// modelNames are the ids and aliases that a model may be asked for by.
func (a *app) modelNames() []string {
	names := slices.Collect(maps.Keys(a.settings.Aliases))
	slices.Sort(names)
	for _, m := range catalog.Default().Models() {
		names = append(names, m.ID)
		for _, p := range m.Profiles {
			names = append(names, p.ID)
		}
	}
	return names
}
