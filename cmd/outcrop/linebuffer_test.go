package main

import (
	"fmt"
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
		expect("e")
		say("f")
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		say("g")
		expect("f|g")
	})
}

// stuck is a writer that nobody reads, until there is somebody.
type stuck struct {
	writes
	read chan struct{}
}

func (w *stuck) Write(p []byte) (int, error) {
	<-w.read
	return w.writes.Write(p)
}

// TestLineBufferStuck: who logs never waits for who reads the log. What there is
// no room for is counted, and the end is not held up either.
func TestLineBufferStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuck{read: make(chan struct{})}
		b := &lineBuffer{w: w}
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const kept, lost = 1 + lineRoom/1024, 500
		begun := time.Now()
		for i := range kept + lost {
			if n, err := b.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
			if i == 0 {
				synctest.Wait() // until that one is being written
			}
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("who logs waited for %v", waited)
		}
		if err := b.Close(); err == nil || time.Since(begun) > lineClose {
			t.Errorf("Close: %v after %v", err, time.Since(begun))
		}
		if _, err := b.Write(line); err != nil {
			t.Error(err)
		}
		close(w.read)
		synctest.Wait()
		got := w.take()
		if lines := strings.Count(got, string(line)); lines != kept || !strings.HasSuffix(got, fmt.Sprintf(" lines=%d\n", lost+1)) {
			t.Errorf("%d lines, want %d; at the end %q", lines, kept, got[len(got)-100:])
		}
	})
}
