package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format is the version of the file that this package writes. A file of another
// version is refused, by name.
const Format = 1

// Kind is a kind of key.
type Kind string

// The kinds: what AWS_BEARER_TOKEN_BEDROCK holds, and an access key with its
// secret.
const (
	Bearer Kind = "bearer"
	SigV4  Kind = "sigv4"
)

// File is what the key store holds.
type File struct {
	Format int    `json:"format"`
	Sealed bool   `json:"sealed"`          // secrets are sealed with a master key
	Check  string `json:"check,omitempty"` // tells whether a master key is the one
	Keys   []Key  `json:"keys"`
	MAC    string `json:"mac,omitempty"` // of all of the above, in hex
}

// Key is one key of a tenant.
type Key struct {
	ID      string    `json:"id"` // of a bearer key, its beginning; of an access key, the access key id
	Kind    Kind      `json:"kind"`
	Tenant  string    `json:"tenant"`
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Revoked time.Time `json:"revoked,omitzero"` // zero: not

	// Replaced is the id of the key that a rotation put in its place.
	Replaced string `json:"replacedBy,omitempty"`

	Hash   string `json:"sha256,omitempty"` // of a bearer key, in hex
	Secret string `json:"secret,omitempty"` // of an access key: sealed in base64, or as it is

	plain string // the secret, once it is opened
}

// String names the key and hides its secret.
func (k Key) String() string { return fmt.Sprintf("%s key %s of %s", k.Kind, k.ID, k.Tenant) }

// GoString does what String does, for %#v.
func (k Key) GoString() string { return k.String() }

// State says whether a key works: active, rotated (it works until it expires),
// expired or revoked.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	case k.Replaced != "":
		return "rotated"
	}
	return "active"
}

// works tells whether a key is good at a time.
func (k *Key) works(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// Made is a key as it is shown, once.
type Made struct {
	ID      string
	Kind    Kind
	Tenant  string
	Expires time.Time
	Token   string // of a bearer key
	Secret  string // of an access key, whose id is ID
}

// String names the key and hides its secret.
func (m Made) String() string { return fmt.Sprintf("%s key %s of %s", m.Kind, m.ID, m.Tenant) }

// GoString does what String does, for %#v.
func (m Made) GoString() string { return m.String() }

// New says what key to make.
type New struct {
	Kind    Kind
	Tenant  string
	Note    string
	Expires time.Time // zero: never
}

// maxNote bounds a note, in bytes.
const maxNote = 200

// Create makes a key.
func (f *File) Create(n New, now time.Time) (Made, error) {
	switch {
	case n.Tenant == "":
		return Made{}, errors.New("tenant: a key needs one")
	case len(n.Note) > maxNote || strings.ContainsFunc(n.Note, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return Made{}, fmt.Errorf("note: must be one line of at most %d bytes", maxNote)
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return Made{}, errors.New("expires: it has passed already")
	}
	k := Key{Kind: n.Kind, Tenant: n.Tenant, Note: n.Note, Created: now.UTC().Truncate(time.Second), Expires: n.Expires.UTC().Truncate(time.Second)}
	if n.Expires.IsZero() {
		k.Expires = time.Time{}
	}
	m := Made{Kind: k.Kind, Tenant: k.Tenant, Expires: k.Expires}
	switch n.Kind {
	case Bearer:
		k.ID = "okb-" + strings.ToLower(rand.Text()[:10])
		m.Token = k.ID + "." + rand.Text() + rand.Text()
		sum := sha256.Sum256([]byte(m.Token))
		k.Hash = hex.EncodeToString(sum[:])
	case SigV4:
		k.ID = "OKSA" + rand.Text()[:16]
		secret := make([]byte, 30)
		_, _ = rand.Read(secret) // never fails, says its documentation
		m.Secret = base64.RawURLEncoding.EncodeToString(secret)
		k.plain = m.Secret
	default:
		return Made{}, fmt.Errorf("kind: %q is neither bearer nor sigv4", n.Kind)
	}
	m.ID = k.ID
	if f.find(k.ID) != nil { // once in 10^15, or a broken source of randomness
		return Made{}, errors.New("the new key has the id of another; try again")
	}
	f.Keys = append(f.Keys, k)
	return m, nil
}

// Rotate makes a key in the place of another, which goes on working for a
// grace time. The new one lives as long as the old one was meant to live, from
// now on; expires, when it is set, says otherwise.
func (f *File) Rotate(id string, grace time.Duration, expires, now time.Time) (Made, error) {
	old := f.find(id)
	switch {
	case old == nil:
		return Made{}, errNoKey(id)
	case !old.works(now):
		return Made{}, fmt.Errorf("the key %s is %s; create a new one", id, old.State(now))
	case old.Replaced != "":
		return Made{}, fmt.Errorf("the key %s was rotated already, to %s", id, old.Replaced)
	case grace < 0:
		return Made{}, errors.New("grace: must not be negative")
	}
	if expires.IsZero() && !old.Expires.IsZero() {
		expires = now.Add(old.Expires.Sub(old.Created))
	}
	made, err := f.Create(New{Kind: old.Kind, Tenant: old.Tenant, Note: old.Note, Expires: expires}, now)
	if err != nil {
		return Made{}, err
	}
	old = f.find(id) // Create may have moved it
	old.Replaced = made.ID
	if end := now.Add(grace).UTC().Truncate(time.Second); old.Expires.IsZero() || end.Before(old.Expires) {
		old.Expires = end
	}
	return made, nil
}

// Revoke ends a key at once. Its secret is forgotten; the rest stays for the
// list. A key that was revoked before stays as it is.
func (f *File) Revoke(id string, now time.Time) (Key, error) {
	k := f.find(id)
	if k == nil {
		return Key{}, errNoKey(id)
	}
	if k.Revoked.IsZero() {
		k.Revoked = now.UTC().Truncate(time.Second)
		k.Hash, k.Secret, k.plain = "", "", ""
	}
	return *k, nil
}

func errNoKey(id string) error {
	return fmt.Errorf("there is no key %.80q; `outcrop keys list` lists them", id)
}

func (f *File) find(id string) *Key {
	i := slices.IndexFunc(f.Keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return nil
	}
	return &f.Keys[i]
}
