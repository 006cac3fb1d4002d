package route

import (
	"testing"
	"time"
)

// While a call tries a half-open lane, those from before it opened decide
// nothing: no second one is let in, and the time is not doubled for them.
func TestOneCallTries(t *testing.T) {
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	for name, stale := range map[string]outcome{"leaves": nothing, "fails": failed} {
		c := &circuit{rule: Breaker{Failures: 1, Open: 10 * time.Second, MaxOpen: time.Minute}}
		_, early := c.admit(now)
		c.report(clock, failed, early)
		later := now.Add(10 * time.Second)
		if in, tries := c.admit(later); !in || !tries {
			t.Fatalf("half-open: in %v, tries %v", in, tries)
		}
		c.report(clock, stale, early)
		if in, _ := c.admit(later); in {
			t.Errorf("a call from before %s: another one is let in", name)
		}
		if c.wait != 10*time.Second || !c.trying {
			t.Errorf("a call from before %s: open for %v, tried %v", name, c.wait, c.trying)
		}
		c.report(clock, failed, true)
		if c.wait != 20*time.Second || c.trying {
			t.Errorf("after the try has failed: open for %v, tried %v", c.wait, c.trying)
		}
	}
}
