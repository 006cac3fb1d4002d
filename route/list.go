package route

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/catalog"
)

// Models lists what can be asked for: what back-ends list and answer under
// their own names, the catalogue's models that routes give to somebody under
// another name, ids that routes name, and aliases. It fails only when every
// back-end that lists has failed.
func (r *Router) Models(ctx context.Context) ([]outcrop.Model, error) {
	found := map[string]outcrop.Model{}
	listed, err := r.listed(ctx, found)
	if err != nil {
		return nil, err
	}
	for _, m := range r.config.Catalog.Models() {
		r.offer(found, listed, fromCatalog(m))
	}
	for _, route := range r.config.Routes {
		if !strings.Contains(route.Match, "*") {
			r.offer(found, listed, outcrop.Model{
				ID: route.Match, Name: route.Match, InputModalities: []string{"TEXT"}, OutputModalities: []string{"TEXT"},
				Streaming: true, Lifecycle: catalog.Active,
			})
		}
	}
	for alias := range r.config.Aliases {
		id, _ := r.unalias(alias)
		m, there := found[id]
		if match, ok := r.config.Catalog.Resolve(id); !there && ok {
			m, there = found[match.Model.ID]
		}
		if there { // its inference profiles have no other names
			m.ID, m.AliasOf, m.Profiles = alias, id, nil
			found[alias] = m
		}
	}
	models := slices.Collect(maps.Values(found))
	slices.SortFunc(models, func(a, b outcrop.Model) int { return strings.Compare(a.ID, b.ID) })
	return models, nil
}

// listed asks the back-ends, and keeps what they answer under their own names.
// It returns which of them could tell.
func (r *Router) listed(ctx context.Context, found map[string]outcrop.Model) (map[string]bool, error) {
	told := map[string]bool{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.config.Backends)) {
		lister, ok := r.config.Backends[name].Backend.(outcrop.ModelLister)
		if !ok {
			continue
		}
		models, err := lister.Models(ctx)
		if err != nil {
			if r.config.OnUnlisted != nil {
				r.config.OnUnlisted(name, err)
			}
			errs = append(errs, err)
			continue
		}
		told[name] = true
		for _, m := range models {
			lanes, err := r.lanes(m.ID)
			if err != nil || lanes[0].name != name || lanes[0].model != m.ID {
				continue
			}
			m.Backend = name
			found[m.ID] = m
		}
	}
	if len(told) == 0 && len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return told, nil
}

// offer adds a model that a route gives to somebody, unless a back-end that
// tells its models does not have it.
func (r *Router) offer(found map[string]outcrop.Model, listed map[string]bool, m outcrop.Model) {
	if _, there := found[m.ID]; there {
		return
	}
	route, _ := r.route(m.ID)
	if route == nil {
		return
	}
	lanes, err := r.lanes(m.ID)
	if err != nil || listed[lanes[0].name] && lanes[0].model == m.ID {
		return
	}
	m.Backend = lanes[0].name
	found[m.ID] = m
}

func fromCatalog(m *catalog.Model) outcrop.Model {
	out := outcrop.Model{
		ID: m.ID, Name: m.Name, Provider: m.Provider, InputModalities: m.Input, OutputModalities: m.Output,
		Streaming: m.Streaming, ContextWindow: m.Context, MaxOutput: m.MaxOutput, Lifecycle: m.Lifecycle,
	}
	for _, p := range m.Profiles {
		out.Profiles = append(out.Profiles, outcrop.Profile{ID: p.ID, Name: p.Name, Regions: p.Regions})
	}
	return out
}
