package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/near"
	"github.com/outcrop-ai/outcrop/internal/pattern"
	"github.com/outcrop-ai/outcrop/native"
)

// Config says who answers for what. Backends is required.
type Config struct {
	// Backends are who can be asked, by name.
	Backends map[string]Backend

	// Routes are held against a model's id in their order; the first that
	// matches counts.
	Routes []Route

	// Default names the back-end of models that no route matches. Without it,
	// they are refused.
	Default string

	// Aliases are other names for model ids. They may lead to aliases.
	Aliases map[string]string

	// Catalog knows inference profiles; nil means catalog.Default().
	Catalog *catalog.Catalog

	// Placer puts the lanes of routes that have several in the order in which
	// they are asked; nil leaves them in their own.
	Placer Placer

	// Breaker says when a lane of several is left alone.
	Breaker Breaker

	// OnUnlisted is told of back-ends that could not list their models, which
	// are then missing in Models; nil tells nobody.
	OnUnlisted func(backend string, err error)

	// Now is the clock of the circuits; nil means time.Now.
	Now func() time.Time
}

// Backend is somebody to ask.
type Backend struct {
	outcrop.Backend

	// Native says that it takes a model's own bodies under any name, as Amazon
	// Bedrock does. For others, a native call whose model has another name
	// there becomes a Converse call, by the format of the model that was asked
	// for.
	Native bool

	// Model is the back-end's name for models that a route gives none.
	Model string
}

// Route says who is asked for the models of a pattern: the Lanes in the order of
// the Placer, then the Targets in their own. One of the two may be empty.
type Route struct {
	Match   string // * is any text
	Lanes   []Lane
	Targets []Target
}

// Target is a back-end and a model's name there; in the name, * is what the
// first * of the pattern stood for, and an empty name is the id as asked for.
type Target struct{ Backend, Name string }

// Router is a Backend that passes calls on to others. It is safe for
// concurrent use, starts no goroutine, and closes nothing.
type Router struct {
	config   Config
	circuits map[Target]*circuit
	fallback lane // of the default back-end, without a model
}

var (
	_ outcrop.Backend       = (*Router)(nil)
	_ outcrop.TokenCounter  = (*Router)(nil)
	_ outcrop.ModelLister   = (*Router)(nil)
	_ outcrop.SchemaSupport = (*Router)(nil)
	_ outcrop.Embedder      = (*Router)(nil)

	_ outcrop.OperationServer = (*Router)(nil)
)

