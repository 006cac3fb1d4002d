package quota

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPlan(t *testing.T) {
	// 60 requests a minute of 1,000 tokens that are answered by 200, b = 5, in
	// 3 s: S = 2,000, three under way.
	l := Load{Rate: 60, Input: 1000, Output: 200, MaxTokens: 500, Burndown: 5, Takes: 3 * time.Second}
	n, err := l.Plan()
	if err != nil || n.Reserved != 1500 || n.Settled != 2000 || n.Hold != 2000 || n.Inflight != 3 || n.ByHold ||
		n.TokensPerMinute != 120_000 || n.RequestsPerMinute != 60 || n.TokensPerDay != 172_800_000 || n.Concurrent != 3 {
		t.Errorf("planned %+v, %v", n, err)
	}
	// An output limit of 64,000 holds 3 × 65,000 at a time, more than is spent.
	l.MaxTokens = 64_000
	if n, err = l.Plan(); err != nil || !n.ByHold || n.TokensPerMinute != 195_000 {
		t.Errorf("planned %+v, %v", n, err)
	}
	for _, c := range []struct {
		quotas Quotas
		rate   float64
		binds  Limit
	}{
		{Quotas{}, math.Inf(1), NoLimit},
		{Quotas{TokensPerMinute: 195_000}, 60, Tokens},
		{Quotas{TokensPerMinute: 60_000}, 0, Tokens},
		{Quotas{TokensPerMinute: 1_000_000, RequestsPerMinute: 30}, 30, Requests},
		{Quotas{TokensPerDay: 2_880_000}, 1, TokensPerDay},
		{Quotas{Concurrent: 2}, 40, Concurrency},
	} {
		if rate, binds, err := l.Most(c.quotas); err != nil || math.Abs(rate-c.rate) > 1e-6 || binds != c.binds {
			t.Errorf("%+v: %v by %s, %v; want %v by %s", c.quotas, rate, binds, err, c.rate, c.binds)
		}
	}
	for _, bad := range []Load{{Rate: -1, Input: 1}, {Rate: 1}, {Rate: 1, Input: -1}, {Rate: math.NaN(), Input: 1}} {
		if _, err := bad.Plan(); err == nil {
			t.Errorf("%+v was planned", bad)
		}
	}
}

// TestPlanAndMostAgree: what a load needs lets it through.
func TestPlanAndMostAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Load{
			Rate: rapid.Float64Range(1, 10_000).Draw(t, "rate"), Input: rapid.IntRange(1, 100_000).Draw(t, "input"),
			Output: rapid.IntRange(0, 10_000).Draw(t, "output"), MaxTokens: rapid.IntRange(0, 64_000).Draw(t, "max"),
			Burndown: rapid.SampledFrom([]float64{1, 5, 10, 15}).Draw(t, "b"),
			Takes:    time.Duration(rapid.IntRange(1, 120_000).Draw(t, "ms")) * time.Millisecond,
		}
		n, err := l.Plan()
		if err != nil {
			t.Fatal(err)
		}
		rate, binds, err := l.Most(n.Quotas)
		if err != nil || rate < l.Rate*(1-1e-6) {
			t.Fatalf("%+v needs %+v, which lets %v through (%s), %v", l, n, rate, binds, err)
		}
	})
}
