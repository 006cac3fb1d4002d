package remote

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// Config says which server to ask.
type Config struct {
	// URL is the server's: http://127.0.0.1:8777, or https://…; a path before
	// its operations may follow.
	URL string

	// Token, when set, goes out as a bearer token with every request. Without
	// one requests are unsigned, which a server without keys accepts.
	Token string

	// PlainToken lets the token go out without TLS to an address that is no
	// loopback one: of this machine's own network interfaces, say.
	PlainToken bool

	// Pin, when set, is the SHA-256 of the server's certificate, in hex: that
	// certificate is trusted, whatever its names and whoever issued it, and no
	// other. The default Transport alone looks at it.
	Pin string

	// Transport sends the requests. Nil makes one with the limits, HTTP/2 by
	// ALPN and the proxy of the environment.
	Transport http.RoundTripper

	Limits
}

// The defaults of Limits.
const (
	DefaultDial     = 5 * time.Second
	DefaultAccept   = 2 * time.Minute
	DefaultAnswer   = time.Hour
	DefaultControl  = time.Minute
	DefaultIdle     = 2 * time.Minute
	DefaultMaxReply = 64 << 20
	DefaultPollMin  = 100 * time.Millisecond
	DefaultPollMax  = 5 * time.Second
	DefaultPollFail = 5
)

// Limits bound what a call can take. A zero means the default of that name; a
// negative duration means no limit.
type Limits struct {
	// Dial is how long a connection, and its TLS handshake, may take.
	Dial time.Duration
	// Accept is how long a stream may take to begin, and Idle how long it may
	// pause between two events. Time in which the stream's reader does not ask
	// for the next event does not count.
	Accept, Idle time.Duration
	// Answer is how long a whole reply of a model may take, Construct included;
	// Control is the same for everything else: jobs, lists, counts.
	Answer, Control time.Duration
	// MaxReply is the largest whole reply, and the largest frame of a stream,
	// in bytes.
	MaxReply int
	// PollMin is how soon Watch asks for a job again after it has changed. The
	// pause grows by half with every answer that brings nothing new, up to
	// PollMax. PollFail is how many times in a row it may fail to get an answer
	// before it gives up.
	PollMin, PollMax time.Duration
	PollFail         int
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&l.Dial, DefaultDial},
		{&l.Accept, DefaultAccept},
		{&l.Idle, DefaultIdle},
		{&l.Answer, DefaultAnswer},
		{&l.Control, DefaultControl},
		{&l.PollMin, DefaultPollMin},
		{&l.PollMax, DefaultPollMax},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if l.MaxReply == 0 {
		l.MaxReply = DefaultMaxReply
	}
	if l.PollFail == 0 {
		l.PollFail = DefaultPollFail
	}
	return l
}

// check reads the URL, and refuses by name what cannot work.
func (c *Config) check() (*url.URL, error) {
	switch {
	case c.MaxReply < 0:
		return nil, fmt.Errorf("remote: Limits.MaxReply is %d; it must be positive", c.MaxReply)
	case c.PollFail < 0:
		return nil, fmt.Errorf("remote: Limits.PollFail is %d; it must be positive", c.PollFail)
	case c.PollMin < 0 || c.PollMax < c.PollMin:
		return nil, fmt.Errorf("remote: Limits.PollMin is %v and PollMax %v; they must be positive and in this order", c.PollMin, c.PollMax)
	case strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("remote: Config.Token has a character that no token has")
	}
	base, err := parseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("remote: Config.URL %w", err)
	}
	if c.Token != "" && base.Scheme == "http" && !c.PlainToken && !upstream.Loopback(base.Hostname()) {
		return nil, fmt.Errorf("remote: a token goes to %s by https only: by http anyone on the way could read it", base.Hostname())
	}
	return base, nil
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not of the form http://host:port") // the parser's words help nobody, and repeat the URL
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%.200q is not of the form http://host:port", text)
	case u.User != nil:
		return nil, errors.New("has a user or a password in it; a token is a setting of its own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%.200q has a query or a fragment", text)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func newTransport(limits Limits, pin string) *http.Transport {
	dialer := &net.Dialer{Timeout: max(limits.Dial, 0), KeepAlive: 15 * time.Second}
	var trust *tls.Config
	if pin != "" {
		trust = pinned(pin)
	}
	return &http.Transport{
		TLSClientConfig:     trust,
		Proxy:               http.ProxyFromEnvironment, // which leaves loopback addresses out
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: max(limits.Dial, 0),
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // Go would ask for gzip on its own account
		// There is one host; Go's default of two idle connections would close
		// the others after every burst.
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
	}
}

// pinned trusts one certificate.
func pinned(pin string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is the check
		VerifyConnection: func(s tls.ConnectionState) error {
			sum := sha256.Sum256(s.PeerCertificates[0].Raw)
			if !strings.EqualFold(hex.EncodeToString(sum[:]), pin) {
				return errors.New("the server's certificate is another than the one that is trusted")
			}
			return nil
		},
	}
}
