package governed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/route"
)

const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0" // burndown 5

// strictly is a simulator at a pace, that grants what a file says.
func strictly(t *testing.T, grants string) *strict.Backend {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Pace: &simulator.Pace{FirstToken: 200 * time.Millisecond, TokensPerSecond: 80, Jitter: 0.2}, LogSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	g, err := strict.Parse("grants", []byte(grants))
	if err != nil {
		t.Fatal(err)
	}
	b, err := strict.New(strict.Config{Simulator: sim, Grants: g})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// saturate has workers ask without pause for a time, half of them for streams.
func saturate(t *testing.T, b outcrop.Backend, workers int, lasts time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			for i := 0; ctx.Err() == nil; i++ {
				operation := bedrock.OpConverse
				if w%2 == 0 {
					operation = bedrock.OpConverseStream
				}
				call := ask(operation, fmt.Sprintf("worker %d, %d: %s", w, i, strings.Repeat("tell me of stones and rivers. ", 1+rng.IntN(60))), 300).WithModel(claude)
				reply, err := b.Do(ctx, call)
				if err == nil && reply.Stream != nil {
					_, err = outcrop.Collect(reply.Stream)
				}
				if err != nil && ctx.Err() == nil {
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
}

// TestAgainstAStrictService: in virtual time, by all policies of the service,
// with the quota known and not. What is spent and how often calls are throttled
// is the service's own account. What is not known at all is begun low and takes
// minutes to be found out, a tenfold in four.
func TestAgainstAStrictService(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const tpm = 1_200_000
	for _, c := range []struct {
		name      string
		grant     string
		rule      governed.Rule
		used      float64 // of what the service granted, at least
		throttled float64 // of attempts, at most
	}{
		{"a bucket that is known", "policy: bucket", governed.Rule{Quota: quota.PoolConfig{TokensPerMinute: tpm, Accounting: quota.Bucket}}, 0.95, 0},
		{"every window, known", "policy: strict", governed.Rule{Quota: quota.PoolConfig{TokensPerMinute: tpm, Accounting: quota.Window}}, 0.70, 0},
		{"fixed windows, known", "policy: fixed-window", governed.Rule{Quota: quota.PoolConfig{TokensPerMinute: tpm, Accounting: quota.Window}}, 0.70, 0},
		{"nothing is known", "policy: bucket", governed.Rule{Learn: true}, 0.08, 0.02},
		{"shared with others", "policy: bucket, foreign: {tpm: 400000}", governed.Rule{Learn: true, Quota: quota.PoolConfig{TokensPerMinute: tpm}}, 0.50, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := strictly(t, fmt.Sprintf("grants: [{match: '*', tpm: %d, rpm: 100000, %s}]", tpm, c.grant))
				c.rule.Match = "*"
				_, b := govern(t, service, governed.Config{Rules: []governed.Rule{c.rule}, MaxWait: 5 * time.Minute})
				const lasts = 3 * time.Minute
				saturate(t, b, 80, lasts)
				n := service.Counts()[0]
				used := n.Spent / (tpm * (lasts.Minutes() + 1)) // a bucket begins full
				throttles := n.Tokens + n.Requests
				share := float64(throttles) / float64(n.Accepted+throttles)
				t.Logf("%d accepted, %d throttled (%.2f %%), %.1f %% used", n.Accepted, throttles, 100*share, 100*used)
				if used < c.used || share > c.throttled {
					t.Errorf("want %.0f %% used and %.1f %% throttled at most", 100*c.used, 100*c.throttled)
				}
			})
		})
	}
}

