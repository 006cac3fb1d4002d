package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
	"github.com/outcrop-ai/outcrop/owner"
)

func TestMain(m *testing.M) {
	if os.Getenv("JOURNAL_TEST_CHILD") != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

var turns = journal.StreamConfig{Name: "turns", Format: journal.Format{Name: "turn", Version: 1}}

func openStream(t *testing.T, j *journal.Journal, c journal.StreamConfig) *journal.Stream {
	t.Helper()
	s, err := j.Stream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *journal.Stream, subject, text string, options ...journal.AppendOption) uint64 {
	t.Helper()
	sequence, err := s.Append(t.Context(), subject, []byte(text), options...)
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}

// all is what a query yields, as subject=data.
func all(t *testing.T, s *journal.Stream, q journal.Query) []string {
	t.Helper()
	var got []string
	for m, err := range s.Read(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Subject+"="+string(m.Data))
	}
	return got
}

// What was appended is there after a restart, in its order, by subject.
func TestStreamSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	s := openStream(t, j, turns)
	for i := range 300 {
		add(t, s, fmt.Sprintf("a.%d", i%2), fmt.Sprint(i), journal.WithHeader("Outcrop-N", fmt.Sprint(i)))
	}
	node := j.Owner().Node
	closeNow()

	j, _ = journaltest.OpenDir(t, dir, journal.Config{})
	s = openStream(t, j, turns)
	if j.Owner().Node != node {
		t.Errorf("the node was %s and is %s", node, j.Owner().Node)
	}
	n := 0
	for m, err := range s.Read(t.Context(), journal.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint(n); string(m.Data) != want || m.Header["Outcrop-N"] != want || m.Sequence != uint64(n+1) || m.Version != 1 || time.Since(m.Time) > time.Hour {
			t.Fatalf("message %d is %+v", n, m)
		}
		n++
	}
	if n != 300 {
		t.Errorf("%d messages, want 300", n)
	}
	if got := all(t, s, journal.Query{Subject: "a.1", From: 296}); !slices.Equal(got, []string{"a.1=295", "a.1=297", "a.1=299"}) {
		t.Errorf("the tail of one subject is %v", got)
	}
	if got, err := s.Subjects(t.Context(), "a.*"); err != nil || !maps.Equal(got, map[string]uint64{"a.0": 150, "a.1": 150}) {
		t.Errorf("the subjects are %v, error %v", got, err)
	}
	if got := all(t, s, journal.Query{Subject: "b.>"}); got != nil {
		t.Errorf("a subject without messages yields %v", got)
	}
}

// Of two writers who expect the same last message, one wins.
func TestExpectLast(t *testing.T) {
	s := openStream(t, journaltest.Open(t), turns)
	first := add(t, s, "c1", "one", journal.ExpectLast(0))
	add(t, s, "c2", "other", journal.ExpectLast(0))
	if _, err := s.Append(t.Context(), "c1", []byte("late"), journal.ExpectLast(0)); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("a second beginning: error %v, want ErrConflict", err)
	}
	second := add(t, s, "c1", "two", journal.ExpectLast(first))
	if _, err := s.Append(t.Context(), "c1", []byte("late"), journal.ExpectLast(first)); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("a turn on an old one: error %v, want ErrConflict", err)
	}
	if m, err := s.Last(t.Context(), "c1"); err != nil || m.Sequence != second || string(m.Data) != "two" {
		t.Errorf("the last turn is %+v, error %v", m, err)
	}
	if err := s.Purge(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Last(t.Context(), "c1"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("after Purge: error %v, want ErrNotFound", err)
	}
	if _, err := s.Get(t.Context(), second); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("after Purge, by number: error %v, want ErrNotFound", err)
	}
	if got := all(t, s, journal.Query{}); !slices.Equal(got, []string{"c2=other"}) {
		t.Errorf("what is left is %v", got)
	}
}

// Messages go up to what the embedded server takes, and no further.
func TestLargeMessages(t *testing.T) {
	j := journaltest.Open(t)
	s := openStream(t, j, turns)
	large := bytes.Repeat([]byte("x"), 30<<20)
	sequence, err := s.Append(t.Context(), "a", large)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.Get(t.Context(), sequence); err != nil || !bytes.Equal(m.Data, large) {
		t.Errorf("a large message comes back otherwise; error %v", err)
	}
	if _, err := s.Append(t.Context(), "a", make([]byte, j.MaxMessage()+1)); !errors.Is(err, journal.ErrTooLarge) {
		t.Errorf("a message beyond the limit: error %v, want ErrTooLarge", err)
	}
}