// New makes a Router, or an error that names what does not fit together.
func New(c Config) (*Router, error) {
	if c.Catalog == nil {
		c.Catalog = catalog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Router{config: c, circuits: map[Target]*circuit{}}
	rule := c.Breaker.withDefaults()
	add := func(t Target) error {
		if b, ok := c.Backends[t.Backend]; !ok || b.Backend == nil {
			return fmt.Errorf("route: there is no back-end %q", t.Backend)
		}
		if r.circuits[t] == nil {
			r.circuits[t] = &circuit{rule: rule}
		}
		return nil
	}
	if c.Default != "" {
		t := Target{Backend: c.Default}
		if err := add(t); err != nil {
			return nil, err
		}
		r.fallback = lane{name: c.Default, backend: c.Backends[c.Default], circuit: r.circuits[t]}
	}
	for _, route := range c.Routes {
		if route.Match == "" || len(route.Targets)+len(route.Lanes) == 0 {
			return nil, errors.New("route: a route without a pattern or without a target")
		}
		for _, l := range route.Lanes {
			if err := add(l.target()); err != nil {
				return nil, err
			}
		}
		for _, t := range route.Targets {
			if err := add(t); err != nil {
				return nil, err
			}
		}
	}
	for alias := range c.Aliases {
		if _, ok := r.unalias(alias); !ok {
			return nil, fmt.Errorf("route: the alias %q leads in a circle", alias)
		}
	}
	return r, nil
}

func (r *Router) now() time.Time { return r.config.Now() }

// unalias is the id that an id is another name for, or the id.
func (r *Router) unalias(id string) (string, bool) {
	for range len(r.config.Aliases) + 1 {
		target, ok := r.config.Aliases[id]
		if !ok {
			return id, true
		}
		id = target
	}
	return id, false
}

// lanes are who to ask for an id that is no alias.
func (r *Router) lanes(id string) ([]lane, error) {
	found, star := r.route(id)
	switch {
	case found == nil && r.config.Default != "":
		l := r.fallback
		l.model = named(l.backend.Model, "", id)
		return []lane{l}, nil
	case found == nil:
		return nil, r.unknown(id)
	}
	list := make([]lane, 0, len(found.Lanes)+len(found.Targets))
	add := func(t Target, price float64, placed bool) {
		b := r.config.Backends[t.Backend]
		model := named(cmp.Or(t.Name, b.Model), star, id)
		list = append(list, lane{name: t.Backend, backend: b, model: model, circuit: r.circuits[t], price: price, placed: placed})
	}
	for _, l := range found.Lanes {
		add(l.target(), l.Price, len(found.Lanes) > 1)
	}
	for _, t := range found.Targets {
		add(t, 0, false)
	}
	return list, nil
}

// Targets are who is asked for a model, in their order, with its name there.
func (r *Router) Targets(modelID string) ([]Target, error) {
	id, _ := r.unalias(modelID)
	lanes, err := r.lanes(id)
	if err != nil {
		return nil, err
	}
	list := make([]Target, len(lanes))
	for i, l := range lanes {
		list[i] = Target{Backend: l.name, Name: l.model}
	}
	return list, nil
}

// route is the first route that matches, or nil.
func (r *Router) route(id string) (found *Route, star string) {
	if id == "" || len(r.config.Routes) == 0 {
		return nil, ""
	}
	ways := forms(r.config.Catalog, id)
	for i := range r.config.Routes {
		route := &r.config.Routes[i]
		for _, form := range ways {
			if star, ok := pattern.Match(route.Match, form); ok {
				return route, star
			}
		}
	}
	return nil, ""
}

// CheckModel refuses a model that no lane leads to, or that the first lane's
// back-end refuses.
func (r *Router) CheckModel(modelID string) error {
	id, _ := r.unalias(modelID)
	lanes, err := r.lanes(id)
	if err != nil {
		return err
	}
	if checker, ok := lanes[0].backend.Backend.(outcrop.ModelChecker); ok {
		return checker.CheckModel(lanes[0].model)
	}
	return nil
}

// Do passes a call on.
func (r *Router) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if call.ModelID == "" && r.Serves(call.Operation) {
		return r.serving(call.Operation).Do(ctx, call)
	}
	call, lanes, err := r.place(call)
	if err != nil {
		return nil, err
	}
	ctx, lanes = r.placed(ctx, call, lanes)
	return r.failover(ctx, lanes, func(ctx context.Context, l lane) (*outcrop.Reply, error) {
		switch {
		case l.model == call.ModelID:
			return l.backend.Do(ctx, call)
		case call.Native() && !l.backend.Native:
			return outcrop.AnswerNative(ctx, call, renamed{l})
		}
		return l.backend.Do(ctx, call.WithModel(l.model))
	})
}

// Serves tells whether any back-end answers an operation without a model.
func (r *Router) Serves(operation string) bool { return r.serving(operation) != nil }

// serving is who answers an operation without a model: the default back-end,
// if it does, else the first by name. nil means nobody.
func (r *Router) serving(operation string) outcrop.Backend {
	serves := func(name string) bool {
		server, ok := r.config.Backends[name].Backend.(outcrop.OperationServer)
		return ok && server.Serves(operation)
	}
	if serves(r.config.Default) {
		return r.config.Backends[r.config.Default]
	}
	for _, name := range slices.Sorted(maps.Keys(r.config.Backends)) {
		if serves(name) {
			return r.config.Backends[name]
		}
	}
	return nil
}

