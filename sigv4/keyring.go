package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// DefaultAccount is the account of a tenant that names none.
const DefaultAccount = "000000000000"

// hashedToken begins a bearer token that is given as its SHA-256 in hex.
const hashedToken = "sha256:"

// Keyring is a KeyStore and a TokenStore in memory. Fill it, then use it
// concurrently; it must not change once it is used. It keeps bearer tokens as
// hashes only; the secrets of access keys it has to keep, since signatures are
// computed from them.
type Keyring struct {
	keys    map[string]Key
	tokens  map[[sha256.Size]byte]Tenant
	tenants []Tenant
}

var (
	_ KeyStore   = (*Keyring)(nil)
	_ TokenStore = (*Keyring)(nil)
)

// Key finds an access key.
func (k *Keyring) Key(accessKeyID string) (Key, bool) {
	key, ok := k.keys[accessKeyID]
	return key, ok
}

// Token finds a bearer token's tenant by the token's SHA-256.
func (k *Keyring) Token(sha256 [sha256.Size]byte) (Tenant, bool) {
	t, ok := k.tokens[sha256]
	return t, ok
}

// Tenants lists the tenants in the order in which they were added.
func (k *Keyring) Tenants() []Tenant { return append([]Tenant(nil), k.tenants...) }

// AddTenant adds a tenant and returns it with its account filled in. Keys and
// tokens are added to what it returns.
func (k *Keyring) AddTenant(t Tenant) (Tenant, error) {
	if !plain(t.Name, "-_.@", 64) {
		return Tenant{}, errors.New("name: must be 1 to 64 letters, digits, or '-', '_', '.', '@'")
	}
	if t.Account == "" {
		t.Account = DefaultAccount
	}
	if len(t.Account) != 12 || strings.Trim(t.Account, "0123456789") != "" {
		return Tenant{}, errors.New("account: must be 12 digits")
	}
	for _, other := range k.tenants {
		if other.Name == t.Name {
			return Tenant{}, fmt.Errorf("name: there are two tenants %q", t.Name)
		}
	}
	k.tenants = append(k.tenants, t)
	return t, nil
}

// AddKey adds an access key of a tenant.
func (k *Keyring) AddKey(t Tenant, accessKeyID, secret string) error {
	switch _, exists := k.keys[accessKeyID]; {
	case !plain(accessKeyID, "-_.", 128):
		return errors.New("id: must be 1 to 128 letters, digits, or '-', '_', '.'")
	case exists:
		return fmt.Errorf("id: there are two access keys %q", accessKeyID)
	case !visible(secret):
		return errors.New("secret: must be printable ASCII without spaces, and not empty")
	}
	if k.keys == nil {
		k.keys = map[string]Key{}
	}
	k.keys[accessKeyID] = Key{Secret: secret, Tenant: t}
	return nil
}

// AddToken adds a bearer token of a tenant: the token, or "sha256:" and its
// SHA-256 in hex.
func (k *Keyring) AddToken(t Tenant, token string) error {
	if !visible(token) {
		return errors.New("must be printable ASCII without spaces, and not empty")
	}
	sum := sha256.Sum256([]byte(token))
	if digits, ok := strings.CutPrefix(token, hashedToken); ok {
		if len(digits) != hex.EncodedLen(len(sum)) {
			return errors.New("sha256: must have 64 hex digits after it")
		}
		if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
			return errors.New("sha256: must have 64 hex digits after it")
		}
	}
	if _, exists := k.tokens[sum]; exists {
		return errors.New("the same token was given before")
	}
	if k.tokens == nil {
		k.tokens = map[[sha256.Size]byte]Tenant{}
	}
	k.tokens[sum] = t
	return nil
}

// plain reports whether s is of letters, digits and the others given, and not
// empty or too long.
func plain(s, others string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

func visible(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}
