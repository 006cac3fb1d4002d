package keys_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/keys"
	"github.com/outcrop-ai/outcrop/sigv4"
)

var (
	epoch   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tenants = map[string]sigv4.Tenant{"team-a": {Name: "team-a", Account: "111111111111"}}
)

func master(t testing.TB, fill string) *keys.Master {
	t.Helper()
	m, err := keys.ParseMaster(strings.Repeat(fill, 32))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// store is a key store with one key of each kind.
func store(t testing.TB, m *keys.Master) (s keys.Store, bearer, access keys.Made) {
	t.Helper()
	s = keys.Store{Path: filepath.Join(t.TempDir(), "deep", "keys.json"), Master: m}
	update(t, s, func(f *keys.File) {
		bearer = create(t, f, keys.New{Kind: keys.Bearer, Tenant: "team-a", Note: "ci"})
		access = create(t, f, keys.New{Kind: keys.SigV4, Tenant: "team-a"})
	})
	return s, bearer, access
}

func create(t testing.TB, f *keys.File, n keys.New) keys.Made {
	t.Helper()
	made, err := f.Create(n, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func update(t testing.TB, s keys.Store, change func(f *keys.File)) {
	t.Helper()
	if err := s.Update(func(f *keys.File) error { change(f); return nil }); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, s keys.Store, now *time.Time) *keys.Ring {
	t.Helper()
	r, err := keys.Open(s, tenants, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func knows(r *keys.Ring, m keys.Made) bool {
	if m.Kind == keys.SigV4 {
		key, ok := r.Key(m.ID)
		return ok && key.Secret == m.Secret && key.Tenant == tenants["team-a"]
	}
	tenant, ok := r.Token(sha256.Sum256([]byte(m.Token)))
	return ok && tenant == tenants["team-a"]
}

func TestKeysWorkAndTheFileHidesThem(t *testing.T) {
	for name, m := range map[string]*keys.Master{"sealed": master(t, "ab"), "not sealed": nil} {
		t.Run(name, func(t *testing.T) {
			s, bearer, access := store(t, m)
			now := epoch
			r := open(t, s, &now)
			if !knows(r, bearer) || !knows(r, access) || r.Len() != 2 {
				t.Errorf("the keys do not work: %d of them do", r.Len())
			}
			if _, ok := r.Token(sha256.Sum256([]byte(bearer.Token + "x"))); ok {
				t.Error("another token works")
			}
			if !strings.HasPrefix(bearer.Token, bearer.ID+".") {
				t.Errorf("the token does not begin with its id")
			}
			text, err := os.ReadFile(s.Path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), bearer.Token) {
				t.Error("the file holds a bearer key")
			}
			if hidden := !strings.Contains(string(text), access.Secret); hidden != (m != nil) {
				t.Errorf("the secret is hidden: %v", hidden)
			}
			if info, err := os.Stat(s.Path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if (s.Warning() == "") != (m != nil) {
				t.Errorf("warning: %q", s.Warning())
			}
		})
	}
}

func TestRotationOverlapsForTheGraceTime(t *testing.T) {
	s, bearer, access := store(t, master(t, "ab"))
	now := epoch
	r := open(t, s, &now)
	for _, old := range []keys.Made{bearer, access} {
		now = epoch
		var made keys.Made
		update(t, s, func(f *keys.File) {
			var err error
			if made, err = f.Rotate(old.ID, time.Hour, time.Time{}, now); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Rotate(old.ID, time.Hour, time.Time{}, now); err == nil || !strings.Contains(err.Error(), "rotated already") {
				t.Errorf("a second rotation: %v", err)
			}
		})
		if changed, err := r.Reload(); !changed || err != nil {
			t.Fatalf("reload: %v, %v", changed, err)
		}
		for at, want := range map[time.Duration]bool{0: true, time.Hour - time.Second: true, time.Hour: false} {
			now = epoch.Add(at)
			if knows(r, old) != want || !knows(r, made) {
				t.Errorf("after %v: old %v, new %v", at, knows(r, old), knows(r, made))
			}
		}
	}
}

// A rotated key that was to live 90 days is followed by one that lives as long,
// and its own end comes no later than it was.
func TestRotationKeepsLifetimes(t *testing.T) {
	f := new(keys.File)
	old := create(t, f, keys.New{Kind: keys.Bearer, Tenant: "team-a", Expires: epoch.Add(90 * 24 * time.Hour)})
	late := epoch.Add(90*24*time.Hour - time.Minute)
	made, err := f.Rotate(old.ID, time.Hour, time.Time{}, late)
	if err != nil || !made.Expires.Equal(late.Add(90*24*time.Hour)) {
		t.Errorf("the new key expires %v, %v", made.Expires, err)
	}
	if !f.Keys[0].Expires.Equal(old.Expires) {
		t.Errorf("the old key now expires %v", f.Keys[0].Expires)
	}
}

func TestRevokedAndExpiredKeysAndThoseOfNobody(t *testing.T) {
	s, bearer, access := store(t, master(t, "ab"))
	now := epoch
	r := open(t, s, &now)
	update(t, s, func(f *keys.File) {
		if _, err := f.Revoke(bearer.ID, now); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Revoke("okb-nobody", now); err == nil || !strings.Contains(err.Error(), "no key") {
			t.Errorf("%v", err)
		}
		if _, err := f.Rotate(bearer.ID, 0, time.Time{}, now); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("rotating a revoked key: %v", err)
		}
	})
	if !knows(r, bearer) {
		t.Error("the ring changed by itself")
	}
	if _, err := r.Reload(); err != nil || knows(r, bearer) || !knows(r, access) {
		t.Errorf("after the revocation: %v", err)
	}
	if changed, err := r.Reload(); changed || err != nil {
		t.Errorf("nothing had changed: %v, %v", changed, err)
	}
	if err := r.SetTenants(map[string]sigv4.Tenant{"other": {Name: "other"}}); err != nil || knows(r, access) {
		t.Errorf("a key of a tenant that is not configured works: %v", err)
	}
	if err := os.Remove(s.Path); err != nil {
		t.Fatal(err)
	}
	if changed, err := r.Reload(); !changed || err != nil || r.Len() != 0 {
		t.Errorf("without a file: %v, %v, %d keys", changed, err, r.Len())
	}
}

func TestCreateRefuses(t *testing.T) {
	for want, n := range map[string]keys.New{
		"tenant":  {Kind: keys.Bearer},
		"kind":    {Kind: "token", Tenant: "a"},
		"note":    {Kind: keys.Bearer, Tenant: "a", Note: "two\nlines"},
		"expires": {Kind: keys.Bearer, Tenant: "a", Expires: epoch},
	} {
		if _, err := new(keys.File).Create(n, epoch); err == nil || !strings.HasPrefix(err.Error(), want+":") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestTampering changes every member of every key, and of the file, of a sealed
// store: each change is noticed. Without it the store can be read.
func TestTampering(t *testing.T) {
	s, bearer, _ := store(t, master(t, "ab"))
	update(t, s, func(f *keys.File) { // so that every member has a value
		create(t, f, keys.New{Kind: keys.SigV4, Tenant: "team-a", Note: "n", Expires: epoch.Add(time.Hour)})
		if _, err := f.Rotate(f.Keys[2].ID, time.Minute, time.Time{}, epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Revoke(bearer.ID, epoch); err != nil {
			t.Fatal(err)
		}
	})
	whole, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	parse := func() map[string]any {
		var v map[string]any
		if err := json.Unmarshal(whole, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	try := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := s.Read()
		if name == "" {
			if err != nil || len(f.Keys) != 4 {
				t.Fatalf("unchanged: %v", err)
			}
			return
		}
		if err == nil {
			t.Errorf("%s was changed, and nobody noticed", name)
		}
	}
	try("", parse())
	tried := 0
	for name := range parse() {
		v := parse()
		v[name] = other(v[name])
		try(name, v)
	}
	for i := range parse()["keys"].([]any) {
		for name := range parse()["keys"].([]any)[i].(map[string]any) {
			v := parse()
			k := v["keys"].([]any)[i].(map[string]any)
			k[name] = other(k[name])
			try(fmt.Sprintf("keys[%d].%s", i, name), v)
			v = parse()
			delete(v["keys"].([]any)[i].(map[string]any), name)
			try(fmt.Sprintf("keys[%d] without %s", i, name), v)
			tried++
		}
	}
	v := parse()
	v["keys"] = append(v["keys"].([]any), v["keys"].([]any)[1])
	try("an added key", v)
	if tried < 20 {
		t.Errorf("only %d members", tried)
	}
}

func other(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case float64:
		return v + 1
	case []any:
		return v[1:]
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.Add(time.Hour).Format(time.RFC3339)
		}
		last := "A"
		if strings.HasSuffix(strings.ToUpper(v), "A") { // hex is the same in capitals
			last = "B"
		}
		return v[:len(v)-1] + last
	}
	return nil
}

func TestMasterKeys(t *testing.T) {
	s, _, access := store(t, master(t, "ab"))
	for want, with := range map[string]*keys.Master{
		"the master key is not the one":        master(t, "cd"),
		"it is sealed: set OUTCROP_MASTER_KEY": nil,
	} {
		wrong := keys.Store{Path: s.Path, Master: with}
		_, err := wrong.Read()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), access.Secret) {
			t.Errorf("want %q, got %v", want, err)
		}
		if err := wrong.Update(func(*keys.File) error { return nil }); err == nil {
			t.Error("a store that could not be read was written")
		}
	}
	plain, _, access := store(t, nil)
	sealing := keys.Store{Path: plain.Path, Master: master(t, "ab")}
	if _, err := sealing.Read(); err == nil || !strings.Contains(err.Error(), "outcrop keys seal") {
		t.Errorf("a store that is not sealed: %v", err)
	}
	if done, err := sealing.Seal(); !done || err != nil {
		t.Fatalf("%v, %v", done, err)
	}
	if done, err := sealing.Seal(); done || err != nil {
		t.Errorf("sealed twice: %v, %v", done, err)
	}
	other := keys.Store{Path: plain.Path, Master: master(t, "cd")}
	if done, err := other.Seal(); done || err == nil || !strings.Contains(err.Error(), "the master key is not the one") {
		t.Errorf("sealed with another key: %v, %v", done, err)
	}
	now := epoch
	if !knows(open(t, sealing, &now), access) {
		t.Error("sealing lost a secret")
	}
	for _, text := range []string{"", "password", strings.Repeat("ab", 31), strings.Repeat("zz", 32)} {
		if _, err := keys.ParseMaster(text); err == nil {
			t.Errorf("%q is a master key", text)
		}
	}
	for _, text := range []string{" " + strings.Repeat("AB", 32) + "\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := keys.ParseMaster(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDamagedStores(t *testing.T) {
	s := keys.Store{Path: filepath.Join(t.TempDir(), "keys.json")}
	for text, want := range map[string]string{
		"":              "damaged",
		`{"format":1}x`: "damaged",
		`{"format":2}`:  "format: it is 2, and this program reads 1",
		`{"format":1,"keys":[{"id":"a","kind":"x","tenant":"t"}]}`:                                              "keys[0].kind",
		`{"format":1,"keys":[{"id":"a","kind":"bearer"}]}`:                                                      "keys[0].tenant",
		`{"format":1,"keys":[{"kind":"bearer","tenant":"t"}]}`:                                                  "keys[0].id",
		`{"format":1,"keys":[{"id":"a","kind":"bearer","tenant":"t"},{"id":"a","kind":"bearer","tenant":"t"}]}`: "keys[1].id",
	} {
		if err := os.WriteFile(s.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.Path) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := os.WriteFile(s.Path, []byte(`{"format":1,"keys":[{"id":"a","kind":"bearer","tenant":"team-a","sha256":"12"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Open(s, tenants, nil); err == nil || !strings.Contains(err.Error(), "keys[0].sha256") {
		t.Errorf("%v", err)
	}
}

// A store that is damaged while a server runs leaves its keys as they were.
func TestReloadKeepsWhatItHas(t *testing.T) {
	s, bearer, _ := store(t, nil)
	now := epoch
	r := open(t, s, &now)
	if err := os.WriteFile(s.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the error is told as long as it lasts
		if _, err := r.Reload(); err == nil || !knows(r, bearer) {
			t.Errorf("%v", err)
		}
	}
}

// TestUpdatesAtOnce: none of many changes made at the same time is lost.
func TestUpdatesAtOnce(t *testing.T) {
	s, _, _ := store(t, master(t, "ab"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			update(t, s, func(f *keys.File) { create(t, f, keys.New{Kind: keys.Bearer, Tenant: "team-a"}) })
		})
	}
	wg.Wait()
	if f, err := s.Read(); err != nil || len(f.Keys) != 22 {
		t.Errorf("%d keys, %v", len(f.Keys), err)
	}
}

// TestNothingPrintsASecret prints everything that holds one in every way.
func TestNothingPrintsASecret(t *testing.T) {
	m := master(t, "ab")
	s, bearer, access := store(t, m)
	f, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	now := epoch
	key, _ := open(t, s, &now).Key(access.ID)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(strings.Repeat(format, 5), bearer, access, f.Keys, key, m)
		if strings.Contains(text, bearer.Token) || strings.Contains(text, access.Secret) {
			t.Errorf("%s shows a secret", format)
		}
	}
}

// FuzzStore: no file panics, and what is read has keys that a ring takes or
// refuses by name.
func FuzzStore(f *testing.F) {
	s, _, _ := store(f, nil)
	text, err := os.ReadFile(s.Path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, false)
	f.Add([]byte(`{"format":1,"sealed":true,"check":"","keys":[],"mac":""}`), true)
	dir := f.TempDir()
	m := master(f, "ab")
	f.Fuzz(func(t *testing.T, text []byte, sealed bool) {
		s := keys.Store{Path: filepath.Join(dir, "keys.json")}
		if sealed {
			s.Master = m
		}
		if err := os.WriteFile(s.Path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := keys.Open(s, tenants, nil)
		if err != nil {
			if !strings.Contains(err.Error(), s.Path) {
				t.Fatalf("the error does not name the file: %v", err)
			}
			return
		}
		if sealed {
			t.Fatal("a sealed store was made without its master key")
		}
		r.Len()
	})
}
