package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// The defaults of Config.
const (
	DefaultAddr              = "127.0.0.1:8777"
	DefaultRegion            = "us-east-1"
	DefaultMaxBody           = 25_000_000
	DefaultHeldBodies        = 1_000_000_000
	DefaultMaxHeader         = 64 << 10
	DefaultReadHeaderTimeout = 10 * time.Second
	DefaultReadTimeout       = 2 * time.Minute
	DefaultIdleTimeout       = 3 * time.Minute
	DefaultWriteStall        = 30 * time.Second
	DefaultDrainTimeout      = 25 * time.Second
	DefaultCloseTimeout      = 3 * time.Second
	DefaultMaxStreams        = 1000
)

// Config says what a Server works with. Manager is required; everything else
// has a useful zero value.
type Config struct {
	// Manager answers the operations.
	Manager *outcrop.Manager

	// Addr is the address that the server will listen on, for New to judge
	// whether it may go without keys; Serve judges the listener again.
	// Empty means DefaultAddr.
	Addr string

	// Keys are the tenants' access keys and bearer tokens; a *sigv4.Keyring is
	// one. Without it every request on a loopback address is accepted, signed
	// or not, and any other address is refused.
	Keys Keys

	// Tokens are further bearer tokens that are accepted where Keys are asked
	// for: of the commands on this machine, which a keys file does not name.
	// Without Keys it changes nothing.
	Tokens sigv4.TokenStore

	// Origin, when set, completes what is known of a request once its sender
	// is: the weight and the class of its tenant. It must be safe for
	// concurrent use, and quick.
	Origin func(outcrop.Origin) outcrop.Origin

	// MaxSkew is how far a client's clock may be off; 0 means
	// sigv4.DefaultMaxSkew.
	MaxSkew time.Duration

	// AllowedHosts are further names under which the server is reached on a
	// loopback address, without a port: of a reverse proxy, of a container's
	// host. Loopback addresses and localhost are always allowed.
	AllowedHosts []string

	// Region is the region of requests that name none: unsigned ones and
	// those with a bearer token. Empty means DefaultRegion.
	Region string

	// Account is the account of requests without a tenant. Empty means
	// sigv4.DefaultAccount.
	Account string

	// TLS, when set, serves TLS with HTTP/2 by ALPN. It needs a certificate.
	TLS *tls.Config

	// Mounts are the handlers of other packages on the same port.
	Mounts []Mount

	// Ready, when set, is asked by /readyz: an error says why the server
	// should get no requests.
	Ready func() error

	// Logger gets one line for each request. It never gets bodies, headers or
	// queries. Nil logs nothing.
	Logger *slog.Logger

	// RequestLog, when set, gets the lines of requests in place of Logger, in
	// the form of slog.TextHandler and at a fraction of its cost: each line in
	// one Write, which has to be safe for concurrent use and may not keep it.
	// For which requests there is a line is up to Logger's level.
	RequestLog io.Writer

	// NewID makes request ids. Nil makes random UUIDs.
	NewID func() string

	// Now is the clock that signatures are checked against. Nil means
	// time.Now.
	Now func() time.Time

	Limits
}

// Limits bound what a client can take up. A zero means the default of that
// name; a negative duration means no limit.
type Limits struct {
	// MaxBody is the largest request body, in bytes.
	MaxBody int64
	// HeldBodies is how many bytes of bodies longer than 256 KiB may be held at
	// once; a request that finds no room waits, for ReadTimeout at most. A body
	// takes three to six times its length until its memory is collected. One tenant
	// may hold half of it at most. It is MaxBody at least.
	HeldBodies int64
	// MaxHeader is how many bytes a request's headers may have.
	MaxHeader int
	// ReadHeaderTimeout is how long a client may take to send its headers, and
	// ReadTimeout to send the whole request.
	ReadHeaderTimeout, ReadTimeout time.Duration
	// IdleTimeout closes a connection without requests.
	IdleTimeout time.Duration
	// WriteStall is how long a client may leave a part of a reply unread
	// before its request is given up, and the work behind it stopped. It is
	// kept to within a quarter: a write may wait 1.25 times as long.
	WriteStall time.Duration
	// LameDuck is how long new requests are still taken after /readyz has begun
	// to say no, for load balancers to notice. Its default is 0.
	LameDuck time.Duration
	// DrainTimeout is how long requests under way may go on after the server
	// was told to stop. Then each gets an error, in band where a stream has
	// begun, and CloseTimeout to take it.
	DrainTimeout, CloseTimeout time.Duration
	// MaxStreams is how many requests one HTTP/2 connection carries at once.
	MaxStreams int
}

