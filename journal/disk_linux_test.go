package journal_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

// A full disk fails writes at once, with the reason, and reads go on; with room
// on the disk there are writes again. Nothing that was acknowledged is gone, and
// no lease was lost meanwhile. It takes a file system of its own, and so root.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	grow := journaltest.SmallDisk(t, dir, 3)
	const lasts = 1500 * time.Millisecond // less than the disk stays full
	j, _ := journaltest.OpenDir(t, dir, journal.Config{LeaseTime: lasts})
	s := openStream(t, j, turns)
	small := openStream(t, j, journal.StreamConfig{Name: "small", Format: turns.Format})
	add(t, small, "n", "before")
	lease, err := j.Leases().Acquire(t.Context(), "job.a")
	if err != nil {
		t.Fatal(err)
	}

	kept := map[string]bool{}
	filler := strings.Repeat(" ", 50_000)
	for n := 0; err == nil && n < 1000; n++ {
		text := fmt.Sprint(n, filler)
		if _, err = s.Append(t.Context(), "c1", []byte(text)); err == nil {
			kept["c1="+text] = true
		}
	}
	_, isDisk := errors.AsType[*journal.DiskError](err)
	if !isDisk || len(kept) == 0 || !strings.Contains(err.Error(), "no space left on device") {
		t.Fatalf("after %d messages: %v", len(kept), err)
	}
	if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceUnavailable || bedrock.Code(e.Code).Status != http.StatusServiceUnavailable ||
		!e.Retryable || !strings.Contains(e.Message, "no space left on device; make room") || strings.Contains(e.Message, dir) {
		t.Errorf("callers see %+v", e)
	}
	for _, stream := range []*journal.Stream{s, small} {
		if _, err := stream.Begin("n", []byte("x")); !errors.Is(err, j.Err()) || j.Err() == nil {
			t.Errorf("another write: error %v, want %v", err, j.Err())
		}
	}
	if m, err := small.Last(t.Context(), "n"); err != nil || string(m.Data) != "before" {
		t.Errorf("what was there: %v, %v", m, err)
	}

	grow()
	for j.Err() != nil {
		if t.Context().Err() != nil {
			t.Fatal(j.Err())
		}
		if _, err := small.Last(t.Context(), "n"); err != nil {
			t.Fatalf("while the store is opened anew: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	for _, m := range all(t, s, journal.Query{}) {
		delete(kept, m)
	}
	if len(kept) > 0 {
		t.Errorf("%d messages that were acknowledged are gone", len(kept))
	}
	for range 300 { // more than may be under way at once
		p, err := s.Begin("c2", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * lasts) // a lease that was not taken anew has lapsed
	select {
	case <-lease.Lost():
		t.Error("the lease was lost")
	default:
	}
	if _, err := j.Leases().Acquire(t.Context(), "job.a"); err == nil {
		t.Error("the lease was given to somebody else")
	}
}

// A store that cannot be read as it was written, once there is room, is refused
// as at a start.
func TestFullDiskDamaged(t *testing.T) {
	dir := t.TempDir()
	grow := journaltest.SmallDisk(t, dir, 3)
	j, _ := journaltest.OpenDir(t, dir, journal.Config{})
	s := openStream(t, j, turns)
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		_, err = s.Append(t.Context(), "c1", make([]byte, 50_000))
	}
	damage["a stream without its sum"].do(t, filepath.Join(dir, "journal", "jetstream", "$G", "streams", "OUTCROP_TURNS"))
	grow()
	var damaged *journal.DamagedError
	for !errors.As(j.Err(), &damaged) && j.Err() != nil && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if damaged == nil {
		t.Fatalf("it is open again, with %v", j.Err())
	}
	if _, err := s.Append(t.Context(), "c1", []byte("x")); !errors.Is(err, damaged) {
		t.Errorf("a write: %v", err)
	}
	if _, err := s.Last(t.Context(), "c1"); !errors.Is(err, damaged) {
		t.Errorf("a read: %v", err)
	}
}

// Writes that were under way when the disk became full hold nobody up later.
func TestFullDiskUnderWay(t *testing.T) {
	dir := t.TempDir()
	grow := journaltest.SmallDisk(t, dir, 3)
	j, _ := journaltest.OpenDir(t, dir, journal.Config{})
	s := openStream(t, j, turns)
	begin := func(subject string, bytes int) (pending []*journal.Pending) {
		for len(pending) < 256 { // as many as may be
			p, err := s.Begin(subject, make([]byte, bytes))
			if err != nil {
				break
			}
			pending = append(pending, p)
		}
		return pending
	}
	kept, failed := 0, 0 // none may be kept: what was not acknowledged by then fails
	for _, p := range begin("c1", 50_000) {
		if _, err := p.Wait(t.Context()); err == nil {
			kept++
		} else if failed++; !errors.Is(err, j.Err()) {
			t.Errorf("error %v", err)
		}
	}
	if failed == 0 {
		t.Fatal("no write failed")
	}
	grow()
	for j.Err() != nil && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	again := begin("c2", 1)
	if len(again) != 256 {
		t.Errorf("with room, %d writes are begun at once", len(again))
	}
	for _, p := range again {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(all(t, s, journal.Query{Subject: "c1"})); n < kept {
		t.Errorf("%d messages are there, of %d that were acknowledged", n, kept)
	}
}
