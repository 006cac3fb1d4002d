package openai

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// recognition finds out which server it is, where the configuration does not
// say: once, when a call first needs to know it.
type recognition struct {
	found atomic.Pointer[string] // the engine's name; nil until it is known
	mu    sync.Mutex
	again time.Time // when a server that did not answer is asked again
}

// How long recognising may take, and what share of the time is spent on asking
// a server that does not say: a second is followed by a minute without.
const (
	recogniseTimeout = time.Second
	recogniseRest    = 60
)

// owners is who servers say their models are owned by.
var owners = map[string]string{
	"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang", "library": "ollama", "organization_owner": "lmstudio",
}

// Engine is which server it is, by the names of Config.Engine: the one that was
// configured, or that was recognised by what the server says of itself.
// "other" is a server that says nothing, or that does not answer yet.
func (b *Backend) Engine(ctx context.Context) string {
	if known := b.recognised.found.Load(); known != nil {
		return *known
	}
	r := &b.recognised
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.found.Load(); known != nil {
		return *known
	}
	began := b.config.Now()
	if began.Before(r.again) {
		return other
	}
	ctx, cancel := context.WithTimeout(ctx, recogniseTimeout)
	defer cancel()
	list, err := b.list(ctx)
	if err == nil {
		b.learn(ctx, list)
	} else if lacks(err) {
		r.found.Store(new(other))
	}
	if known := r.found.Load(); known != nil {
		return *known
	}
	now := b.config.Now()
	r.again = now.Add(now.Sub(began) * recogniseRest)
	return other
}

// lacks tells whether an error says that the server has no such thing. One that
// does not let us ask, with this key or over this connection, may do so later,
// and so may one that cannot answer now.
func lacks(err error) bool {
	switch outcrop.AsError(err).Code {
	case bedrock.CodeResourceNotFound, bedrock.CodeValidation, bedrock.CodeModelError:
		return true
	}
	return false
}

// learn recognises a server by its list of models.
func (b *Backend) learn(ctx context.Context, list *modelList) {
	name := list.engine()
	if name == "" {
		var version struct {
			Version string `json:"version"`
		}
		switch err := b.fetch(ctx, http.MethodGet, "//api/version", nil, &version); {
		case err == nil && version.Version != "":
			name = "ollama"
		case err == nil, lacks(err), outcrop.AsError(err).Code == bedrock.CodeAccessDenied: // a gateway lets through what it knows
			name = other
		default:
			return // it may be about to say
		}
	}
	b.recognised.found.CompareAndSwap(nil, &name)
}

// engine is the server that a list of models comes from, or "".
func (l *modelList) engine() string {
	if len(l.Data) == 0 {
		return ""
	}
	owner := l.Data[0].OwnedBy
	if slices.ContainsFunc(l.Data, func(m listedModel) bool { return m.OwnedBy != owner }) {
		return "" // a gateway's, to several
	}
	return owners[owner]
}

// dialect is how the server differs from others.
func (b *Backend) dialect(ctx context.Context) *dialect { return dialects[b.Engine(ctx)] }

// configured is the engine that needs no recognising, or "".
func (c *Config) configured() string {
	if c.Engine != "" {
		return c.Engine
	}
	if u, err := url.Parse(c.BaseURL); err == nil && u.Hostname() == "api.openai.com" {
		return "openai"
	}
	return ""
}
