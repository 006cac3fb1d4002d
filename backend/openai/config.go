package openai

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says which server to ask, and for how long. BaseURL is required; the
// zero value of everything else is a documented default.
type Config struct {
	// BaseURL is the server's address with the path of its API:
	// "http://127.0.0.1:8080/v1".
	BaseURL string

	// APIKey is sent as a bearer token, when it is set. It is never logged and
	// never part of an error.
	APIKey string

	// Header holds further request headers: a gateway's key, an organisation.
	Header map[string]string

	// Engine is which server it is: "llama.cpp", "vllm", "sglang", "ollama",
	// "lmstudio" or "openai"; "other" is one of which no more is expected than
	// what all of them take. Empty means that the server is recognised when the
	// first call comes, by its list of models; one that says nothing is "other".
	Engine string

	// Models maps model ids, as callers name them, to the server's names. An
	// inference profile's id finds the row of its model.
	Models map[string]string

	// Model is the server's model for every id that Models does not have.
	// Empty passes the id on as it is.
	Model string

	// DialTimeout bounds connecting, the TLS handshake included. Default 10 s.
	DialTimeout time.Duration

	// FirstByteTimeout bounds the wait for a stream's first event, in which
	// the server reads the prompt. Default 5 min.
	FirstByteTimeout time.Duration

	// IdleTimeout bounds the wait between two events of a stream. Comments
	// and keep-alive lines do not count. Default 1 min.
	IdleTimeout time.Duration

	// ReplyTimeout bounds the wait for a whole reply that does not stream.
	// Default 10 min.
	ReplyTimeout time.Duration

	// MaxReply is the size of the largest reply that is read, in bytes; of
	// all its events, for a stream. Default 64 MiB.
	MaxReply int64

	// MaxEvent is the size of the largest single event, in bytes. Default 1 MiB.
	MaxEvent int

	// MaxConnections is how many idle connections are kept. Default 256.
	MaxConnections int

	// Transport sends the requests; nil means one that keeps to the limits
	// above. Tests and proxies set it; DialTimeout is then theirs.
	Transport http.RoundTripper

	// NewID makes the ids of tool uses that the server gave none, from
	// [A-Za-z0-9_-]. Nil means random ones.
	NewID func() string

	// Now tells the time; nil means the system's.
	Now func() time.Time
}

func (c Config) withDefaults() (Config, error) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case c.BaseURL == "":
		return c, errors.New("openai: Config.BaseURL is missing; it is like http://127.0.0.1:8080/v1")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return c, errors.New("openai: Config.BaseURL is no http or https URL") // it may hold a password: not repeated
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if _, ok := dialects[c.Engine]; !ok && c.Engine != "" {
		return c, fmt.Errorf("openai: Config.Engine %q is not known; known are %s", c.Engine, strings.Join(engineNames(), ", "))
	}
	for _, d := range []struct {
		setting  string
		value    *time.Duration
		standard time.Duration
	}{
		{"DialTimeout", &c.DialTimeout, 10 * time.Second},
		{"FirstByteTimeout", &c.FirstByteTimeout, 5 * time.Minute},
		{"IdleTimeout", &c.IdleTimeout, time.Minute},
		{"ReplyTimeout", &c.ReplyTimeout, 10 * time.Minute},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("openai: Config.%s is negative", d.setting)
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if c.MaxReply <= 0 {
		c.MaxReply = 64 << 20
	}
	if c.MaxEvent <= 0 {
		c.MaxEvent = 1 << 20
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = 256
	}
	if c.NewID == nil {
		c.NewID = func() string { return "tooluse_" + rand.Text() }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Transport == nil {
		c.Transport = c.transport()
	}
	return c, nil
}

// transport keeps more idle connections than the standard one, which has two
// for each host, and asks for no compression, which costs more than it saves
// beside a model.
func (c Config) transport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: c.DialTimeout}).DialContext,
		TLSHandshakeTimeout: c.DialTimeout,
		MaxIdleConns:        c.MaxConnections,
		MaxIdleConnsPerHost: c.MaxConnections,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
	}
}
