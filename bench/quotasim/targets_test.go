package quotasim

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/quota"
)

// TestTargets holds the ledger to what the table shows, on a short run: what it
// promises is independent of how long one looks. Input is estimated 5 % off, so
// once in thousands of requests a strict server reserves more than was booked.
func TestTargets(t *testing.T) {
	const horizon = 10 * time.Minute
	for _, c := range []struct {
		name      string
		policy    throttle.Policy
		window    time.Duration
		kind      quota.Accounting
		unknown   bool
		used      float64 // of the bound, at least
		throttled float64 // at most
	}{
		{"a bucket that is known", throttle.RefundBucket, time.Minute, quota.Bucket, false, 0.98, 0},
		{"a strict server that is known", throttle.Strict, time.Minute, quota.Window, false, 0.95, 0.001},
		{"a window client on a bucket", throttle.RefundBucket, time.Minute, quota.Window, false, 0.80, 0.001},
		{"a window client on fixed windows", throttle.FixedWindow, time.Minute, quota.Window, false, 0.80, 0.001},
		{"a bucket that is not known", throttle.RefundBucket, time.Minute, quota.Bucket, true, 0.95, 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base
			s.policy, s.window = c.policy, c.window
			r := run(t, s, func(w *world) client { return newLedger(w, c.kind, c.unknown) }, 1, horizon)
			f := r.figures(s, horizon)
			if f.used < c.used*s.bound() {
				t.Errorf("used %.3f of the quota, the bound is %.3f", f.used, s.bound())
			}
			if f.throttled > c.throttled || f.failed > 0 {
				t.Errorf("throttled %.4f, failed %.4f", f.throttled, f.failed)
			}
			if f.jain < 0.99 {
				t.Errorf("Jain %.4f", f.jain)
			}
			if c.kind == quota.Bucket && f.p99 > 1 {
				t.Errorf("interactive p99 %.2f s", f.p99)
			}
		})
	}
}