func TestBucket(t *testing.T) {
	dir := t.TempDir()
	config := journal.BucketConfig{Name: "tags", Format: journal.Format{Name: "tag", Version: 1}}
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	b, err := j.Bucket(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Create(t.Context(), "a.x", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), "a.x", []byte("2")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("creating twice: error %v, want ErrConflict", err)
	}
	if _, err := b.Update(t.Context(), "a.x", []byte("3"), first); err != nil {
		t.Error(err)
	}
	if _, err := b.Update(t.Context(), "a.x", []byte("4"), first); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("updating an old revision: error %v, want ErrConflict", err)
	}
	for _, key := range []string{"a.y", "b.z"} {
		if _, err := b.Put(t.Context(), key, []byte("5")); err != nil {
			t.Error(err)
		}
	}
	if err := b.Delete(t.Context(), "a.y"); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), "a.y"); err != nil {
		t.Errorf("deleting twice: %v", err)
	}
	closeNow()

	j, _ = journaltest.OpenDir(t, dir, journal.Config{})
	if b, err = j.Bucket(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	var got []string
	for m, err := range b.All(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Subject+"="+string(m.Data))
	}
	if !slices.Equal(got, []string{"a.x=3", "b.z=5"}) {
		t.Errorf("the bucket holds %v", got)
	}
	if _, err := b.Create(t.Context(), "a.y", []byte("6")); err != nil {
		t.Errorf("creating what was deleted: %v", err)
	}
}

// A message of a newer program is refused, by name; the store as well.
func TestNewerFormats(t *testing.T) {
	dir := t.TempDir()
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	newer := turns
	newer.Format.Version = 2
	add(t, openStream(t, j, newer), "c1", "from the future")
	s := openStream(t, j, turns)
	_, err := s.Last(t.Context(), "c1")
	format, ok := errors.AsType[*journal.FormatError](err)
	if !ok || format.Version != 2 || format.Known != 1 || !strings.Contains(err.Error(), "turn c1") {
		t.Errorf("a newer message: error %v, want a FormatError that names it", err)
	}
	for _, err := range s.Read(t.Context(), journal.Query{}) {
		if _, ok := errors.AsType[*journal.FormatError](err); !ok {
			t.Errorf("reading a newer message: error %v, want a FormatError", err)
		}
	}
	closeNow()

	path := filepath.Join(dir, "journal", "store.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"a newer format":  {`"format": 1`, `"format": 2`, "format 2, and this outcrop reads up to format 1"},
		"another mode":    {`"standalone"`, `"cluster"`, "that of a member of a cluster, and is to be opened as that of a single server"},
		"elsewhere":       {`"standalone"`, `"nats"`, "in a NATS cluster elsewhere"},
		"no mode":         {`"standalone"`, `""`, "store.json lacks"},
		"broken":          {`{`, `[`, "is damaged: store.json"},
		"an empty marker": {string(text), ``, "is damaged: store.json"},
	} {
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := refused(t, dir, journal.Config{}); !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %q, want %q", name, err, c.want)
		}
	}
}

// refused is the error of opening a directory.
func refused(t *testing.T, dir string, c journal.Config) error {
	t.Helper()
	lock, err := owner.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	c.Lock = lock
	j, err := journal.Open(t.Context(), c)
	if err == nil {
		j.Close(context.Background())
		t.Fatal("the journal was opened")
	}
	return err
}

// A store of one mode is not opened in another, with its marker or without.
func TestModes(t *testing.T) {
	dir := t.TempDir()
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	add(t, openStream(t, j, turns), "c1", "one")
	closeNow()
	files := filepath.Join(dir, "journal")
	for name, prepare := range map[string]func() error{
		"with its marker":    func() error { return nil },
		"without its marker": func() error { return os.Remove(filepath.Join(files, "store.json")) },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		mode, ok := errors.AsType[*journal.ModeError](refused(t, dir, journal.Config{URL: "nats://127.0.0.1:1"}))
		if !ok || mode.Was != journal.ModeStandalone || mode.Want != journal.ModeElsewhere {
			t.Errorf("%s, as a cluster's: %+v, want a ModeError", name, mode)
		}
	}
	if err := os.MkdirAll(filepath.Join(files, "jetstream", "$SYS", "_js_", "_meta_"), 0o700); err != nil {
		t.Fatal(err)
	}
	mode, ok := errors.AsType[*journal.ModeError](refused(t, dir, journal.Config{}))
	if !ok || mode.Was != journal.ModeCluster || mode.Want != journal.ModeStandalone {
		t.Errorf("the files of a cluster's member: %+v, want a ModeError", mode)
	}
}

