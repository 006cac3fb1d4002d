package journal_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

// One owner works on a thing at a time. What it gives back, or lets lapse,
// another may take.
func TestLeases(t *testing.T) {
	url := cluster(t, time.Minute)
	config := journal.Config{URL: url, LeaseTime: 300 * time.Millisecond}
	dirA := t.TempDir()
	a, closeA := journaltest.OpenDir(t, dirA, config)
	b, _ := journaltest.OpenDir(t, t.TempDir(), config)

	held, err := a.Leases().Acquire(t.Context(), "job.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range []*journal.Journal{a, b} {
		_, err := j.Leases().Acquire(t.Context(), "job.1")
		if by, ok := errors.AsType[*journal.HeldError](err); !ok || by.Owner != a.Owner() || by.Key != "job.1" {
			t.Errorf("a second lease: error %v, want a HeldError of %s", err, a.Owner())
		}
	}
	// It outlives its time by heartbeats: the other owner is refused each time
	// over several of them.
	for end := time.Now().Add(3 * config.LeaseTime); time.Now().Before(end); {
		if _, err := b.Leases().Acquire(t.Context(), "job.1"); err == nil {
			t.Fatal("a lease with heartbeats was taken by another owner")
		}
	}
	if err := held.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	taken, err := b.Leases().Acquire(t.Context(), "job.1")
	if err != nil {
		t.Fatalf("a lease that was given back: %v", err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Errorf("giving it back again: %v", err)
	}
	if _, err := a.Leases().Acquire(t.Context(), "job.1"); err == nil {
		t.Error("giving back an old lease freed the new one")
	}
	select {
	case <-taken.Lost():
		t.Error("the lease is lost")
	default:
	}

	// A killed process sends no more heartbeats; Close gives back, so an
	// earlier run is made by hand: the same node with another run.
	again, err := a.Leases().Acquire(t.Context(), "job.2")
	if err != nil {
		t.Fatal(err)
	}
	closeA()
	a, _ = journaltest.OpenDir(t, dirA, config)
	if _, err := a.Leases().Acquire(t.Context(), "job.2"); err != nil {
		t.Errorf("the lease of an earlier run: %v", err)
	}
	_ = again
}

// A heartbeat that the server took, and whose answer was lost, costs nobody the
// lease.
func TestLeaseAfterALostAnswer(t *testing.T) {
	url := cluster(t, time.Minute)
	config := journal.Config{URL: url, LeaseTime: 300 * time.Millisecond}
	a, _ := journaltest.OpenDir(t, t.TempDir(), config)
	b, _ := journaltest.OpenDir(t, t.TempDir(), config)
	held, err := a.Leases().Acquire(t.Context(), "job.1")
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := b.Bucket(t.Context(), journal.BucketConfig{Name: "leases", Format: journal.Format{Name: "lease", Version: 1}, MaxAge: config.LeaseTime, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(a.Owner())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Put(t.Context(), "job.1", value); err != nil { // as a's heartbeat would
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * config.LeaseTime); time.Now().Before(end); {
		if _, err := b.Leases().Acquire(t.Context(), "job.1"); err == nil {
			t.Fatal("the lease was taken by another owner")
		}
	}
	select {
	case <-held.Lost():
		t.Error("the lease is lost")
	default:
	}
}
