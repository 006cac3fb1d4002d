package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/keys"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/sigv4"
	"github.com/outcrop-ai/outcrop/tenants"
)

// masterVariable holds the master key of the key store.
const masterVariable = "OUTCROP_MASTER_KEY"

// keyStore is where the keys of the configuration's tenants are.
func (a *app) keyStore(dir string) (keys.Store, error) {
	set := &a.settings.Server
	store := keys.Store{Path: set.KeyStore}
	if store.Path == "" {
		store.Path = filepath.Join(dir, "keys.json")
	}
	text, from := os.Getenv(masterVariable), "environment "+masterVariable
	if text == "" && set.MasterKeyFile != "" {
		data, err := os.ReadFile(set.MasterKeyFile)
		if err != nil {
			return store, usageError{fmt.Errorf("server.masterKeyFile: %w", err)}
		}
		text, from = string(data), "server.masterKeyFile "+set.MasterKeyFile
	}
	if text == "" {
		return store, nil
	}
	master, err := keys.ParseMaster(text)
	if err != nil {
		return store, usageError{fmt.Errorf("%s: %w", from, err)}
	}
	store.Master = master
	return store, nil
}

// known are the configured tenants as the door knows them.
func known(s *config.Config) map[string]sigv4.Tenant {
	list := make(map[string]sigv4.Tenant, len(s.Tenants))
	for name, t := range s.Tenants {
		list[name] = sigv4.Tenant{Name: name, Account: t.Account}
	}
	return list
}

// bothKeys are the keys of a keys file and of the key store.
type bothKeys struct{ first, second server.Keys }

func (b bothKeys) Key(id string) (sigv4.Key, bool) {
	if key, ok := b.first.Key(id); ok {
		return key, true
	}
	return b.second.Key(id)
}

func (b bothKeys) Token(sum [sha256.Size]byte) (sigv4.Tenant, bool) {
	if tenant, ok := b.first.Token(sum); ok {
		return tenant, true
	}
	return b.second.Token(sum)
}

// doorkeeper keeps a running server up with the key store and with the tenants
// of the configuration file.
type doorkeeper struct {
	load func() (*config.Config, error)
	say  func(format string, args ...any)
	ring *keys.Ring // nil: there were no tenants when the server began
	desk *tenants.Desk
	path string // of the configuration file, or ""

	mu    sync.Mutex // one refresh at a time
	stamp os.FileInfo
}

func newDoorkeeper(a *app, ring *keys.Ring, m *local.Local) *doorkeeper {
	k := &doorkeeper{load: a.reload, say: a.say, ring: ring, desk: m.Desk(), path: a.settings.Path}
	if k.path != "" {
		k.stamp, _ = os.Stat(k.path) // it was there a moment ago; if not, it has changed
	}
	return k
}

// lookEvery is how often the files are looked at.
const lookEvery = time.Second

// watch refreshes until the context ends.
func (k *doorkeeper) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	said := ""
	for {
		select {
		case <-ticker.C:
			text := ""
			if err := k.refresh(); err != nil {
				text = err.Error()
			}
			if text != "" && text != said {
				k.say("warning: %s; what was read before stays in force", text)
			}
			said = text
		case <-ctx.Done():
			return
		}
	}
}

// refresh takes what has changed. What cannot be read leaves things as they
// are, and is an error each time.
func (k *doorkeeper) refresh() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(k.refreshTenants(), k.refreshKeys())
}

func (k *doorkeeper) refreshKeys() error {
	if k.ring == nil {
		return nil
	}
	changed, err := k.ring.Reload()
	if changed {
		k.say("the key store was read again: %d keys work", k.ring.Len())
	}
	return err
}

func (k *doorkeeper) refreshTenants() error {
	if k.path == "" {
		return nil
	}
	info, err := os.Stat(k.path)
	if err != nil {
		return fmt.Errorf("the configuration file: %w", err)
	}
	if k.stamp != nil && os.SameFile(info, k.stamp) && info.ModTime().Equal(k.stamp.ModTime()) && info.Size() == k.stamp.Size() {
		return nil
	}
	s, err := k.load()
	if err != nil {
		return err
	}
	if k.ring == nil {
		k.stamp = info
		if len(s.Tenants) > 0 {
			k.say("warning: the configuration has tenants now; start the server again to ask for their keys")
		}
		return nil
	}
	if err := k.desk.Set(local.Tenants(s)); err != nil {
		return err
	}
	if err := k.ring.SetTenants(known(s)); err != nil {
		return err
	}
	k.stamp = info
	k.say("the tenants were read again: there are %d", len(s.Tenants))
	return nil
}
