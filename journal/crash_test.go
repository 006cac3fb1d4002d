package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
	"github.com/outcrop-ai/outcrop/owner"
)

// child is a process that appends numbers to a journal, makes and deletes
// streams on the way, and says which numbers are acknowledged, until it is
// killed.
func child() {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	lock, err := owner.Acquire(os.Getenv("JOURNAL_TEST_CHILD"))
	fail(err)
	j, err := journal.Open(ctx, journal.Config{Lock: lock})
	fail(err)
	s, err := j.Stream(ctx, turns)
	fail(err)
	n := 0
	if m, err := s.Last(ctx, "n"); err == nil {
		n, err = strconv.Atoi(strings.TrimSpace(string(m.Data)))
		fail(err)
	}
	for n++; ; n++ {
		name := fmt.Sprintf("job-%d", n)
		job, err := j.Stream(ctx, journal.StreamConfig{Name: name, Format: turns.Format, Passing: true})
		fail(err)
		_, err = job.Append(ctx, "x", []byte("x"))
		fail(err)
		_, err = s.Append(ctx, "n", []byte(strconv.Itoa(n)+strings.Repeat(" ", 5000)))
		fail(err)
		fmt.Println(n)
		fail(j.DeleteStream(ctx, name))
	}
}

// A process that is killed at any moment loses nothing that was acknowledged,
// and its directory opens again.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 10 {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), "JOURNAL_TEST_CHILD="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + rand.IntN(30); lines.Scan(); {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("round %d: the child says %q", round, lines.Text())
			}
			acknowledged = n
			if left--; left == 0 {
				if err := c.Process.Kill(); err != nil { // what it still says is read on
					t.Fatal(err)
				}
			}
		}
		_ = c.Wait() // it was killed
	}
	j, _ := journaltest.OpenDir(t, dir, journal.Config{})
	want := 1
	for m, err := range openStream(t, j, turns).Read(t.Context(), journal.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(m.Data)); got != strconv.Itoa(want) {
			t.Fatalf("message %d is %s", want, got)
		}
		want++
	}
	if want <= acknowledged {
		t.Errorf("%d messages, of %d that were acknowledged", want-1, acknowledged)
	}
}

// damage is something that happens to the files of stream turns, which has 200
// messages of 10 kB.
var damage = map[string]struct {
	do   func(t *testing.T, stream string)
	want string // of the DamagedError; "" when nothing that was acknowledged is gone
}{
	"a byte in the middle": {func(t *testing.T, stream string) {
		block := filepath.Join(stream, "msgs", "1.blk")
		text, err := os.ReadFile(block)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 0xff
		if err := os.WriteFile(block, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "1 messages of stream OUTCROP_TURNS under c1 cannot be read"},
	"a stream without a name":  {remove("meta.inf"), "stream OUTCROP_TURNS cannot be read"},
	"a stream without its sum": {remove("meta.sum"), "stream OUTCROP_TURNS cannot be read"},
	"a stream that is gone": {func(t *testing.T, stream string) {
		if err := os.RemoveAll(stream); err != nil {
			t.Fatal(err)
		}
	}, "stream OUTCROP_TURNS cannot be read"},
	"an index that is gone": {remove("msgs/index.db"), ""},
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, stream string) {
		if err := os.Remove(filepath.Join(stream, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
}

// A store that cannot be read as it was written is refused by name: nothing of
// it is silently missing.
func TestDamage(t *testing.T) {
	for name, c := range damage {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
			s := openStream(t, j, turns)
			for i := range 200 {
				add(t, s, "c1", strconv.Itoa(i)+strings.Repeat(" ", 10_000))
			}
			closeNow()
			c.do(t, filepath.Join(dir, "journal", "jetstream", "$G", "streams", "OUTCROP_TURNS"))
			if c.want == "" {
				j, _ := journaltest.OpenDir(t, dir, journal.Config{})
				if n := len(all(t, openStream(t, j, turns), journal.Query{})); n != 200 {
					t.Errorf("%d messages are left", n)
				}
				return
			}
			err := openAndRead(t, dir)
			if _, ok := errors.AsType[*journal.DamagedError](err); !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want a DamagedError that names the directory and has %q", err, c.want)
			}
		})
	}
}

// openAndRead is the error of opening a journal, or of reading its stream.
func openAndRead(t *testing.T, dir string) error {
	t.Helper()
	lock, err := owner.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	j, err := journal.Open(t.Context(), journal.Config{Lock: lock})
	if err != nil {
		return err
	}
	defer j.Close(context.Background())
	for _, err := range openStream(t, j, turns).Read(t.Context(), journal.Query{}) {
		if err != nil {
			return err
		}
	}
	return nil
}
