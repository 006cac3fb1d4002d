package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// Server answers HTTP requests with a Manager. It is safe for concurrent use.
// It holds nothing that must be closed, except while Serve runs.
type Server struct {
	config   Config
	manager  *outcrop.Manager
	log      *slog.Logger
	guard    guard
	table    *table
	verifier *sigv4.Verifier // nil: everybody is let in
	bodies   *room
	via      string // its entry in the header Via

	draining atomic.Bool
	watched  atomic.Bool  // Serve sets the write deadlines of connections
	active   atomic.Int64 // requests under way
}

// New makes a Server. It refuses, by name, what is missing from the
// configuration; first of all keys, when the address is not a loopback one.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &Server{config: config, manager: config.Manager, log: config.Logger, guard: newGuard(&config), via: newVia()}
	s.bodies = newRoom(config.HeldBodies, config.MaxBody)
	if config.Keys != nil {
		s.verifier = &sigv4.Verifier{
			Keys: config.Keys, Tokens: tokens{config.Keys, config.Tokens},
			Now: config.Now, MaxSkew: config.MaxSkew,
			Services: []string{"bedrock"},
		}
	}
	var err error
	if s.table, err = newTable(s.doors()); err != nil {
		return nil, err
	}
	return s, nil
}

// tokens are several stores as one: the first that knows a token decides.
type tokens []sigv4.TokenStore

func (all tokens) Token(sha256 [sha256.Size]byte) (sigv4.Tenant, bool) {
	for _, store := range all {
		if store == nil {
			continue
		}
		if tenant, ok := store.Token(sha256); ok {
			return tenant, true
		}
	}
	return sigv4.Tenant{}, false
}

// Handler answers requests as Serve does. Whoever serves it sets the timeouts
// of the connections, and answers for the address: without keys, requests
// that did not come over a loopback address are refused.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := newExchange(s, w, r)
	s.active.Add(1)
	defer x.finish()
	if err := x.answer(); err != nil {
		x.fail(err)
	}
}

// answer takes a request from the guard to its handler.
func (x *exchange) answer() error {
	s := x.server
	if err := s.guard.check(x.r); err != nil {
		return err
	}
	if err := s.refuseLoop(x.r); err != nil {
		return err
	}
	x.claim()
	if mount := x.service(); mount != nil {
		x.route = mount
		return mount.handle(x)
	}
	route, err := s.table.find(x.r.Method, escapedPath(x.r.URL), &x.labels)
	if err != nil {
		if mount := cmp.Or(x.page(), x.stray(err)); mount != nil {
			x.route = mount
			return mount.handle(x)
		}
		return err
	}
	x.route = route
	if !route.open {
		if err := x.admit(); err != nil {
			return err
		}
		x.complete()
	}
	return route.handle(x)
}

// complete adds to what the door knows of the request what others do.
func (x *exchange) complete() {
	if complete := x.server.config.Origin; complete != nil {
		o := complete(x.origin())
		x.caller, x.class = o.Caller, o.Class
	}
}

// newUUID makes a random UUID, version 4 of RFC 9562. It is to be unique and
// no secret, so the generator need not be one for secrets; this one asks the
// system for its seed only.
func newUUID() string {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], rand.Uint64())  //nolint:gosec // no secret
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // no secret
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:], id[:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
