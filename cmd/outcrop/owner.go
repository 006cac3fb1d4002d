package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	settings "github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/metrics"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/remote"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
	"github.com/outcrop-ai/outcrop/usage"
)

// open makes a manager of whoever answers. The caller closes it.
func (a *app) open(c *cobra.Command) (*local.Local, error) {
	dir, config, client, err := a.answerer(c)
	if err != nil {
		return nil, err
	}
	if client == nil {
		m, err := local.Open(dir, config)
		return m, mistaken(err)
	}
	if !a.asked.shared() {
		dir = ""
	}
	if local.DefaultModel(a.settings) {
		config.ModelID = a.asked.owner.Model
	}
	return local.Connect(client, dir, config)
}

// answerer finds out who answers: the server that --endpoint names, the one that
// owns the data directory, or this process, which is no client. What the command
// line says about who answers is refused where a server does.
func (a *app) answerer(c *cobra.Command) (dir string, config local.Config, client *remote.Client, err error) {
	if dir, config, err = a.config(c); err != nil {
		return dir, config, nil, err
	}
	if client, err = a.server(dir, c.Flags().Changed("data")); client == nil || err != nil {
		return dir, config, nil, err
	}
	if err := a.checkAsking(c, client); err != nil {
		return dir, config, nil, errors.Join(err, client.Close())
	}
	return dir, config, client, nil
}

// askedServer is the server that a command asks.
type askedServer struct {
	dir   string       // the data directory that it was found in, or ""
	owner owner.Server // what it says there about itself
	named string       // else what names it: --endpoint, or the variable
	token bool         // that a tenant has given
}

// shared tells whether the server was found in the data directory.
func (s *askedServer) shared() bool { return s.dir != "" }

// without is how a command is given that asks no server, in its own directory.
func (s *askedServer) without() string {
	switch {
	case s.shared():
		return "name a data directory of its own for this process, as with --data ./scratch"
	case s.named == endpointVariable:
		return "unset " + endpointVariable
	}
	return "leave out --endpoint"
}

// endpointVariable names the server to ask, where no flag does.
const endpointVariable = "OUTCROP_ENDPOINT"

// server is the server to ask, or nil when there is none; a.asked tells which.
// named says that a flag names the directory.
func (a *app) server(dir string, named bool) (*remote.Client, error) {
	endpoint, by, token := a.endpoint, "--endpoint", os.Getenv("OUTCROP_TOKEN")
	if endpoint != "" && named {
		return nil, usageError{errors.New("--endpoint and --data exclude each other: the data is the server's")}
	}
	if endpoint == "" && !named {
		endpoint, by = os.Getenv(endpointVariable), endpointVariable
	}
	a.asked = askedServer{token: token != ""}
	if endpoint != "" {
		a.asked.named = by
		client, err := remote.New(remote.Config{URL: endpoint, Token: token})
		return client, sayServer(by, err)
	}
	s, found, err := owner.Find(dir)
	if err != nil || !found {
		return nil, err
	}
	a.asked.dir, a.asked.owner = dir, s
	// Whoever names a token wants to be that tenant, here too.
	client, err := remote.New(remote.Config{URL: s.URL, Token: cmp.Or(token, s.Token), Pin: s.Certificate, PlainToken: true})
	return client, sayServer("its address", err)
}

// sayServer says what is wrong with a server's address or token in the words of
// the command line. by is what gave the address.
func sayServer(by string, err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "remote: ")
	text = strings.Replace(text, "Config.URL", by, 1)
	text = strings.Replace(text, "Config.Token", "$OUTCROP_TOKEN", 1)
	return usageError{errors.New(text)}
}

// own runs f with a manager in this process, which owns the data directory for
// as long as f runs.
func (a *app) own(c *cobra.Command, f func(ctx context.Context, m *local.Local, lock *owner.Lock) error) error {
	if a.endpoint != "" {
		return usageError{errors.New("--endpoint is for commands that ask a server, and serve is one")}
	}
	dir, config, err := a.config(c)
	if err != nil {
		return err
	}
	lock, err := owner.Acquire(dir)
	if err != nil {
		return err
	}
	a.reload = func() (*settings.Config, error) { return a.load(c) }
	a.counters = metrics.New(metrics.Config{MaxSeries: a.settings.Usage.MaxSeries, Version: version})
	config.Owner, config.Observers = true, []usage.Observer{a.counters}
	config.Lock, config.Logger = lock, slog.New(slog.NewTextHandler(a.stderr, nil))
	m, err := local.Open(dir, config)
	if err != nil {
		return errors.Join(mistaken(err), lock.Release())
	}
	err = a.use(c, m, func(ctx context.Context, m *local.Local) error { return f(ctx, m, lock) })
	return errors.Join(err, lock.Release())
}

// admitOwner has a server accept a token of this user's commands, and returns
// what there is to publish about it. The server must not listen yet.
func admitOwner(config *server.Config, addr net.Addr) (owner.Server, error) {
	s := owner.Server{URL: owner.URL("http", addr), Token: owner.NewToken(), Version: version}
	if config.TLS != nil {
		s.URL = owner.URL("https", addr)
		sum := sha256.Sum256(config.TLS.Certificates[0].Certificate[0])
		s.Certificate = hex.EncodeToString(sum[:])
	}
	ring := new(sigv4.Keyring)
	tenant, err := ring.AddTenant(sigv4.Tenant{Name: settings.OwnerTenant})
	if err != nil {
		return s, err
	}
	config.Tokens = ring
	return s, ring.AddToken(tenant, s.Token)
}
