package upstream_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// TestWatch: only the time between Begin and End counts, and the cause says
// which wait it was.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := upstream.NewWatch(t.Context(), &upstream.Limit{D: 3 * time.Second, What: "no first"})
		defer w.Stop()
		began := time.Now()
		time.Sleep(2 * time.Second)
		w.End()
		w.Expect(&upstream.Limit{D: time.Second, What: "nothing more"})
		for range 5 { // a reader that takes its time
			time.Sleep(10 * time.Second)
			w.Begin()
			time.Sleep(900 * time.Millisecond)
			w.End()
		}
		if err := w.Context().Err(); err != nil {
			t.Fatalf("ended while nobody waited: %v", context.Cause(w.Context()))
		}
		w.Begin()
		<-w.Context().Done()
		if took, want := time.Since(began), 2*time.Second+5*10900*time.Millisecond+time.Second; took != want {
			t.Errorf("ended after %v, want %v", took, want)
		}
		late, ok := errors.AsType[*upstream.LateError](context.Cause(w.Context()))
		if !ok || late.Error() != "nothing more within 1s" {
			t.Errorf("cause %v", context.Cause(w.Context()))
		}
	})
}

func TestWatchWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := upstream.NewWatch(t.Context(), &upstream.Limit{D: -1})
		time.Sleep(1000 * time.Hour)
		if err := w.Context().Err(); err != nil {
			t.Error(err)
		}
		w.Stop()
		w.Stop()
		if cause := context.Cause(w.Context()); !errors.Is(cause, context.Canceled) {
			t.Errorf("cause %v", cause)
		}
	})
}
