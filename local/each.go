package local

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/route"
)

// Opened is one back-end by itself, without what chooses and retries around it.
type Opened struct {
	Place
	Backend outcrop.Backend
	Err     error    // why it could not be opened
	Models  []string // that the settings name and it answers for, by its names
}

// OpenEach opens the back-ends that a call can reach, each by itself, so that
// they can be looked at. close closes them.
func OpenEach(s *config.Config) (list []Opened, close func() error) {
	o := &opener{settings: s}
	named := namedModels(s)
	for _, place := range Places(s) {
		b, err := o.backend(place.Name)
		list = append(list, Opened{Place: place, Backend: b.Backend, Err: err, Models: named[place.Name]})
	}
	return list, o.close
}

// nobodys is the router of the settings with nobody behind it.
func nobodys(s *config.Config) (*route.Router, error) {
	nobody := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) { return nil, nil })
	c := route.Config{Backends: map[string]route.Backend{}, Default: s.Backend, Aliases: s.Aliases}
	for _, name := range inUse(s) {
		c.Backends[name] = route.Backend{Backend: nobody, Model: s.Backends[name].Model}
	}
	if !s.Only {
		c.Routes = routesOf(s)
	}
	return route.New(c)
}

// namedModels are the models that the settings name, the default one first, by
// who answers for them.
func namedModels(s *config.Config) map[string][]string {
	named := map[string][]string{}
	router, err := nobodys(s)
	if err != nil {
		return named
	}
	var ids []string
	if _, listed := defaultTarget(s, router); listed == "" {
		ids = append(ids, s.Model)
	}
	ids = append(ids, slices.Sorted(maps.Values(s.Aliases))...)
	if !s.Only {
		for _, m := range s.Models {
			if !strings.Contains(m.Match, "*") {
				ids = append(ids, m.Match)
			}
		}
	}
	for _, id := range ids {
		targets, err := router.Targets(id)
		if err != nil {
			continue
		}
		for _, t := range targets {
			if !slices.Contains(named[t.Backend], t.Name) {
				named[t.Backend] = append(named[t.Backend], t.Name)
			}
		}
	}
	return named
}
