package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	settings "github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/keys"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
)

func newServe(a *app) *cobra.Command {
	var logPrompts bool
	var grants string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the Bedrock APIs to unmodified AWS SDKs",
		Long: `serve answers bedrock-runtime, bedrock and s3 on one port, over HTTP/1.1 and h2c,
or with a certificate over TLS. Point a client there with AWS_ENDPOINT_URL; it
wants a Region and credentials besides (docs/clients.md). On a loopback address
without tenants any will do; on any other address keys of tenants are required:
of those in the configuration (see outcrop keys), or of a file that --keys names.

What S3 clients put there lies in the directory objects of the data directory,
where jobs read and write; a bucket belongs to the account that made it. With
--objects s3 the objects are on Amazon S3 or another service, which clients
reach by themselves, and s3 is not served.

It prints its address on standard output when it is ready, one line for each
request on standard error (never prompts), and stops on SIGTERM or Ctrl-C: it
takes no more requests, waits for those under way, and ends streams that are
still open with an error in band.

While it serves, it owns the data directory: a second server on it is refused,
and the other commands with this --data ask the server instead of working in
their own process, with keys or without.

Lines of the log that come close together are written together, 100 ms late at
most; when nobody reads them, requests go on, and lines are lost that find no
room in 1 MB. Unless $GOGC says otherwise, the garbage collector is set to
GOGC=400, and to less as more memory is in use, down to 100.

A browser that opens the address finds a console: a page to try models with, and
to look at jobs, conversations, quotas and usage. --set server.console=false turns
it off.

GET /usage tells who used what, GET /metrics the same to Prometheus.
GET /outcrop/requests lists the simulator's last calls, for tests; DELETE
forgets them. GET /quota tells how the quota books stand; outcrop quota shows it.
With tenants, a tenant sees its own usage and operators see all of this.

With --quotas FILE the simulator throttles as Amazon Bedrock does, to test a
client with: FILE says what the simulated service grants (see
docs/quota-guide.md), and GET /outcrop/grants counts what became of the calls.
That is the other side of the section quotas of the configuration, which keeps
the calls of this program within what a service grants. ListServiceQuotas and
GetServiceQuota of AWS's Service Quotas answer on the same port.`,
		Example: `  outcrop serve
  outcrop serve --listen 127.0.0.1:0 --keys keys.yaml
  outcrop serve --rules rules.yaml
  outcrop serve --quotas grants.yaml           a service that throttles
  outcrop serve --listen :8443 --keys keys.yaml --tls-cert cert.pem --tls-key key.pem`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a.simulator.LogPrompts = logPrompts
			if grants != "" {
				var err error
				if a.grants, err = strict.Load(grants); err != nil {
					return usageError{err}
				}
			}
			return a.own(c, a.serve)
		},
	}
	addServeFlags(c)
	c.Flags().StringVar(&grants, "quotas", "", "file of what the simulator grants: it throttles beyond that, as Bedrock does")
	c.Flags().BoolVar(&logPrompts, "log-prompts", false, "keep prompt texts in GET /outcrop/requests")
	return c
}

// addServeFlags declares the flags of commands that serve.
func addServeFlags(c *cobra.Command) {
	flags := c.Flags()
	flags.String("listen", server.DefaultAddr, "address to listen on; port 0 takes a free one")
	flags.String("keys", "", "file of tenants with their access keys and bearer tokens")
	flags.String("tls-cert", "", "certificate (PEM) for TLS, with --tls-key")
	flags.String("tls-key", "", "private key (PEM) of the certificate")
	flags.StringSlice("allowed-host", nil, "further name under which a loopback server may be reached; may be repeated")
	flags.Duration("max-skew", sigv4.DefaultMaxSkew, "how far a client's clock may be off")
	flags.String("max-body", "25MB", "largest request body, in bytes or with a unit")
	flags.Duration("idle-timeout", server.DefaultIdleTimeout, "close a connection that is idle this long")
	flags.Duration("write-stall", server.DefaultWriteStall, "give up a client that reads nothing for this long")
	flags.Duration("drain-timeout", server.DefaultDrainTimeout, "how long requests may go on after the signal to stop")
}

func (a *app) serve(ctx context.Context, m *local.Local, lock *owner.Lock) error {
	tuneCollector()
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may go: the server stays
	set := &a.settings.Server
	log := &lineBuffer{w: a.stderr}
	defer log.Close() //nolint:errcheck // a log that cannot be written has nobody to tell
	config := server.Config{
		Manager: m.Manager, Logger: slog.New(slog.NewTextHandler(log, nil)), RequestLog: log, Origin: m.Desk().Origin, Ready: m.Ready,
		Region: a.settings.ARNRegion(), Account: set.Account, AllowedHosts: set.AllowedHosts, MaxSkew: set.MaxSkew, Limits: serverLimits(&set.Limits),
	}
	ring, err := a.secure(&config, set, lock.Dir())
	if err != nil {
		return usageError{err}
	}
	keeper := newDoorkeeper(a, ring, m)
	config.Mounts = []server.Mount{requestLog(m), quotaStatus(m), grantCounts(m), usageDoor(m), metricsDoor(m, a.counters), reloadDoor(m, keeper), cleanDoor(m), eventsDoor(m)}
	if err := a.addConsole(&config); err != nil {
		return err
	}
	services, err := a.addS3(m, &config)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, set.Listen, &config)
	if err != nil {
		return err
	}
	s, err := a.publish(m, lock, listener.Addr(), &config)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	url := "http://" + config.Addr
	if config.TLS != nil {
		url = "https://" + config.Addr
	}
	a.say("%s", m.Notice())
	a.say("serving %s; clients: export AWS_ENDPOINT_URL=%s", services, url)
	fmt.Fprintln(a.stdout, url)
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { keeper.watch(watched) })
	return s.Serve(ctx, listener)
}

