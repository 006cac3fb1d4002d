package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outcrop-ai/outcrop/sigv4"
)

// Ring knows the keys of a Store, as it was read last. Keys of tenants that are
// not configured do not work, nor do keys that have expired. It is safe for
// concurrent use.
type Ring struct {
	store Store
	now   func() time.Time

	reading  sync.Mutex // one Reload or SetTenants at a time
	file     *File
	tenants  map[string]sigv4.Tenant
	stamp    stamp
	snapshot atomic.Pointer[snapshot]
}

var (
	_ sigv4.KeyStore   = (*Ring)(nil)
	_ sigv4.TokenStore = (*Ring)(nil)
)

type snapshot struct {
	keys   map[string]entry
	tokens map[[8]byte][]entry // by the beginning of the hash
}

type entry struct {
	key    sigv4.Key
	hash   [sha256.Size]byte
	expiry time.Time
}

// stamp tells whether a file has changed: it is replaced whole, by another.
type stamp struct{ info os.FileInfo } // nil: there is none

func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.ModTime().Equal(other.info.ModTime()) && s.info.Size() == other.info.Size()
}

// Open reads a store. tenants are those that are configured, by name; now is
// the clock, time.Now when nil.
func Open(store Store, tenants map[string]sigv4.Tenant, now func() time.Time) (*Ring, error) {
	if now == nil {
		now = time.Now
	}
	r := &Ring{store: store, now: now, tenants: tenants}
	_, err := r.reload(true)
	return r, err
}

// Reload reads the store again if its file has changed, and says whether it
// had. When it cannot be read, the keys stay as they are.
func (r *Ring) Reload() (changed bool, err error) { return r.reload(false) }

func (r *Ring) reload(first bool) (bool, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	before, err := stampOf(r.store.Path)
	if err != nil {
		return false, err
	}
	if !first && before.same(r.stamp) {
		return false, nil
	}
	file, err := r.store.Read()
	if err != nil {
		return false, err
	}
	made, err := snapshotOf(file, r.tenants)
	if err != nil {
		return false, fmt.Errorf("the key store %s: %w", r.store.Path, err)
	}
	r.file, r.stamp = file, before
	r.snapshot.Store(made)
	return true, nil
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	return stamp{info}, nil
}

// SetTenants puts other tenants in the place of those that were configured.
func (r *Ring) SetTenants(tenants map[string]sigv4.Tenant) error {
	r.reading.Lock()
	defer r.reading.Unlock()
	made, err := snapshotOf(r.file, tenants)
	if err != nil {
		return err
	}
	r.tenants = tenants
	r.snapshot.Store(made)
	return nil
}

// Len is how many keys of configured tenants work now.
func (r *Ring) Len() (n int) {
	s := r.snapshot.Load()
	for _, e := range s.keys {
		if e.works(r.now()) {
			n++
		}
	}
	for _, list := range s.tokens {
		for _, e := range list {
			if e.works(r.now()) {
				n++
			}
		}
	}
	return n
}

func snapshotOf(f *File, tenants map[string]sigv4.Tenant) (*snapshot, error) {
	s := &snapshot{keys: map[string]entry{}, tokens: map[[8]byte][]entry{}}
	for i := range f.Keys {
		k := &f.Keys[i]
		tenant, ok := tenants[k.Tenant]
		if !ok || !k.Revoked.IsZero() {
			continue
		}
		e := entry{key: sigv4.Key{Secret: k.plain, Tenant: tenant}, expiry: k.Expires}
		if k.Kind == SigV4 {
			if k.plain == "" {
				return nil, fmt.Errorf("keys[%d].secret is missing", i)
			}
			s.keys[k.ID] = e
			continue
		}
		hash, err := hex.DecodeString(k.Hash)
		if err != nil || len(hash) != len(e.hash) {
			return nil, fmt.Errorf("keys[%d].sha256 must have 64 hex digits", i)
		}
		copy(e.hash[:], hash)
		head := [8]byte(e.hash[:8])
		s.tokens[head] = append(s.tokens[head], e)
	}
	return s, nil
}

func (e *entry) works(now time.Time) bool { return e.expiry.IsZero() || now.Before(e.expiry) }

// Key finds an access key.
func (r *Ring) Key(accessKeyID string) (sigv4.Key, bool) {
	e, ok := r.snapshot.Load().keys[accessKeyID]
	if !ok || !e.works(r.now()) {
		return sigv4.Key{}, false
	}
	return e.key, true
}

// Token finds a bearer key's tenant by the key's SHA-256. The hashes are found
// by their beginning and compared in constant time.
func (r *Ring) Token(sum [sha256.Size]byte) (sigv4.Tenant, bool) {
	for _, e := range r.snapshot.Load().tokens[[8]byte(sum[:8])] {
		if subtle.ConstantTimeCompare(e.hash[:], sum[:]) == 1 && e.works(r.now()) {
			return e.key.Tenant, true
		}
	}
	return sigv4.Tenant{}, false
}
