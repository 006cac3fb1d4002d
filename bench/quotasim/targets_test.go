package quotasim

import (
	"fmt"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// TestTargets holds the ledger to what the table shows, in a run of each shape;
// what is learned takes longer to be worth its price. Its first claim is the strictest: a server of any shape whose quota is
// known never throttles the default accounting.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		minutes   time.Duration
		client    string
		policies  []throttle.Policy
		used      float64 // of the bound, at least
		throttled float64 // at most
	}{
		{10, "ledger", []throttle.Policy{throttle.Strict}, 0.96, 0},
		{10, "ledger", []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket}, 0.84, 0},
		{10, shapeKnownName, []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket}, 0.98, 0},
		{30, "ledger, quota unknown", []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket, throttle.Strict}, 0.9, 0.02},
	} {
		for _, p := range c.policies {
			t.Run(fmt.Sprintf("%s/%s", c.client, p), func(t *testing.T) {
				s := base
				s.policy = p
				horizon := c.minutes * time.Minute
				r := run(t, &s, named(t, c.client), 1, horizon)
				f := r.figures(&s, horizon)
				if f.used < c.used*s.bound() {
					t.Errorf("used %.3f of the quota, the bound is %.3f", f.used, s.bound())
				}
				if f.throttled > c.throttled || f.failed > 0 {
					t.Errorf("throttled %.4f, failed %.4f", f.throttled, f.failed)
				}
				if f.jain < 0.99 {
					t.Errorf("Jain %.4f", f.jain)
				}
				if c.throttled == 0 && f.p99 > 1 {
					t.Errorf("interactive p99 %.2f s", f.p99)
				}
			})
		}
	}
}

// TestNeverThrottled: a server of any shape and window, and of any burndown,
// never refuses the default accounting, which knows its quota and window only.
func TestNeverThrottled(t *testing.T) {
	for _, p := range policies {
		for _, b := range []float64{1, 5, 15} {
			for _, window := range []time.Duration{10 * time.Second, time.Minute} {
				s := base
				s.policy, s.b, s.window = p, b, window
				if testing.Short() && p != throttle.Strict {
					continue
				}
				t.Run(s.describe(), func(t *testing.T) {
					r := run(t, &s, named(t, "ledger"), 2, 10*time.Minute)
					if r.throttles > 0 || r.attempts < 500 {
						t.Errorf("%d of %d attempts throttled", r.throttles, r.attempts)
					}
				})
			}
		}
	}
}

func named(t *testing.T, name string) policy {
	t.Helper()
	for _, p := range clients {
		if p.name == name {
			return p
		}
	}
	t.Fatalf("no client %q", name)
	return policy{}
}

// TestRunsRepeat: a run is a function of its seed.
func TestRunsRepeat(t *testing.T) {
	s := base
	first := run(t, &s, named(t, "ledger"), 3, 4*time.Minute)
	again := run(t, &s, named(t, "ledger"), 3, 4*time.Minute)
	if first.spent != again.spent || first.attempts != again.attempts || first.attempts == 0 {
		t.Errorf("%v and %v spent", first.spent, again.spent)
	}
}

// TestForeignLoadIsLearned: a known quota of which others use a fifth.
func TestForeignLoadIsLearned(t *testing.T) {
	s := base
	s.foreign = 20
	r := run(t, &s, named(t, shapeKnownName), 1, 10*time.Minute)
	f := r.figures(&s, 10*time.Minute)
	if f.throttled > 0.02 || f.used < 0.95*s.bound() {
		t.Errorf("throttled %.4f, used %.3f of %.3f", f.throttled, f.used, s.bound())
	}
}