// place is a call under its model's own id, and who to ask.
func (r *Router) place(call *outcrop.Call) (*outcrop.Call, []lane, error) {
	if id, _ := r.unalias(call.ModelID); id != call.ModelID {
		call = call.WithModel(id)
	}
	lanes, err := r.lanes(call.ModelID)
	return call, lanes, err
}

// renamed is a lane's back-end, asked under the lane's name of the model.
type renamed struct{ lane }

func (b renamed) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	return b.backend.Do(ctx, call.WithModel(b.model))
}

func (b renamed) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	embedder, ok := b.backend.Backend.(outcrop.Embedder)
	if !ok {
		return nil, outcrop.Meta{}, outcrop.Errorf(bedrock.CodeValidation, "the back-end of model %s makes no embeddings", call.ModelID)
	}
	return embedder.Embed(ctx, call.WithModel(b.model), req)
}

// Embed makes embeddings where the model's first lane does, or of several the
// one that is first for this call.
func (r *Router) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	call, lanes, err := r.place(call)
	if err != nil {
		return nil, outcrop.Meta{}, err
	}
	ctx, lanes = r.placed(ctx, call, lanes)
	embeddings, meta, err := renamed{lanes[0]}.Embed(ctx, call, req)
	meta.Backend = lanes[0].name
	return embeddings, meta, err
}

// CountTokens counts as the model's first lane does that can.
func (r *Router) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	call, lanes, err := r.place(call)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	for _, l := range lanes {
		counter, ok := l.backend.Backend.(outcrop.TokenCounter)
		if !ok {
			continue
		}
		other := call
		if l.model != call.ModelID {
			if other, err = l.renameCount(call); err != nil {
				return outcrop.TokenCount{}, err
			}
		}
		return counter.CountTokens(ctx, other)
	}
	return outcrop.TokenCount{}, outcrop.Errorf(bedrock.CodeValidation, "the back-end of model %s cannot count tokens", call.ModelID)
}

// renameCount is a call to count under the lane's name of the model; a native
// body is read in the format of the model that was asked for.
func (l lane) renameCount(call *outcrop.Call) (*outcrop.Call, error) {
	if !call.Native() || l.backend.Native {
		return call.WithModel(l.model), nil
	}
	family, err := native.For(call.ModelID, call.Raw)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	req, err := family.Request(call.Raw)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	req.ModelID = l.model
	return call.WithConverse(bedrock.OpConverse, req).WithModel(l.model), nil
}

// SchemaProfile is what the model's first lane says of itself.
func (r *Router) SchemaProfile(modelID string) string {
	id, _ := r.unalias(modelID)
	lanes, err := r.lanes(id)
	if err != nil {
		return ""
	}
	support, ok := lanes[0].backend.Backend.(outcrop.SchemaSupport)
	if !ok {
		return ""
	}
	return support.SchemaProfile(lanes[0].model)
}

// unknown refuses a model as Bedrock does, and names those that are near.
func (r *Router) unknown(id string) error {
	code, text := bedrock.CodeValidation, outcrop.InvalidModel
	if strings.HasPrefix(id, "arn:") {
		code, text = bedrock.CodeResourceNotFound, "Could not resolve the foundation model from the provided model identifier."
	}
	known := slices.Collect(maps.Keys(r.config.Aliases))
	for _, route := range r.config.Routes {
		if !strings.Contains(route.Match, "*") {
			known = append(known, route.Match)
		}
	}
	for _, m := range r.config.Catalog.Models() {
		if found, _ := r.route(m.ID); found != nil {
			known = append(known, m.ID)
		}
	}
	slices.Sort(known)
	if words := near.Words(catalog.FromARN(id), slices.Compact(known), 3); len(words) > 0 {
		text += " Near it are " + strings.Join(words, ", ") + "."
	}
	e := outcrop.Errorf(code, "%s", text)
	e.Field = "modelId"
	return e
}
