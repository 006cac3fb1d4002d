// Package journaltest opens journals for tests.
package journaltest

import (
	"context"
	"testing"

	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/owner"
)

// Open opens a journal in a temporary directory, for as long as the test lasts.
func Open(t testing.TB) *journal.Journal {
	t.Helper()
	j, _ := OpenDir(t, t.TempDir(), journal.Config{})
	return j
}

// OpenDir opens the journal of a data directory, and returns what closes it
// before the test ends; calling that again does nothing. The lock is filled in.
func OpenDir(t testing.TB, dir string, c journal.Config) (j *journal.Journal, closeNow func()) {
	t.Helper()
	lock, err := owner.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.Lock = lock
	j, err = journal.Open(t.Context(), c)
	if err != nil {
		_ = lock.Release()
		t.Fatal(err)
	}
	closeNow = func() {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(closeNow)
	return j, closeNow
}
