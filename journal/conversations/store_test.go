package conversations_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/internal/conversationstest"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/conversations"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

func open(t testing.TB, j *journal.Journal, key []byte) *conversations.Store {
	t.Helper()
	s, err := conversations.Open(t.Context(), j, conversations.Config{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// later is a moment that the journal's clock has not reached before and has
// passed after.
func later(t *testing.T) time.Time {
	for begun := time.Now(); ; {
		if now := time.Now(); now.Sub(begun) > time.Microsecond {
			return now
		}
	}
}

func TestStore(t *testing.T) {
	for name, key := range map[string][]byte{"plain": nil, "encrypted": bytes.Repeat([]byte{7}, conversations.KeySize)} {
		t.Run(name, func(t *testing.T) {
			conversationstest.Run(t, func(t *testing.T) outcrop.Conversations { return open(t, journaltest.Open(t), key) }, later)
		})
	}
}

var (
	trip = outcrop.ConversationKey{Tenant: "a", ID: "trip"}
	text = []byte("nobody may read this")
)

func write(t *testing.T, s *conversations.Store) {
	t.Helper()
	if _, err := s.PutHead(t.Context(), trip, text, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), trip, text, 0); err != nil {
		t.Fatal(err)
	}
}

// Encrypted conversations need their key, and nothing of them lies in the files.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	key, other := bytes.Repeat([]byte{1}, conversations.KeySize), bytes.Repeat([]byte{2}, conversations.KeySize)
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	write(t, open(t, j, key))
	for name, wrong := range map[string][]byte{"none": nil, "another": other, "short": key[:16]} {
		_, err := conversations.Open(t.Context(), j, conversations.Config{Key: wrong})
		if _, ok := errors.AsType[*conversations.KeyError](err); !ok {
			t.Errorf("with %s key: %v", name, err)
		}
	}
	closeNow()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, text) {
			t.Errorf("%s holds the text", path)
		}
		info, _ := d.Info()
		if info.Mode().Perm()&0o077 != 0 && filepath.Dir(path) != dir {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || n == 0 {
		t.Errorf("%d files, %v", n, err)
	}
	j, _ = journaltest.OpenDir(t, dir, journal.Config{})
	c, err := open(t, j, key).Load(t.Context(), trip)
	if err != nil || !bytes.Equal(c.Head, text) || !bytes.Equal(c.Records[0], text) {
		t.Errorf("it holds %v, %v", c, err)
	}
}

// A key that comes later encrypts what is written from then on.
func TestKeyLater(t *testing.T) {
	j := journaltest.Open(t)
	write(t, open(t, j, nil))
	s := open(t, j, bytes.Repeat([]byte{1}, conversations.KeySize))
	c, err := s.Load(t.Context(), trip)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), trip, text, c.Last); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Load(t.Context(), trip); err != nil || len(c.Records) != 2 {
		t.Errorf("it holds %v, %v", c, err)
	}
}

// A deletion that was cut short is finished when the store is opened.
func TestDeleteCutShort(t *testing.T) {
	j := journaltest.Open(t)
	s := open(t, j, nil)
	write(t, s)
	heads, err := j.Bucket(t.Context(), journal.BucketConfig{Name: "conversations", Format: journal.Format{Name: "conversation", Version: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := heads.Put(t.Context(), "d.a.trip", []byte{0}); err != nil {
		t.Fatal(err)
	}
	s = open(t, j, nil)
	if _, err := s.Load(t.Context(), trip); !errors.Is(err, outcrop.ErrNoConversation) {
		t.Errorf("the error is %v", err)
	}
	write(t, s)
	if c, err := s.Load(t.Context(), trip); err != nil || len(c.Records) != 1 {
		t.Errorf("it holds %v, %v", c, err)
	}
}

// BenchmarkRestart opens a directory with 100,000 conversations and reads one.
// It is slow to begin: go test -run '^$' -bench Restart -benchtime 3x.
func BenchmarkRestart(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		dir := b.TempDir()
		fill(b, dir, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				j, closeNow := journaltest.OpenDir(b, dir, journal.Config{})
				c, err := open(b, j, nil).Load(b.Context(), outcrop.ConversationKey{Tenant: "a", ID: fmt.Sprint(n / 2)})
				if err != nil || len(c.Records) != 1 {
					b.Fatal(c, err)
				}
				b.StopTimer()
				closeNow()
				b.StartTimer()
			}
		})
	}
}

func fill(b *testing.B, dir string, n int) {
	b.Helper()
	j, closeNow := journaltest.OpenDir(b, dir, journal.Config{})
	open(b, j, nil)
	// As the store writes them, and without waiting for each to be on disk.
	heads, err := j.Stream(b.Context(), journal.StreamConfig{Name: "conversations", Format: journal.Format{Name: "conversation", Version: 1}, Last: 1})
	if err != nil {
		b.Fatal(err)
	}
	turns, err := j.Stream(b.Context(), journal.StreamConfig{Name: "turns", Format: journal.Format{Name: "turn", Version: 1}})
	if err != nil {
		b.Fatal(err)
	}
	record := append([]byte{0}, bytes.Repeat([]byte("x"), 500)...)
	var waiting []*journal.Pending
	for i := range n {
		for s, subject := range map[*journal.Stream]string{heads: fmt.Sprintf("c.a.%d", i), turns: fmt.Sprintf("a.%d", i)} {
			p, err := s.Begin(subject, record)
			if err != nil {
				b.Fatal(err)
			}
			waiting = append(waiting, p)
		}
		if len(waiting) >= 200 {
			for _, p := range waiting {
				if _, err := p.Wait(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			waiting = waiting[:0]
		}
	}
	for _, p := range waiting {
		if _, err := p.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	closeNow()
}
