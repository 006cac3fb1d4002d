// Package keys keeps the access keys and bearer keys of a server's tenants in a
// file, and knows them by it.
//
//	store := keys.Store{Path: path, Master: master}
//	made, err := store.Update(func(f *keys.File) error { … f.Create(…) … })
//
//	ring, err := keys.Open(store, tenants, now)   // what a server asks
//	changed, err := ring.Reload()                 // when the file may have changed
//
// Flow, one way: Store (file, seal) → [File] (pure: create, rotate, revoke) →
// [Ring] (a snapshot that is swapped whole, a sigv4.KeyStore and TokenStore).
//
// A bearer key is its id, a dot and 260 random bits; the file has its SHA-256
// only. The secret of an access key has to be kept, since signatures are
// computed from it: it is sealed with AES-256-GCM, and the id, the tenant and
// the expiry are bound to it. With a master key the whole file carries an
// HMAC-SHA-256 besides, so that nobody without the master key adds a key or
// takes an expiry away. What it does not show is that an older, valid file was
// put back. Without a master key, the file's mode (0600) is all the
// protection there is.
//
// A key is shown once, when it is made. Nothing here logs, and no error holds a
// secret.
package keys
