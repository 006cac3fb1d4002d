package main

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// writes notes what comes in one write; the timer writes too.
type writes struct {
	mu  sync.Mutex
	all []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), nil
}

func (w *writes) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.all, "|")
	w.all = nil
	return all
}

// TestLineBuffer: a line alone is written at once, lines close together in one
// write, none later than lineDelay, and none is lost at the end.
func TestLineBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(writes)
		b := &lineBuffer{w: w}
		say := func(line string) {
			t.Helper()
			if n, err := b.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		expect := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := w.take(); got != want {
				t.Fatalf("%q was written, want %q", got, want)
			}
		}
		say("a")
		expect("a")
		say("b")
		say("c")
		expect("")
		time.Sleep(lineDelay)
		expect("bc")
		time.Sleep(lineDelay)
		say("d")
		expect("d")
		long := strings.Repeat("x", lineWaiting-1)
		say(long)
		say("y")
		expect(long + "y")
		time.Sleep(2 * lineDelay)
		expect("")
		say("e")
		say("f")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		say("g")
		expect("e|f|g")
	})
}
