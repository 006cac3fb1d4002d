package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultMaxSkew is how far a client's clock may be off.
const DefaultMaxSkew = 5 * time.Minute

// Identity is who sent a verified request.
type Identity struct {
	Tenant Tenant
	// AccessKeyID is the key that signed; empty when a bearer token was sent.
	AccessKeyID string
}

// Verifier checks what Parse read. Its fields must not change once it is used;
// it may then be used concurrently. The zero Verifier refuses everybody.
type Verifier struct {
	// Keys finds the secret of an access key; nil knows none.
	Keys KeyStore
	// Tokens finds the tenant of a bearer token; nil knows none.
	Tokens TokenStore
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// MaxSkew is how long before and after Now a request may have been signed;
	// 0 means DefaultMaxSkew. A presigned URL may be as old as it says itself.
	MaxSkew time.Duration
	// Regions and Services are what a scope may name; empty allows any.
	Regions, Services []string
	// CacheSize is how many signing keys are kept; 0 means DefaultCacheSize.
	// Each saves a request four HMACs.
	CacheSize int

	cache keyCache
}

// Verify checks a parsed request and its whole body, and says who sent it. Its
// error is always an *Error.
//
// A bearer token is looked up. Of a signature, scope, age, signature and body
// are checked, in this order. A body that S3 clients leave unsigned is
// accepted for the service s3 only; one that is signed in chunks
// (STREAMING-…) is refused: VerifyHead is for those.
//
// With a cached signing key and a small request it costs a few microseconds;
// the hash of the body comes on top.
func (v *Verifier) Verify(req *Request, body []byte) (Identity, error) {
	var id Identity
	var err *Error
	if req.Scheme == Bearer {
		id, err = v.verifyToken(req)
	} else {
		id, err = v.verifySignature(req, body)
	}
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

func (v *Verifier) verifyToken(req *Request) (Identity, *Error) {
	if v.Tokens == nil {
		return Identity{}, errBadToken()
	}
	tenant, ok := v.Tokens.Token(req.token)
	if !ok {
		return Identity{}, errBadToken()
	}
	return Identity{Tenant: tenant}, nil
}

func (v *Verifier) verifySignature(req *Request, body []byte) (Identity, *Error) {
	declared := req.PayloadHash
	switch {
	case req.Scheme == LegacyQuery:
		return Identity{}, fail(BadScope, "Signature Version 2 is not supported here. Use AWS4-HMAC-SHA256.")
	case declared == "":
		id, _, err := v.verifyHead(req, bodyHash(body))
		return id, err
	case declared == unsignedPayload && req.Scope.Service == serviceS3:
		id, _, err := v.verifyHead(req, declared)
		return id, err
	case strings.HasPrefix(declared, streamingPrefix):
		return Identity{}, fail(UnsupportedBody, "A body that is signed in chunks is not supported: x-amz-content-sha256 is %s.", quote(declared))
	}
	id, _, err := v.verifyHead(req, declared)
	if err != nil {
		return Identity{}, err
	}
	if bodyHash(body) != declared {
		return Identity{}, fail(BodyMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return id, nil
}

// verifyHead checks everything but the body, and returns the signing key as
// well: with the request's signature it is what a body signed in chunks is
// checked with.
func (v *Verifier) verifyHead(req *Request, payloadHash string) (Identity, [sha256.Size]byte, *Error) {
	var none [sha256.Size]byte
	if err := v.checkScope(req); err != nil {
		return Identity{}, none, err
	}
	if v.Keys == nil {
		return Identity{}, none, errUnknownKey()
	}
	key, ok := v.Keys.Key(req.AccessKeyID)
	if !ok || key.Secret == "" {
		return Identity{}, none, errUnknownKey()
	}
	if err := v.checkTime(req); err != nil {
		return Identity{}, none, err
	}
	signing, cached := v.cache.get(req, key.Secret)
	if !cached {
		signing = deriveKey(key.Secret, req.Scope)
	}
	if err := req.checkSignature(signing, payloadHash); err != nil {
		return Identity{}, none, err
	}
	if !cached { // only now, so that strangers cannot push keys out
		v.cache.put(req, key.Secret, signing, v.CacheSize)
	}
	return Identity{Tenant: key.Tenant, AccessKeyID: req.AccessKeyID}, signing, nil
}

func (v *Verifier) checkScope(req *Request) *Error {
	switch s := req.Scope; {
	case s.Date != req.stamp[:len(dateFormat)]:
		return fail(BadScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %s != '%s', from '%s'.",
			quote(s.Date), req.stamp[:len(dateFormat)], req.stamp)
	case len(v.Services) > 0 && !slices.Contains(v.Services, s.Service):
		return fail(BadScope, "Credential should be scoped to correct service: '%s'.", strings.Join(v.Services, "', '"))
	case len(v.Regions) > 0 && !slices.Contains(v.Regions, s.Region):
		return fail(BadScope, "Credential should be scoped to a valid region.")
	case s.Service == serviceS3:
		return checkS3Headers(req)
	}
	return nil
}

// checkS3Headers wants every x-amz- header of an S3 request signed, as S3
// does: who holds a presigned PUT could otherwise add x-amz-copy-source and
// have another object copied. Three headers are bound by other means.
func checkS3Headers(req *Request) *Error {
	for key := range req.http.Header {
		name := strings.ToLower(key)
		switch {
		case !strings.HasPrefix(name, "x-amz-"),
			name == "x-amz-date", name == "x-amz-content-sha256", name == "x-amz-security-token":
			continue
		}
		if !req.signed(name) {
			return fail(UnsignedHeader, "There were headers present in the request which were not signed: %s", quote(name))
		}
	}
	return nil
}

// signed reports whether a header is among the signed.
func (req *Request) signed(name string) bool {
	for s := range strings.SplitSeq(req.SignedHeaders, ";") {
		if s == name {
			return true
		}
	}
	return false
}

func (v *Verifier) checkTime(req *Request) *Error {
	now, skew, age := time.Now, v.MaxSkew, v.MaxSkew
	if v.Now != nil {
		now = v.Now
	}
	if skew <= 0 {
		skew, age = DefaultMaxSkew, DefaultMaxSkew
	}
	if req.Scheme == Query {
		age = req.Expires
	}
	t := now()
	switch {
	case req.Time.After(t.Add(skew)):
		return errNotYetCurrent(req.Time, t, skew)
	case req.Time.Before(t.Add(-age)):
		return errExpired(req.Time, t, age)
	}
	return nil
}

// checkSignature compares the signature with that of the request, once for
// each way to write its host.
func (req *Request) checkSignature(signing [sha256.Size]byte, payloadHash string) *Error {
	buf, _ := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxKeptBuffer {
			buffers.Put(buf)
		}
	}()
	host := req.http.Host
	for host != "" {
		canonical, err := req.appendCanonical((*buf)[:0], host, payloadHash)
		*buf = canonical
		if err != nil {
			return err
		}
		want := req.sign(signing, sha256.Sum256(canonical))
		if hmac.Equal(want[:], req.signature[:]) {
			return nil
		}
		if host != req.http.Host {
			break
		}
		host = req.otherHost()
	}
	return errMismatch()
}

// maxKeptBuffer, in bytes, keeps one huge request from holding its memory.
const maxKeptBuffer = 64 << 10

// buffers hold canonical requests, a few hundred bytes each.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// otherHost is the same host with its default port left out, or added; empty
// when its port is another. A proxy or a client may write either while the
// signature has the other.
func (req *Request) otherHost() string {
	host := req.http.Host
	for _, port := range [...]string{":80", ":443"} {
		if h, ok := strings.CutSuffix(host, port); ok {
			return h
		}
	}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return ""
	}
	if req.http.TLS != nil {
		return host + ":443"
	}
	return host + ":80"
}

// sign is the signature of a canonical request with this hash.
func (req *Request) sign(signing, canonical [sha256.Size]byte) (sum [sha256.Size]byte) {
	b := make([]byte, 0, 256)
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, req.stamp...)
	b = append(b, '\n')
	b = append(b, req.Scope.Date...)
	b = append(b, '/')
	b = append(b, req.Scope.Region...)
	b = append(b, '/')
	b = append(b, req.Scope.Service...)
	b = append(b, '/')
	b = append(b, terminator...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, canonical[:])
	mac := hmac.New(sha256.New, signing[:])
	mac.Write(b)
	mac.Sum(sum[:0])
	return sum
}

func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
