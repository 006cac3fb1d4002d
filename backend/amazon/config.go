package amazon

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// Config says how Amazon Bedrock is reached. The zero value takes everything
// from the standard AWS configuration.
type Config struct {
	// Name is what the back-end is called where it is one of several. A server
	// that its calls come back to says so by it; AWS is not told.
	Name string

	// Flag and File are what the command line and Outcrop's own configuration
	// file say. Between them stands the environment: flag, AWS_PROFILE and
	// AWS_REGION, file, default.
	Flag, File Choice

	// AssumeRole, when set, says which role to take on for a caller, and false
	// for those whose calls go out with the plain credentials. It is asked for
	// every call, so it must be quick and safe for concurrent use. Roles makes
	// one of a map.
	AssumeRole func(outcrop.Caller) (Role, bool)

	// Owner is the tenant that stands for the operator's own commands, which
	// sees the jobs of the account as callers without a tenant do; see [Jobs].
	Owner string

	// SchemaModels are further models that can be held to a JSON Schema, by the
	// beginning of their ids; those that AWS documents are known.
	SchemaModels []string

	// Transport sends the requests. Nil makes one with the limits, HTTP/2 by
	// ALPN, the proxy of the environment and the certificates of AWS_CA_BUNDLE.
	Transport http.RoundTripper

	// Now is the clock of signatures; nil means time.Now.
	Now func() time.Time

	// Sleep is how Jobs.Watch waits between two looks; nil means the system's.
	// It returns early, with its error, when the context ends.
	Sleep func(context.Context, time.Duration) error

	Limits
}

// Choice is what one source says; empty members say nothing.
type Choice struct {
	Profile  string // of ~/.aws/config and ~/.aws/credentials
	Region   string
	Endpoint string // the URL of the bedrock-runtime service
	Control  string // the URL of the bedrock service, the control plane; see Place

	// ProfileFrom and the like are what to call the source in a Place, where it
	// is known better: "environment OUTCROP_REGION", "outcrop.yaml:3".
	ProfileFrom, RegionFrom, EndpointFrom string
}

// Role is a role to take on.
type Role struct {
	ARN         string
	ExternalID  string        // may be empty
	SessionName string        // "outcrop-" and the tenant's name when empty
	Duration    time.Duration // of a session; 15 minutes when 0
}

// Roles makes a Config.AssumeRole of a map from tenants to roles.
func Roles(byTenant map[string]Role) func(outcrop.Caller) (Role, bool) {
	return func(caller outcrop.Caller) (Role, bool) {
		role, ok := byTenant[caller.Tenant]
		return role, ok
	}
}

// The defaults of Limits.
const (
	DefaultDial        = 5 * time.Second
	DefaultTLS         = 5 * time.Second
	DefaultCredentials = 15 * time.Second
	DefaultAccept      = 2 * time.Minute
	DefaultAnswer      = time.Hour
	DefaultControl     = time.Minute
	DefaultIdle        = 2 * time.Minute
	DefaultLinger      = time.Second
	DefaultMaxReply    = 64 << 20
	DefaultMaxPartial  = 1 << 20
	DefaultMaxRoles    = 1000
)

// Limits bound what a call can take. A zero means the default of that name; a
// negative duration means no limit.
type Limits struct {
	// Dial and TLS are how long a connection and its handshake may take.
	Dial, TLS time.Duration
	// Credentials is how long it may take to get credentials: from a role, from
	// single sign-on, from the instance.
	Credentials time.Duration
	// Accept is how long a stream's first frame may take, from the moment the
	// request is sent.
	Accept time.Duration
	// Answer is how long a whole reply may take. The default is the longest
	// that Amazon Bedrock lets a model run; a caller who wants less gives his
	// context a deadline.
	Answer time.Duration
	// Control is how long an answer of the control plane may take.
	Control time.Duration
	// Idle is how long a stream may pause between two frames. Time in which the
	// reader of the stream does not ask for the next one does not count.
	Idle time.Duration
	// Linger is how long the service may keep a stream open after its last
	// event; the connection is given up then, and the stream is complete.
	Linger time.Duration
	// MaxReply is the largest whole reply, and the largest frame of a stream,
	// in bytes.
	MaxReply int
	// MaxPartial is how many bytes of frames a stream keeps as they are, to be
	// put together when it fails. Beyond that they are put together on the
	// way, which costs time, and only their text is kept.
	MaxPartial int
	// MaxRoles is how many roles' credentials are held at once.
	MaxRoles int
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&l.Dial, DefaultDial},
		{&l.TLS, DefaultTLS},
		{&l.Credentials, DefaultCredentials},
		{&l.Accept, DefaultAccept},
		{&l.Answer, DefaultAnswer},
		{&l.Control, DefaultControl},
		{&l.Idle, DefaultIdle},
		{&l.Linger, DefaultLinger},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	for _, n := range []struct {
		value    *int
		standard int
	}{{&l.MaxReply, DefaultMaxReply}, {&l.MaxPartial, DefaultMaxPartial}, {&l.MaxRoles, DefaultMaxRoles}} {
		if *n.value == 0 {
			*n.value = n.standard
		}
	}
	return l
}

func (l Limits) check() error {
	for _, n := range []struct {
		name  string
		value int
	}{{"MaxReply", l.MaxReply}, {"MaxPartial", l.MaxPartial}, {"MaxRoles", l.MaxRoles}} {
		if n.value < 0 {
			return fmt.Errorf("amazon: Limits.%s is %d; it must be positive", n.name, n.value)
		}
	}
	return nil
}
