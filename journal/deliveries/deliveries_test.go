package deliveries_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/deliveries"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLedger: what was kept is there when the journal is opened again.
func TestLedger(t *testing.T) {
	dir := t.TempDir()
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	l, err := deliveries.Open(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	since(t, l, "ops_1", noon, noon)
	for _, d := range []events.Told{{Target: "ops_1", Job: "job1", Changes: 1}, {Target: "ops_1", Job: "job1", Changes: 2}, {Target: "log", Job: "job1", Changes: 5}, {Target: "log", Job: "job2", Changes: 3}} {
		if err := l.Tell(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	closeNow()
	j, _ = journaltest.OpenDir(t, dir, journal.Config{})
	if l, err = deliveries.Open(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	since(t, l, "ops_1", noon.Add(time.Hour), noon)
	since(t, l, "another", noon.Add(time.Hour), noon.Add(time.Hour))
	told(t, l, events.Told{Target: "log", Job: "job1", Changes: 5}, events.Told{Target: "log", Job: "job2", Changes: 3}, events.Told{Target: "ops_1", Job: "job1", Changes: 2})
	for range 2 { // one that is not there is fine
		if err := l.Forget(t.Context(), "job1"); err != nil {
			t.Fatal(err)
		}
	}
	told(t, l, events.Told{Target: "log", Job: "job2", Changes: 3})
}

func since(t *testing.T, l *deliveries.Ledger, target string, now, want time.Time) {
	t.Helper()
	if got, err := l.Since(context.Background(), target, now); err != nil || !got.Equal(want) {
		t.Errorf("%s was first seen at %v, error %v; want %v", target, got, err, want)
	}
}

func told(t *testing.T, l *deliveries.Ledger, want ...events.Told) {
	t.Helper()
	var got []events.Told
	for d, err := range l.Told(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	slices.SortFunc(got, func(a, b events.Told) int { return strings.Compare(a.Target+a.Job, b.Target+b.Job) })
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}
