// Package deliveries keeps in a journal how far the targets of events have been
// told: it is the durable events.Ledger.
//
//	ledger, err := deliveries.Open(ctx, j)
//	d, err := events.Open(ctx, events.Config{Ledger: ledger, …})
//
// One bucket holds it all:
//
//	since.<target>       when the target was first seen
//	told.<job>.<target>  how many of the job's changes it has taken
package deliveries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/journal"
)

// Ledger is an events.Ledger on a journal.
type Ledger struct{ bucket *journal.Bucket }

var _ events.Ledger = (*Ledger)(nil)

// Open opens the ledger of a journal.
func Open(ctx context.Context, j *journal.Journal) (*Ledger, error) {
	bucket, err := j.Bucket(ctx, journal.BucketConfig{Name: "deliveries", Format: journal.Format{Name: "delivery", Version: 1}})
	if err != nil {
		return nil, err
	}
	return &Ledger{bucket}, nil
}

// Since is when a target was first seen.
func (l *Ledger) Since(ctx context.Context, target string, now time.Time) (time.Time, error) {
	key := "since." + journal.Token(target)
	_, err := l.bucket.Create(ctx, key, []byte(now.UTC().Format(time.RFC3339Nano)))
	if err == nil {
		return now, nil
	}
	if !errors.Is(err, journal.ErrConflict) {
		return time.Time{}, err
	}
	m, err := l.bucket.Get(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	since, err := time.Parse(time.RFC3339Nano, string(m.Data))
	if err != nil {
		return time.Time{}, fmt.Errorf("the journal's %s cannot be read: %w", key, err)
	}
	return since, nil
}

// Told yields what Tell has kept.
func (l *Ledger) Told(ctx context.Context) iter.Seq2[events.Told, error] {
	return func(yield func(events.Told, error) bool) {
		for m, err := range l.bucket.All(ctx, "told.>") {
			var t events.Told
			if err == nil {
				t, err = read(m)
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

func read(m *journal.Message) (events.Told, error) {
	var d delivery
	parts := strings.Split(m.Subject, ".")
	err := json.Unmarshal(m.Data, &d)
	if len(parts) != 3 || err != nil || d.Changes < 0 {
		return events.Told{}, fmt.Errorf("the journal holds %s, which is no delivery", m.Subject)
	}
	return events.Told{Target: d.Target, Job: parts[1], Changes: d.Changes}, nil
}

// delivery is the value of told.<job>.<target>.
type delivery struct {
	Target  string `json:"target"`
	Changes int    `json:"changes"`
}

// Tell keeps that so many changes of a job are delivered to a target.
func (l *Ledger) Tell(ctx context.Context, t events.Told) error {
	text, err := json.Marshal(delivery{t.Target, t.Changes})
	if err == nil {
		_, err = l.bucket.Put(ctx, "told."+t.Job+"."+journal.Token(t.Target), text)
	}
	return err
}

// Forget drops a job.
func (l *Ledger) Forget(ctx context.Context, job string) error {
	return l.bucket.Delete(ctx, "told."+job+".*")
}
