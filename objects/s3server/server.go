package s3server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// The defaults of Config.
const (
	DefaultMaxObject    = 5 << 30
	DefaultStall        = 30 * time.Second
	DefaultUploadExpiry = 7 * 24 * time.Hour
)

// Config says what a Server works with. Directory is required.
type Config struct {
	// Directory holds the objects.
	Directory *objects.Directory

	// Keys are the tenants' access keys. Without them any signature is taken
	// for that of Account: such a server is for loopback addresses only, which
	// whoever listens has to see to.
	Keys sigv4.KeyStore

	// Account owns the buckets that are made where there are no Keys. Empty
	// means sigv4.DefaultAccount.
	Account string

	// MaxSkew is how far a client's clock may be off; 0 means
	// sigv4.DefaultMaxSkew.
	MaxSkew time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// MaxObject is the size of the largest object in bytes, in one piece or in
	// parts; 0 means DefaultMaxObject.
	MaxObject int64

	// Stall is how long a client may send or take nothing before its request
	// is given up; 0 means DefaultStall, a negative one no limit.
	Stall time.Duration

	// UploadExpiry is after how long the parts of an upload that nobody
	// completed are removed; 0 means DefaultUploadExpiry.
	UploadExpiry time.Duration
}

// Server answers S3 requests. It is safe for concurrent use, holds nothing
// that must be closed, and starts no goroutines.
type Server struct {
	config   Config
	verifier *sigv4.Verifier // nil: any signature is taken
}

// New makes a Server.
func New(config Config) (*Server, error) {
	if config.Directory == nil {
		return nil, errors.New("s3server: Config.Directory is missing")
	}
	if config.Account == "" {
		config.Account = sigv4.DefaultAccount
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.MaxObject == 0 {
		config.MaxObject = DefaultMaxObject
	}
	if config.Stall == 0 {
		config.Stall = DefaultStall
	}
	if config.UploadExpiry == 0 {
		config.UploadExpiry = DefaultUploadExpiry
	}
	s := &Server{config: config}
	if config.Keys != nil {
		s.verifier = &sigv4.Verifier{Keys: config.Keys, Now: config.Now, MaxSkew: config.MaxSkew, Services: []string{"s3"}}
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, dir: s.config.Directory, w: w, r: r, ctx: r.Context(), control: http.NewResponseController(w), id: w.Header().Get("X-Amzn-Requestid")}
	if c.id == "" {
		c.id = rand.Text()
	}
	w.Header().Set("X-Amz-Request-Id", c.id)
	c.patient()
	defer c.last()
	if r.ContentLength == 0 && r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		// net/http leaves it out where there is no body to wait for. botocore
		// waits all the same, and takes a reply without it for that of its next
		// request on the connection, too.
		w.WriteHeader(http.StatusContinue)
	}
	// A read that waits for the client must not outlast the request.
	stop := context.AfterFunc(c.ctx, func() { _ = c.control.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.answer(); err != nil {
		c.fail(err)
	}
}

// call is one request and its reply. It belongs to the request's goroutine.
type call struct {
	s       *Server
	dir     *objects.Directory
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	control *http.ResponseController
	id      string

	account     string
	signedFor   string // the Region
	payload     sigv4.Payload
	bucket, key string
	query       url.Values
	begun       bool      // the reply has
	deadlineAt  time.Time // when a deadline has to be moved again
}

// answer finds out who asks, and for what.
func (c *call) answer() error {
	claims, err := sigv4.Parse(c.r)
	if e, ok := errors.AsType[*sigv4.Error](err); ok && e.Reason == sigv4.MissingToken {
		return fail("AccessDenied", http.StatusForbidden, "Access Denied: S3 requests have to be signed, and no other operation has this path.")
	}
	if err != nil {
		return err
	}
	if claims.Scheme == sigv4.Bearer {
		return fail("AccessDenied", http.StatusForbidden, "S3 requests are signed; bearer tokens are for Bedrock.")
	}
	c.signedFor = claims.Scope.Region
	if err := c.verify(claims); err != nil {
		return err
	}
	c.bucket, c.key = target(c.r)
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return fail("InvalidURI", http.StatusBadRequest, "The query string cannot be read.")
	}
	handle, err := c.operation()
	if err != nil {
		return err
	}
	return handle(c)
}

func (c *call) verify(claims *sigv4.Request) error {
	if c.s.verifier == nil {
		var err error
		c.account = c.s.config.Account
		c.payload, err = claims.UnverifiedPayload()
		return err
	}
	id, payload, err := c.s.verifier.VerifyHead(claims)
	if err != nil {
		if e, ok := errors.AsType[*sigv4.Error](err); ok && e.Reason == sigv4.Expired && claims.Scheme == sigv4.Query {
			return fail("AccessDenied", http.StatusForbidden, "Request has expired")
		}
		return err
	}
	c.account, c.payload = id.Tenant.Account, payload
	return nil
}

// target is the bucket and the key that a request names.
func target(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if bucket := sigv4.HostBucket(r.Host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

func (c *call) uri() string { return "s3://" + c.bucket + "/" + c.key }

// patient sets a client free of the deadline for whole requests, which is not
// made for large objects: what counts is that it goes on sending.
func (c *call) patient() { _ = c.control.SetReadDeadline(time.Time{}) }

// last gives a client that was answered before its body was read a Stall for
// the rest: net/http reads it before the reply goes out, and would wait for
// ever for a stranger who sends none.
func (c *call) last() {
	if stall := c.s.config.Stall; stall >= 0 {
		now := time.Now()
		_ = c.control.SetReadDeadline(now.Add(stall))
		_ = c.control.SetWriteDeadline(now.Add(2*stall + stall/4)) // the reply comes after it
	}
}

// extend moves a deadline on, a few times in a Stall and not each time: a
// deadline costs a timer.
func (c *call) extend(set func(time.Time) error) {
	stall := c.s.config.Stall
	if stall < 0 {
		return
	}
	if now := time.Now(); !now.Before(c.deadlineAt) {
		c.deadlineAt = now.Add(stall / 4)
		_ = set(now.Add(stall + stall/4)) // not supported by recorders in tests
	}
}