// listen begins to listen. Beyond this machine it does so only for tenants.
func listen(ctx context.Context, address string, config *server.Config) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usageError{taken(err)}
	}
	config.Addr = listener.Addr().String()
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && config.Keys == nil && !tcp.IP.IsLoopback() {
		err := fmt.Errorf("%s is not a loopback address, and there are no tenants: anyone who reaches the port could use it; name tenants in outcrop.yaml and make their keys with outcrop keys create, or give a keys file with --keys", config.Addr)
		return nil, usageError{errors.Join(err, listener.Close())}
	}
	return listener, nil
}

// publish makes the server, and says in the data directory where it will be found.
func (a *app) publish(m *local.Local, lock *owner.Lock, addr net.Addr, config *server.Config) (*server.Server, error) {
	published, err := admitOwner(config, addr)
	if err != nil {
		return nil, err
	}
	config.Mounts = append(config.Mounts, serviceQuotas(m, config))
	s, err := server.New(*config)
	if err != nil {
		return nil, usageError{err}
	}
	published.Model = m.ModelID()
	if a.settings.Path != "" {
		if published.Config, err = filepath.Abs(a.settings.Path); err != nil {
			return nil, err
		}
	}
	return s, lock.Publish(published)
}

func serverLimits(l *settings.ServerLimits) server.Limits {
	return server.Limits{
		MaxBody: int64(l.MaxBody), HeldBodies: int64(l.HeldBodies), MaxHeader: int(l.MaxHeader), ReadHeaderTimeout: l.ReadHeaderTimeout, ReadTimeout: l.ReadTimeout,
		IdleTimeout: l.IdleTimeout, WriteStall: l.WriteStall, LameDuck: l.LameDuck, DrainTimeout: l.DrainTimeout, CloseTimeout: l.CloseTimeout,
		MaxStreams: l.MaxStreams,
	}
}

// secure loads the tenants' keys and the certificate. ring is the key store of
// the configured tenants, or nil when there are none.
func (a *app) secure(config *server.Config, set *settings.Server, dir string) (ring *keys.Ring, err error) {
	if set.Keys != "" {
		file, warning, err := sigv4.LoadKeys(set.Keys)
		if err != nil {
			return nil, fmt.Errorf("the keys file: %w", err)
		}
		if warning != "" {
			a.say("warning: %s", warning)
		}
		for _, t := range file.Tenants() {
			if t.Name == settings.OwnerTenant {
				return nil, fmt.Errorf("%s: %s is the name of the server's own user; give the tenant another", set.Keys, t.Name)
			}
		}
		if names, account := sharers(file.Tenants()); names != nil {
			a.say("warning: %s: the tenants %s have the account %s together, and see each other's jobs and objects; give each an account of its own", set.Keys, strings.Join(names, ", "), account)
		}
		config.Keys = file
	}
	if len(a.settings.Tenants) > 0 {
		if ring, err = a.openKeys(dir); err != nil {
			return nil, err
		}
		if config.Keys == nil {
			config.Keys = ring
		} else {
			config.Keys = bothKeys{config.Keys, ring}
		}
	}
	if set.TLSCert == "" {
		return ring, nil
	}
	pair, err := tls.LoadX509KeyPair(set.TLSCert, set.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s: %w", set.TLSCert, err)
	}
	config.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return ring, nil
}

// sharers are the first tenants of a keys file that have one account together,
// or nil.
func sharers(list []sigv4.Tenant) (names []string, account string) {
	byAccount := map[string][]string{}
	for _, t := range list {
		byAccount[t.Account] = append(byAccount[t.Account], t.Name)
	}
	for _, t := range list {
		if names := byAccount[t.Account]; len(names) > 1 {
			return names, t.Account
		}
	}
	return nil, ""
}

// openKeys opens the key store of the configured tenants.
func (a *app) openKeys(dir string) (*keys.Ring, error) {
	store, err := a.keyStore(dir)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Open(store, known(a.settings), nil)
	if err != nil {
		return nil, err
	}
	if warning := store.Warning(); warning != "" {
		a.say("warning: %s", warning)
	}
	if ring.Len() == 0 {
		a.say("warning: no tenant has a key that works: outcrop keys create --tenant NAME")
	}
	return ring, nil
}
