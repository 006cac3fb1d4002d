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

// open finds out who answers: the server that --endpoint names, the one that
// owns the data directory, or this process. The caller closes the manager.
func (a *app) open(c *cobra.Command) (*local.Local, error) {
	dir, config, err := a.config(c)
	if err != nil {
		return nil, err
	}
	client, shared, err := a.server(dir, c.Flags().Changed("data"))
	if err != nil {
		return nil, err
	}
	if client == nil {
		m, err := local.Open(dir, config)
		return m, mistaken(err)
	}
	if err := a.checkAsking(c, client, shared); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	if !shared {
		dir = ""
	}
	if local.DefaultModel(a.settings) {
		config.ModelID = a.served
	}
	return local.Connect(client, dir, config)
}

// server is the server to ask, or nil when there is none. It shares the data
// directory when it was found there. named says that a flag names the
// directory.
func (a *app) server(dir string, named bool) (client *remote.Client, shared bool, err error) {
	endpoint := a.endpoint
	switch {
	case endpoint != "" && named:
		return nil, false, usageError{errors.New("--endpoint and --data exclude each other: the data is the server's")}
	case endpoint == "" && !named:
		endpoint = os.Getenv("OUTCROP_ENDPOINT")
	}
	if endpoint != "" {
		client, err = remote.New(remote.Config{URL: endpoint, Token: os.Getenv("OUTCROP_TOKEN")})
		return client, false, sayServer(err)
	}
	s, found, err := owner.Find(dir)
	if err != nil || !found {
		return nil, false, err
	}
	a.served, a.servedFile = s.Model, s.Config
	// Whoever names a token wants to be that tenant, here too.
	token := cmp.Or(os.Getenv("OUTCROP_TOKEN"), s.Token)
	client, err = remote.New(remote.Config{URL: s.URL, Token: token, Pin: s.Certificate, PlainToken: true})
	return client, true, sayServer(err)
}

// sayServer says what is wrong with a server's address or token in the words of
// the command line.
func sayServer(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "remote: ")
	text = strings.Replace(text, "Config.URL", "--endpoint", 1)
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
