package quotasim

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
)

// mean runs a client for thirty minutes with each of a few seeds.
func mean(t *testing.T, s *scenario, client string) (f figures) {
	const horizon, seeds = 30 * time.Minute, 5
	for seed := range uint64(seeds) {
		r := run(t, s, named(t, client), seed+1, horizon)
		g := r.figures(s, horizon)
		f.used += g.used / seeds
		f.throttled += g.throttled / seeds
		f.failed += g.failed / seeds
		f.p99 += g.p99 / seeds
		f.jain += g.jain / seeds
	}
	return f
}

// TestTargets holds the ledger to what the table shows. A server whose quota is
// known never throttles the default accounting, which uses 98 % of what can be
// used without risk whatever the burndown; where the shape is known, 98 % of
// what any steady flow can; interactive requests wait for less than a second.
func TestTargets(t *testing.T) {
	check := func(client string, s scenario, used float64) {
		t.Run(client+"/"+s.describe(), func(t *testing.T) {
			f := mean(t, &s, client)
			if f.used < used {
				t.Errorf("used %.3f of the quota, want %.3f", f.used, used)
			}
			if f.throttled > 0 || f.failed > 0 {
				t.Errorf("throttled %.5f, failed %.5f", f.throttled, f.failed)
			}
			if f.jain < 0.99 || f.p99 > 1 {
				t.Errorf("Jain %.4f, interactive p99 %.2f s", f.jain, f.p99)
			}
		})
	}
	for _, b := range []float64{1, 5, 10, 15} {
		s := base
		s.policy, s.b = throttle.Strict, b
		check(ledgerName, s, 0.98*s.safe())
	}
	for _, p := range []throttle.Policy{throttle.FixedWindow, throttle.RefundBucket} {
		s := base
		s.policy = p
		check(ledgerName, s, 0.84)
		check(shapeKnownName, s, 0.98*s.bound())
	}
}

// TestUnknownQuotaIsFound: within 5 % of what can be used, from the third minute
// on, and less than 1 % of attempts throttled, on every shape.
func TestUnknownQuotaIsFound(t *testing.T) {
	for _, p := range policies {
		s := base
		s.policy = p
		t.Run(s.describe(), func(t *testing.T) {
			f := mean(t, &s, "ledger, quota unknown")
			if off := f.used/s.bound() - 1; off < -0.05 || off > 0.05 {
				t.Errorf("used %.3f of the quota, the bound is %.3f", f.used, s.bound())
			}
			if f.throttled >= 0.01 || f.failed > 0 {
				t.Errorf("throttled %.4f, failed %.4f", f.throttled, f.failed)
			}
		})
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
	if f.throttled > 0.01 || f.used < 0.95*s.bound() {
		t.Errorf("throttled %.4f, used %.3f of %.3f", f.throttled, f.used, s.bound())
	}
}
