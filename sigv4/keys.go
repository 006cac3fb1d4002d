package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
)

// DefaultCacheSize is how many signing keys a Verifier keeps: a key and a
// service in a region need one a day.
const DefaultCacheSize = 1024

// Tenant is on whose behalf requests are made.
type Tenant struct {
	Name string
	// Account is the 12-digit account of the tenant's ARNs.
	Account string
}

// Key is what belongs to an access key id. It prints without its secret.
type Key struct {
	Secret string
	Tenant Tenant
}

// String names the tenant and hides the secret.
func (k Key) String() string { return "key of " + k.Tenant.Name }

// GoString does what String does, for %#v.
func (k Key) GoString() string { return k.String() }

// KeyStore finds the key of an access key id. It must be safe for concurrent
// use, and quick: it is asked on each request.
type KeyStore interface {
	Key(accessKeyID string) (Key, bool)
}

// TokenStore finds the tenant of a bearer token by the token's SHA-256, so
// that no store need hold tokens. It must be safe for concurrent use. A plain
// map will do: what its comparison may tell through time is about the hash,
// from which no token follows.
type TokenStore interface {
	Token(sha256 [sha256.Size]byte) (Tenant, bool)
}

// deriveKey makes the signing key of a secret for a scope:
// HMAC(HMAC(HMAC(HMAC("AWS4"+secret, date), region), service), "aws4_request").
func deriveKey(secret string, scope Scope) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range [...]string{scope.Date, scope.Region, scope.Service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return [sha256.Size]byte(key)
}

// keyCache keeps derived keys. The secret is kept beside the key made of it,
// so that a changed secret counts at once.
type keyCache struct {
	mu      sync.RWMutex
	entries map[cacheKey]cacheEntry
}

type cacheKey struct {
	accessKeyID string
	scope       Scope
}

type cacheEntry struct {
	secret  string
	signing [sha256.Size]byte
}

func (c *keyCache) get(req *Request, secret string) ([sha256.Size]byte, bool) {
	c.mu.RLock()
	e, ok := c.entries[cacheKey{req.AccessKeyID, req.Scope}]
	c.mu.RUnlock()
	return e.signing, ok && e.secret == secret
}

// put keeps a key, in the place of any other when the cache is full.
func (c *keyCache) put(req *Request, secret string, signing [sha256.Size]byte, size int) {
	if size <= 0 {
		size = DefaultCacheSize
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[cacheKey]cacheEntry{}
	}
	for old := range c.entries {
		if len(c.entries) < size {
			break
		}
		delete(c.entries, old)
	}
	// Clones: the strings are parts of a whole Authorization header.
	k := cacheKey{strings.Clone(req.AccessKeyID), Scope{strings.Clone(req.Scope.Date), strings.Clone(req.Scope.Region), strings.Clone(req.Scope.Service)}}
	c.entries[k] = cacheEntry{secret, signing}
}
