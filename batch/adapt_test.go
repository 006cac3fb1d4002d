package batch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// The bound falls once for all calls that were made under it, and rises by one
// with as many replies as it is high.
func TestLimiter(t *testing.T) {
	l := newLimiter(Adapt{Max: 16, Min: 2, Increase: 1, Decrease: 0.5})
	throttle, broken := error(outcrop.Errorf(bedrock.CodeThrottling, "slow down")), error(outcrop.Errorf(bedrock.CodeInternalServer, "oops"))
	take := func(n int) (tickets []ticket) {
		for range n {
			place, ok := l.take(t.Context(), nil)
			if !ok {
				t.Fatal("no place")
			}
			tickets = append(tickets, place)
		}
		return tickets
	}
	give := func(tickets []ticket, err error) {
		for _, place := range tickets {
			l.give(place, err)
		}
	}
	is := func(when string, want float64) {
		t.Helper()
		if l.limit < want-0.01 || l.limit > want+0.01 || l.calls != 0 {
			t.Errorf("%s: the bound is %.2f with %d calls, want %.2f", when, l.limit, l.calls, want)
		}
	}
	give(take(16), throttle)
	is("all of one round are throttled", 8)
	give(take(8), broken)
	is("errors of another kind", 8)
	give(take(1), outcrop.Errorf(bedrock.CodeServiceUnavailable, "no room"))
	is("unavailable", 4)
	give(take(1), throttle)
	give(take(1), throttle)
	is("not below the least", 2)
	give(take(2), nil)
	is("two replies at 2", 2.9)
	for range 200 {
		give(take(1), nil)
	}
	is("not above the most", 16)
	places := take(16)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := l.take(ctx, nil); ok {
		t.Error("there is a place beyond the bound")
	}
	give(places, nil)
}

// A model that has room for three, and throttles beyond, is soon asked by as
// many; every record gets its reply.
func TestJobAdaptsToThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, calls, throttled atomic.Int64
		model := outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			defer at.Add(-1)
			calls.Add(1)
			if at.Add(1) > 3 {
				throttled.Add(1)
				return nil, outcrop.Errorf(bedrock.CodeThrottling, "slow down")
			}
			time.Sleep(time.Second)
			return echo(ctx, call)
		})
		f := newFixture(t, Config{Concurrency: 32, RunningJobs: 1, Backend: model, Retry: Retry{ThrottledAttempts: 1000}})
		f.put("s3://input/a.jsonl", lines(600))
		job := f.wait(f.create(request("s3://input/a.jsonl", "s3://output")))
		if job.Status != completed || *job.SuccessRecordCount != 600 {
			t.Fatalf("the job is %s with %d records", job.Status, *job.SuccessRecordCount)
		}
		// Without adapting, 29 of 32 would be refused in each round.
		if share := float64(throttled.Load()) / float64(calls.Load()); share > 0.4 {
			t.Errorf("%.0f %% of the calls were throttled", 100*share)
		}
		if took := job.EndTime.Sub(job.SubmitTime); took > 5*time.Minute {
			t.Errorf("the job took %v; three at a time take %v", took, 200*time.Second)
		}
	})
}
