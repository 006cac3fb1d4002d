package simulator_test

import (
	"context"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// sleeper is a clock that only notes that it was waited for.
type sleeper struct{ waits, said int }

func (*sleeper) Now() time.Time { return time.Unix(1700000000, 0) }

func (s *sleeper) Sleep(context.Context, time.Duration) error { s.waits++; return nil }

// TestPauses: a stream that takes time says so before each wait, and one that
// takes none never does.
func TestPauses(t *testing.T) {
	for _, pace := range []*simulator.Pace{nil, &simulator.Nominal} {
		clock := new(sleeper)
		b := simulate(t, simulator.Config{Clock: clock, Pace: pace})
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, ask("Explain rivers.")))
		if err != nil {
			t.Fatal(err)
		}
		if !reply.Stream.BeforeWait(func() {
			if clock.said++; clock.said != clock.waits+1 {
				t.Errorf("it says so %d times, after %d waits", clock.said, clock.waits)
			}
		}) {
			t.Fatal("it does not say when it waits")
		}
		for _, err := range reply.Stream.Events() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if clock.said != clock.waits || (clock.waits > 0) != (pace != nil) {
			t.Errorf("pace %v: it says so %d times and waits %d times", pace, clock.said, clock.waits)
		}
	}
}