func TestConfigErrors(t *testing.T) {
	lock, err := owner.Acquire(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]journal.Config{
		"Config.Lock is missing":       {},
		"Config.Name":                  {Lock: lock, Name: "a.b"},
		"Config.Replicas":              {Lock: lock, Replicas: 6},
		"nats://me:xxxxx@127.0.0.1:1 ": {Lock: lock, URL: "nats://me:secret@127.0.0.1:1"},
		"cannot be read":               {Lock: lock, URL: "nats://me:secret%ret@127.0.0.1:1"},
	} {
		if _, err := journal.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(t.Context(), journal.Config{Lock: lock}); err == nil || !strings.Contains(err.Error(), "was released") {
		t.Errorf("without its lock: error %v", err)
	}
}

// cluster is a NATS server of the user's: one is enough for the protocol.
func cluster(t *testing.T, replies time.Duration) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(replies) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}

// A cluster of the user's is used through the same code; programs of different
// names on it do not see each other's streams.
func TestElsewhere(t *testing.T) {
	url := cluster(t, time.Minute)
	dir := t.TempDir()
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{URL: url})
	add(t, openStream(t, j, turns), "c1", "one")
	if j.MaxMessage() != 1<<20 {
		t.Errorf("the largest message is %d bytes", j.MaxMessage())
	}
	if _, err := j.Leases().Acquire(t.Context(), "job.a"); err != nil {
		t.Fatal(err)
	}
	other, _ := journaltest.OpenDir(t, t.TempDir(), journal.Config{URL: url})
	if got := all(t, openStream(t, other, turns), journal.Query{}); !slices.Equal(got, []string{"c1=one"}) {
		t.Errorf("another node sees %v", got)
	}
	stranger, _ := journaltest.OpenDir(t, t.TempDir(), journal.Config{URL: url, Name: "Stranger"})
	if got := all(t, openStream(t, stranger, turns), journal.Query{}); got != nil {
		t.Errorf("a stranger sees %v", got)
	}
	var names []string
	for name, err := range stranger.StreamNames(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"leases", "turns"}) {
		t.Errorf("the stranger's streams are %v", names)
	}
	closeNow()
	if err := refused(t, dir, journal.Config{}); !strings.Contains(err.Error(), "in a NATS cluster elsewhere") {
		t.Errorf("opened as an embedded one: %v", err)
	}
}

// A journal that may store no more says so, and may again when there is room.
func TestFull(t *testing.T) {
	j, _ := journaltest.OpenDir(t, t.TempDir(), journal.Config{MaxDisk: 1 << 20})
	s := openStream(t, j, turns)
	var err error
	for n := 0; err == nil && n < 100; n++ {
		_, err = s.Append(t.Context(), "c1", make([]byte, 50_000))
	}
	if e := outcrop.AsError(err); !errors.Is(err, journal.ErrFull) || e.Code != bedrock.CodeServiceUnavailable || !e.Retryable || j.Err() != nil {
		t.Errorf("error %v; nothing can be written: %v", err, j.Err())
	}
	if _, err := j.Stream(t.Context(), journal.StreamConfig{Name: "another", Format: turns.Format, Passing: true}); err != nil {
		t.Errorf("an empty stream needs no room: %v", err)
	}
	if err := s.Purge(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	add(t, s, "c1", "one")
}

func TestToken(t *testing.T) {
	for text, want := range map[string]string{"": "_", "abc-1": "abc-1", "a b": "a_20b", "a_b": "a_5fb", "*.>": "_2a_2e_3e", "é": "_c3_a9"} {
		if got := journal.Token(text); got != want {
			t.Errorf("Token(%q) is %q, want %q", text, got, want)
		}
	}
}

// FuzzToken: no two texts have one token, and a token is one.
func FuzzToken(f *testing.F) {
	f.Add("a", "_61")
	f.Add("", "_")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := journal.Token(a), journal.Token(b)
		if (a == b) != (x == y) {
			t.Errorf("%q and %q have the tokens %q and %q", a, b, x, y)
		}
		if x == "" || strings.ContainsAny(x, ".*> \t\r\n\x00") {
			t.Errorf("%q has %q, which is no token", a, x)
		}
	})
}
