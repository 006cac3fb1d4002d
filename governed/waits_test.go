package governed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
)

// TestWaitsBesideRecords is what BenchmarkServeInteractive of cmd/outcrop
// measures, without the machine: in virtual time, the waits are those of the
// queues alone. The model writes four replies at once, each in 100 ms give or
// take a fifth; a job keeps 32 records there; 2,000 interactive calls come at
// random, five a second. Of twenty, nineteen take no longer than without the job
// and the time of one reply. Without a decorator they do.
func TestWaitsBesideRecords(t *testing.T) {
	plain := func(next outcrop.Backend) outcrop.Backend { return next }
	idle := waitsBeside(t, plain, 0)
	target := at95(idle) + 100*time.Millisecond
	for name, c := range map[string]struct {
		door  func(outcrop.Backend) outcrop.Backend
		meets bool
	}{
		"turns": {func(next outcrop.Backend) outcrop.Backend {
			bounded, _, err := governed.TakeTurns(next, governed.TurnsConfig{Concurrent: 4})
			if err != nil {
				t.Fatal(err)
			}
			return bounded
		}, true},
		"yield": {governed.Yield, true},
		"none":  {plain, false},
	} {
		busy := waitsBeside(t, c.door, 32)
		t.Logf("%s: p50 %v, p95 %v, p99 %v, most %v; without the job p95 %v", name, busy[len(busy)/2], at95(busy), busy[len(busy)*99/100], busy[len(busy)-1], at95(idle))
		if meets := at95(busy) <= target; meets != c.meets {
			t.Errorf("%s: p95 is %v; without the job and with one reply more it is %v", name, at95(busy), target)
		}
	}
}

func at95(sorted []time.Duration) time.Duration { return sorted[len(sorted)*95/100] }

// waitsBeside makes interactive calls while a job keeps so many records at the
// model, and returns how long they took, sorted.
func waitsBeside(t *testing.T, door func(outcrop.Backend) outcrop.Backend, crowded int) []time.Duration {
	t.Helper()
	waits := make([]time.Duration, 2000)
	synctest.Test(t, func(t *testing.T) {
		model, err := simulator.New(simulator.Config{Concurrent: 4, Pace: &simulator.Pace{FirstToken: 20 * time.Millisecond, TokensPerSecond: 200, Jitter: 0.2}})
		if err != nil {
			t.Fatal(err)
		}
		b := door(model)
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i := range crowded {
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					call := ask(bedrock.OpConverse, fmt.Sprintf("Record %d of sender %d: what is written there?", n, i), 16)
					call.Class = outcrop.Batch
					_, _ = b.Do(ctx, call)
				}
			})
		}
		random := rand.New(rand.NewPCG(1, 2))
		var calls sync.WaitGroup
		for i := range waits {
			time.Sleep(time.Duration(random.ExpFloat64() * float64(200*time.Millisecond)))
			calls.Go(func() {
				begun := time.Now()
				if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, fmt.Sprintf("Question %d: why do tides turn?", i), 16)); err != nil {
					t.Error(err)
				}
				waits[i] = time.Since(begun)
			})
		}
		calls.Wait()
		stop()
		all.Wait()
	})
	slices.Sort(waits)
	return waits
}
