package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func newServe(a *app) *cobra.Command {
	var listen, keys string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the Bedrock APIs to unmodified AWS SDKs",
		Long: `serve answers bedrock-runtime and bedrock on one port, over HTTP/1.1 and h2c.
Point a client there with AWS_ENDPOINT_URL=http://127.0.0.1:8777. On a loopback
address without --keys any credentials are accepted; on any other address keys
are required.`,
		Example: `  outcrop serve
  outcrop serve --listen 127.0.0.1:0 --keys keys.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.serve(ctx, m, listen, keys) })
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8777", "address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&keys, "keys", "", "file of tenants with their access keys and bearer tokens")
	return c
}

func (a *app) serve(ctx context.Context, m *local.Local, listen, keys string) error {
	config := server.Config{Manager: m.Manager, Logger: slog.New(slog.NewTextHandler(a.stderr, nil))}
	if keys != "" {
		ring, warning, err := sigv4.LoadKeys(keys)
		if err != nil {
			return usageError{err}
		}
		config.Keys = ring
		if warning != "" {
			a.say("warning: %s", warning)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return usageError{err}
	}
	config.Addr = listener.Addr().String()
	s, err := server.New(config)
	if err != nil {
		listener.Close()
		return usageError{err}
	}
	url := "http://" + listener.Addr().String()
	a.say("%s", m.Notice())
	a.say("serving bedrock-runtime and bedrock; clients: export AWS_ENDPOINT_URL=%s", url)
	fmt.Fprintln(a.stdout, url)
	return s.Serve(ctx, listener)
}
