package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func newServe(a *app) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the Bedrock APIs to unmodified AWS SDKs",
		Long: `serve answers bedrock-runtime and bedrock on one port, over HTTP/1.1 and h2c, or
with a certificate over TLS. Point a client there with AWS_ENDPOINT_URL. On a
loopback address without --keys any credentials are accepted; on any other
address keys are required.

It prints its address on standard output when it is ready, one line for each
request on standard error (never prompts), and stops on SIGTERM or Ctrl-C: it
takes no more requests, waits for those under way, and ends streams that are
still open with an error in band.

While it serves, it owns the data directory: a second server on it is refused,
and the other commands with this --data ask the server instead of working in
their own process, with keys or without.

GET /outcrop/requests lists the simulator's last calls, for tests; DELETE
forgets them.`,
		Example: `  outcrop serve
  outcrop serve --listen 127.0.0.1:0 --keys keys.yaml
  outcrop serve --rules rules.yaml
  outcrop serve --listen :8443 --keys keys.yaml --tls-cert cert.pem --tls-key key.pem`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a.simulator.LogPrompts = f.logPrompts
			return a.own(c, func(ctx context.Context, m *local.Local, lock *owner.Lock) error { return a.serve(ctx, m, lock, &f) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", server.DefaultAddr, "address to listen on; port 0 takes a free one")
	flags.StringVar(&f.keys, "keys", "", "file of tenants with their access keys and bearer tokens")
	flags.StringVar(&f.cert, "tls-cert", "", "certificate (PEM) for TLS, with --tls-key")
	flags.StringVar(&f.key, "tls-key", "", "private key (PEM) of the certificate")
	flags.StringSliceVar(&f.config.AllowedHosts, "allowed-host", nil, "further name under which a loopback server may be reached; may be repeated")
	flags.DurationVar(&f.config.MaxSkew, "max-skew", sigv4.DefaultMaxSkew, "how far a client's clock may be off")
	flags.Int64Var(&f.config.MaxBody, "max-body", server.DefaultMaxBody, "largest request body, in bytes")
	flags.DurationVar(&f.config.IdleTimeout, "idle-timeout", server.DefaultIdleTimeout, "close a connection that is idle this long")
	flags.DurationVar(&f.config.WriteStall, "write-stall", server.DefaultWriteStall, "give up a client that reads nothing for this long")
	flags.DurationVar(&f.config.DrainTimeout, "drain-timeout", server.DefaultDrainTimeout, "how long requests may go on after the signal to stop")
	flags.BoolVar(&f.logPrompts, "log-prompts", false, "keep prompt texts in GET /outcrop/requests")
	return c
}

// serveFlags is the command line of serve.
type serveFlags struct {
	listen, keys, cert, key string
	logPrompts              bool
	config                  server.Config
}

func (a *app) serve(ctx context.Context, m *local.Local, lock *owner.Lock, f *serveFlags) error {
	config := f.config
	config.Manager = m.Manager
	config.Logger = slog.New(slog.NewTextHandler(a.stderr, nil))
	config.Mounts = append(config.Mounts, requestLog(m))
	if err := a.secure(&config, f); err != nil {
		return usageError{err}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return usageError{err}
	}
	config.Addr = listener.Addr().String()
	published, err := admitOwner(&config, listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s, err := server.New(config)
	if err != nil {
		listener.Close()
		return usageError{err}
	}
	if err := lock.Publish(published); err != nil {
		return errors.Join(err, listener.Close())
	}
	url := "http://" + config.Addr
	if config.TLS != nil {
		url = "https://" + config.Addr
	}
	a.say("%s", m.Notice())
	a.say("serving bedrock-runtime and bedrock; clients: export AWS_ENDPOINT_URL=%s", url)
	fmt.Fprintln(a.stdout, url)
	return s.Serve(ctx, listener)
}

// secure loads the tenants' keys and the certificate.
func (a *app) secure(config *server.Config, f *serveFlags) error {
	if f.keys != "" {
		ring, warning, err := sigv4.LoadKeys(f.keys)
		if err != nil {
			return err
		}
		if warning != "" {
			a.say("warning: %s", warning)
		}
		config.Keys = ring
	}
	switch {
	case f.cert == "" && f.key == "":
		return nil
	case f.cert == "" || f.key == "":
		return errors.New("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("--tls-cert %s: %w", f.cert, err)
	}
	config.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return nil
}
