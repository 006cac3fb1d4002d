package events

import (
	"context"
	"iter"
	"time"
)

// Ledger keeps how far targets have been told. Package journal/deliveries has
// one on a journal. What a method has returned without an error is kept. It is
// safe for concurrent use.
type Ledger interface {
	// Since is when a target was first seen: now, the first time.
	Since(ctx context.Context, target string, now time.Time) (time.Time, error)

	// Told yields what Tell has kept.
	Told(ctx context.Context) iter.Seq2[Told, error]

	// Tell keeps that so many changes of a job are delivered to a target, or
	// given up.
	Tell(ctx context.Context, t Told) error

	// Forget drops a job.
	Forget(ctx context.Context, job string) error
}

// Told is how many changes of a job a target has been told of, or will not be.
type Told struct {
	Target, Job string
	Changes     int
}

// memory is the Ledger of jobs that end with the process.
type memory struct{}

func (memory) Since(_ context.Context, _ string, now time.Time) (time.Time, error) { return now, nil }

func (memory) Told(context.Context) iter.Seq2[Told, error] {
	return func(func(Told, error) bool) {}
}

func (memory) Tell(context.Context, Told) error     { return nil }
func (memory) Forget(context.Context, string) error { return nil }