// TestRetriesAndFailoverAskAgain: each attempt has a reservation of its own, in
// the pool of the lane that it goes to, and one that fails gives its own back.
func TestRetriesAndFailoverAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := governed.New(governed.Config{Rules: []governed.Rule{{Match: "*", Quota: quota.PoolConfig{TokensPerMinute: 1_000_000, RequestsPerMinute: 1000, Accounting: quota.Window}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		asked := 0
		first := newService(fails(bedrock.CodeServiceUnavailable, "busy"))
		second := newService(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			if asked++; asked < 3 {
				return nil, outcrop.Errorf(bedrock.CodeThrottling, "Too many requests, please wait before trying again.")
			}
			return says("ho", usage(70, 30), 0)(ctx, call)
		})
		router, err := route.New(route.Config{
			Backends: map[string]route.Backend{
				"first":  {Backend: g.Govern(first, governed.Lane{Name: "first"}), Native: true},
				"second": {Backend: g.Govern(second, governed.Lane{Name: "second"}), Native: true},
			},
			Routes: []route.Route{{Match: "*", Targets: []route.Target{{Backend: "first"}, {Backend: "second"}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := route.NewRetry(router, route.RetryConfig{Attempts: 10}).Do(t.Context(), ask(bedrock.OpConverse, "hi", 100))
		if err != nil || reply.Meta.Attempts != 6 {
			t.Fatalf("%+v, %v", reply, err)
		}
		pools := g.Status().Pools
		if len(pools) != 2 {
			t.Fatalf("%d pools", len(pools))
		}
		a, b := pools[0], pools[1]
		if a.Stats.Admitted != 3 || a.Stats.Unavailable != 3 || a.Requests.Used != 3 || a.Tokens.Used != 0 || a.Tokens.Held != 0 {
			t.Errorf("first: %+v", a)
		}
		if b.Stats.Admitted != 3 || b.Stats.Throttled != 2 || b.Requests.Used != 3 || b.Tokens.Used != 100 || b.Tokens.Held != 0 {
			t.Errorf("second: %+v", b)
		}
	})
}

// TestAFullLaneIsLeftForTheNext: a call waits a moment where another lane
// follows, and its full time for the last.
func TestAFullLaneIsLeftForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := governed.New(governed.Config{Rules: []governed.Rule{{Match: "*", Quota: quota.PoolConfig{Concurrent: 1}}}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		slow := newService(says("ho", usage(1, 1), 10*time.Second))
		backends := map[string]route.Backend{}
		for _, name := range []string{"first", "second"} {
			backends[name] = route.Backend{Backend: g.Govern(slow, governed.Lane{Name: name}), Native: true}
		}
		router, err := route.New(route.Config{Backends: backends, Routes: []route.Route{{Match: "*", Targets: []route.Target{{Backend: "first"}, {Backend: "second"}}}}})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		took := make([]time.Duration, 3)
		var wg sync.WaitGroup
		for i := range took {
			wg.Go(func() {
				if _, err := router.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9)); err != nil {
					t.Error(err)
				}
				took[i] = time.Since(begun)
			})
			synctest.Wait()
		}
		wg.Wait()
		slices.Sort(took)
		if want := []time.Duration{10 * time.Second, 12 * time.Second, 22 * time.Second}; fmt.Sprint(took) != fmt.Sprint(want) {
			t.Errorf("took %s, want %s", took, want)
		}
	})
}

// TestNothingStaysBooked: whatever callers and services do, in any order, all
// tickets end and the bound on what is under way holds.
func TestNothingStaysBooked(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			const most = 5
			var mu sync.Mutex
			now, worst := 0, 0
			s := newService(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				mu.Lock()
				now++
				worst = max(worst, now)
				rng := rand.New(rand.NewPCG(seed, uint64(len(call.RequestID))+uint64(worst)*31))
				kind, wait := rng.IntN(7), time.Duration(rng.IntN(2000))*time.Millisecond
				mu.Unlock()
				done := func() { mu.Lock(); now--; mu.Unlock() }
				if kind >= 4 {
					done() // a stream goes on; its reader's ticket is what counts
					return outcrop.NewStreamReply(outcrop.Meta{}, stream("some words of a reply", usage(10, 10), bedrock.StopReasonEndTurn)), nil
				}
				defer done()
				codes := []string{bedrock.CodeThrottling, bedrock.CodeServiceUnavailable, bedrock.CodeInternalServer}
				if kind < 3 {
					return nil, outcrop.Errorf(codes[kind], "no")
				}
				return says("ho", usage(10, 10), wait)(ctx, call)
			})
			g, b := govern(t, s, governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 20_000, RequestsPerMinute: 500, Concurrent: most}), MaxWait: 3 * time.Second})
			var wg sync.WaitGroup
			for i := range 60 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(seed, uint64(i)))
					time.Sleep(time.Duration(rng.IntN(10_000)) * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(4000))*time.Millisecond)
					defer cancel()
					reply, err := b.Do(ctx, ask(bedrock.OpConverseStream, "hi", 10+rng.IntN(300)))
					if err != nil || reply.Stream == nil {
						return
					}
					left := rng.IntN(8)
					for range reply.Stream.Events() {
						if left--; left < 0 {
							break
						}
					}
					reply.Stream.Close()
				})
			}
			wg.Wait()
			if p := one(t, g); p.Inflight != 0 || p.Tokens.Held != 0 || p.Waiting || worst > most {
				t.Errorf("seed %d: %d at once, left over %+v", seed, worst, p)
			}
		})
	}
}