// Keys know the tenants. Both methods must be safe for concurrent use.
type Keys interface {
	sigv4.KeyStore
	sigv4.TokenStore
}

// Mount puts a handler of another package on the server's port, behind the
// guard of Host and Origin.
type Mount struct {
	// Name is what the log calls it.
	Name string
	// Path is a whole path, "/metrics", or everything below one: "/ui/*".
	// Empty when Service chooses.
	Path string
	// Service hands over every request whose signature has this service in its
	// scope, whatever its path: "s3". Such a handler verifies for itself,
	// since it may have to do so before the body is there.
	Service string
	// Stray, with Service, hands over as well what nobody signed and what no
	// path takes, for the handler to refuse in the form that its clients know.
	Stray bool
	// Page, with a whole Path, hands over what people open in a browser and no
	// client of an API asks for: a GET or HEAD of the path without a query, that
	// nobody signed and whose Accept names text/html. Everything else goes on as
	// if there were no such mount.
	Page bool
	// Methods are the allowed methods; none means all.
	Methods []string
	// Verify demands a tenant's signature or token, as the operations do, and
	// reads the body, within the limit, before the handler is called. The
	// request's context then has its outcrop.Origin.
	Verify bool
	// Quiet logs its requests at debug level.
	Quiet bool
	// Handler answers.
	Handler http.Handler
}

// withDefaults is the configuration with its zero values filled in.
func (c Config) withDefaults() Config {
	setDefault(&c.Addr, DefaultAddr)
	setDefault(&c.Region, DefaultRegion)
	setDefault(&c.Account, sigv4.DefaultAccount)
	setDefault(&c.Logger, slog.New(slog.DiscardHandler))
	setDefault(&c.MaxBody, DefaultMaxBody)
	setDefault(&c.HeldBodies, DefaultHeldBodies)
	c.HeldBodies = max(c.HeldBodies, c.MaxBody)
	setDefault(&c.MaxHeader, DefaultMaxHeader)
	setDefault(&c.MaxStreams, DefaultMaxStreams)
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.ReadHeaderTimeout, DefaultReadHeaderTimeout},
		{&c.ReadTimeout, DefaultReadTimeout},
		{&c.IdleTimeout, DefaultIdleTimeout},
		{&c.WriteStall, DefaultWriteStall},
		{&c.DrainTimeout, DefaultDrainTimeout},
		{&c.CloseTimeout, DefaultCloseTimeout},
	} {
		setDefault(d.value, d.standard)
	}
	if c.NewID == nil {
		c.NewID = newUUID
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// check refuses a configuration that cannot work, or that would be open to
// strangers.
func (c *Config) check() error {
	switch {
	case c.Manager == nil:
		return errors.New("server: Config.Manager is missing")
	case c.MaxBody < 0:
		return fmt.Errorf("server: Config.MaxBody is %d; it must be positive", c.MaxBody)
	case c.MaxHeader < 0:
		return fmt.Errorf("server: Config.MaxHeader is %d; it must be positive", c.MaxHeader)
	case c.MaxStreams < 0:
		return fmt.Errorf("server: Config.MaxStreams is %d; it must be positive", c.MaxStreams)
	case c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil && c.TLS.GetConfigForClient == nil:
		return errors.New("server: Config.TLS has no certificate")
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("server: Config.Addr %q is no address of the form host:port: %w", c.Addr, err)
	}
	if c.Keys == nil && !isLoopbackHost(host) {
		return needKeys(c.Addr)
	}
	return nil
}

func needKeys(addr string) error {
	return fmt.Errorf("server: %s is not a loopback address, so Config.Keys (a keys file with tenants) is required: without keys anyone who reaches the port could use it", addr)
}
