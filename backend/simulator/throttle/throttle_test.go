package throttle

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, th *Throttle, at time.Duration, input, output int, want Limit) Admission {
	t.Helper()
	a, limit := th.Start(noon.Add(at), Request{Input: input, MaxTokens: output})
	if limit != want {
		t.Fatalf("at %s: limit %d, want %d", at, limit, want)
	}
	return a
}

func newThrottle(t *testing.T, cfg Config) *Throttle {
	t.Helper()
	th, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestFixedWindow(t *testing.T) {
	th := newThrottle(t, Config{Policy: FixedWindow, TokensPerMinute: 1000})
	a := start(t, th, 50*time.Second, 200, 700, Accepted)
	start(t, th, 51*time.Second, 100, 50, Tokens)
	th.End(noon.Add(52*time.Second), a, Usage{Input: 200, Output: 100}) // 600 return
	b := start(t, th, 53*time.Second, 100, 600, Accepted)
	start(t, th, 59*time.Second, 0, 1, Tokens)
	start(t, th, 60*time.Second, 0, 600, Accepted) // a new window
	// What was reserved in the old window does not return to the new one.
	th.End(noon.Add(61*time.Second), b, Usage{Input: 100})
	start(t, th, 61*time.Second, 0, 401, Tokens)
	start(t, th, 61*time.Second, 0, 400, Accepted)
}

func TestFixedWindowAlign(t *testing.T) {
	th := newThrottle(t, Config{Policy: FixedWindow, TokensPerMinute: 1000, Align: 10 * time.Second})
	start(t, th, 0, 0, 1000, Accepted)
	start(t, th, 9*time.Second, 0, 1, Tokens)
	start(t, th, 10*time.Second, 0, 1, Accepted)
}

func TestRefundBucket(t *testing.T) {
	th := newThrottle(t, Config{Policy: RefundBucket, TokensPerMinute: 6000, Burndown: 5})
	a := start(t, th, 0, 1000, 5000, Accepted)
	start(t, th, time.Second, 0, 101, Tokens) // 100 a second
	// 1000 + 5·800: a thousand return.
	th.End(noon.Add(time.Second), a, Usage{Input: 800, CacheWrite: 200, Output: 800})
	b := start(t, th, time.Second, 100, 1000, Accepted)
	// R = 1100 and S = 5100: a debt of 4000, at 100 a second.
	th.End(noon.Add(time.Second), b, Usage{Input: 100, Output: 1000})
	start(t, th, 40*time.Second, 0, 1, Tokens)
	start(t, th, 42*time.Second, 0, 100, Accepted)
}

func TestRefundBucketGrain(t *testing.T) {
	th := newThrottle(t, Config{Policy: RefundBucket, TokensPerMinute: 6000, Grain: 10 * time.Second})
	start(t, th, 0, 0, 6000, Accepted)
	start(t, th, 9*time.Second, 0, 1, Tokens)
	start(t, th, 10*time.Second, 0, 1000, Accepted)
}

func TestStrict(t *testing.T) {
	th := newThrottle(t, Config{Policy: Strict, TokensPerMinute: 1000})
	a := start(t, th, 0, 0, 600, Accepted)
	th.End(noon.Add(30*time.Second), a, Usage{Output: 500})
	start(t, th, 60*time.Second, 0, 501, Tokens) // it ended at 30 s
	start(t, th, 89*time.Second, 0, 501, Tokens)
	start(t, th, 90*time.Second, 0, 1000, Accepted)
}

func TestRequests(t *testing.T) {
	for _, p := range []Policy{FixedWindow, RefundBucket, Strict} {
		th := newThrottle(t, Config{Policy: p, RequestsPerMinute: 2})
		start(t, th, 0, 0, 1, Accepted)
		start(t, th, 0, 0, 1, Accepted)
		start(t, th, 0, 0, 1, Requests)
		start(t, th, 60*time.Second, 0, 1, Accepted)
	}
	th := newThrottle(t, Config{Policy: Strict, RequestsPerMinute: 1, CountRejected: true})
	start(t, th, 0, 0, 1, Accepted)
	start(t, th, 30*time.Second, 0, 1, Requests)
	start(t, th, 60*time.Second, 0, 1, Requests) // the refused attempt counts
}

func TestTokensPerDay(t *testing.T) {
	th := newThrottle(t, Config{TokensPerDay: 1000})
	a := start(t, th, 0, 0, 900, Accepted)
	start(t, th, 0, 0, 101, TokensPerDay)
	th.End(noon, a, Usage{Output: 100})
	start(t, th, time.Hour, 0, 900, Accepted)
	start(t, th, 11*time.Hour, 0, 1, TokensPerDay)
	start(t, th, 12*time.Hour, 0, 1, Accepted)
	if !strings.Contains(TokensPerDay.Message(), "per day") {
		t.Error(TokensPerDay.Message())
	}
}

func TestForeignAndErrors(t *testing.T) {
	th := newThrottle(t, Config{Policy: RefundBucket, TokensPerMinute: 1000})
	th.Foreign(noon, 1500, 0)
	start(t, th, 0, 0, 1, Tokens)
	th.End(noon, Admission{}, Usage{Output: 1 << 20}) // no admission, no effect
	start(t, th, 31*time.Second, 0, 10, Accepted)
	for want, cfg := range map[string]Config{
		"policy": {Policy: 9}, "tokensPerMinute": {TokensPerMinute: -1}, "window": {Window: -1}, "burndown": {Burndown: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Where every request is settled at what it reserved, no policy lets more
// through than its windows allow.
func TestLimitHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := Policy(rapid.IntRange(0, 2).Draw(t, "policy"))
		window := time.Duration(rapid.IntRange(1, 60).Draw(t, "window")) * time.Second
		th, err := New(Config{Policy: policy, TokensPerMinute: 60_000, Window: window})
		if err != nil {
			t.Fatal(err)
		}
		most := 1000 * window.Seconds()
		now, first, let := noon, noon, 0.0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(step) * time.Millisecond)
			n := 1 + step
			if a, limit := th.Start(now, Request{MaxTokens: n}); limit == Accepted {
				th.End(now, a, Usage{Output: n})
				let += float64(n)
			}
		}
		// Any number of windows lets through that many windows' worth, plus the
		// one they began in.
		if windows := now.Sub(first).Seconds() / window.Seconds(); let > most*(windows+2) {
			t.Fatalf("%v tokens in %.1f windows of %v", let, windows, most)
		}
	})
}
