package price_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/price"
)

func usage(input, output int) bedrock.TokenUsage {
	return bedrock.TokenUsage{InputTokens: input, OutputTokens: output, TotalTokens: input + output}
}

// TestCost holds sums that a person can check against the price list.
func TestCost(t *testing.T) {
	const (
		micro  = "amazon.nova-micro-v1:0"
		sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	)
	cached := usage(1000, 100)
	cached.CacheReadInputTokens, cached.CacheWriteInputTokens = new(10_000), new(2000)
	hourly := cached
	hourly.CacheDetails = []bedrock.CacheDetail{{TTL: bedrock.CacheTTL1h, InputTokens: 500}, {TTL: bedrock.CacheTTL5m, InputTokens: 1500}}
	for _, c := range []struct {
		name, id string
		usage    bedrock.TokenUsage
		batch    bool
		want     float64
	}{
		{"a million each", micro, usage(1e6, 1e6), false, 0.175},
		{"half of it in a batch job", micro, usage(1e6, 1e6), true, 0.0875},
		{"a profile is its model", "us." + micro, usage(1e6, 0), false, 0.035},
		{"an ARN is its model", "arn:aws:bedrock:us-west-2::foundation-model/" + micro, usage(1e6, 0), false, 0.035},
		{"a geographic profile", "us." + sonnet, usage(1e6, 1e6), false, 19.8},
		{"the global profile has its own price", "global." + sonnet, usage(1e6, 1e6), false, 18},
		{"its ARN too", "arn:aws:bedrock:us-west-2:123456789012:inference-profile/global." + sonnet, usage(1e6, 0), false, 3},
		{"caches", "global." + sonnet, cached, false, (1000*3 + 100*15 + 10_000*0.3 + 2000*3.75) / 1e6},
		{"a cache for an hour", "global." + sonnet, hourly, false, (1000*3 + 100*15 + 10_000*0.3 + 1500*3.75 + 500*6) / 1e6},
		{"no output of an embedding", "amazon.titan-embed-text-v2:0", usage(1e6, 0), false, 0.02},
		{"nothing used", micro, usage(0, 0), false, 0},
	} {
		got, known := price.Default().Cost(c.id, c.usage, c.batch)
		if !known || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g (known %v), want %g", c.name, got, known, c.want)
		}
	}
}

// TestUnknownIsNotFree: no price, and no price of one kind of token.
func TestUnknownIsNotFree(t *testing.T) {
	written := usage(1, 1)
	written.CacheWriteInputTokens = new(5)
	for _, c := range []struct {
		name, id string
		usage    bedrock.TokenUsage
		batch    bool
	}{
		{"no model", "", usage(1, 1), false},
		{"a local model", "llama3.2", usage(1, 1), false},
		{"a model without an entry", "anthropic.claude-sonnet-5", usage(1, 1), false},
		{"someone's provisioned model", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl", usage(1, 1), false},
		{"a kind of token without a price", "amazon.nova-micro-v1:0", written, false},
		{"a model without a batch price", "deepseek.r1-v1:0", usage(1, 1), true},
	} {
		if got, known := price.Default().Cost(c.id, c.usage, c.batch); known || got != 0 {
			t.Errorf("%s: %g (known %v), want unknown", c.name, got, known)
		}
	}
}

func TestWithComesFirst(t *testing.T) {
	const arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
	own, err := price.Default().With([]price.Entry{
		{Match: "us.amazon.nova-micro-*", Price: price.Price{Input: new(7.0)}},
		{Match: "llama*", Price: price.Price{Input: new(0.0), Output: new(0.0)}},
	}, map[string]string{"fast": "cheap", "cheap": "us.amazon.nova-micro-v1:0", arn: "amazon.nova-lite-v1:0", "loop": "pool", "pool": "loop"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]float64{
		"us.amazon.nova-micro-v1:0": 7, "amazon.nova-micro-v1:0": 0.035, "llama3.2": 0, "fast": 7, arn: 0.06,
	} {
		if got, known := own.Cost(id, usage(1e6, 0), false); !known || math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %g (known %v), want %g", id, got, known, want)
		}
	}
	if _, known := own.Cost("us.amazon.nova-micro-v1:0", usage(1, 1), false); known {
		t.Error("the entry of a configuration has no output price, and yet it is known")
	}
	if _, known := own.Cost("loop", usage(1, 1), false); known {
		t.Error("aliases in a circle lead to a price")
	}
	if _, known := price.Default().Cost("fast", usage(1, 1), false); known {
		t.Error("With changed the table it was called on")
	}
}

func TestWithRefusesWhatIsNoPrice(t *testing.T) {
	for want, e := range map[string]price.Entry{
		"prices[0]: match is missing":                                     {},
		"prices[0]: output: expected a number that is not negative":       {Match: "x", Price: price.Price{Output: new(-1.0)}},
		"prices[0]: batch: expected a number that is not negative":        {Match: "x", Price: price.Price{Batch: new(math.Inf(1))}},
		"prices[0]: cacheWrite1h: expected a number that is not negative": {Match: "x", Price: price.Price{CacheWrite1h: new(math.NaN())}},
	} {
		if _, err := price.Default().With([]price.Entry{e}, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestData checks what can be checked of the data without asking AWS.
func TestData(t *testing.T) {
	priced := 0
	for _, m := range catalog.Default().Models() {
		p, ok := price.Default().Find(m.ID)
		if !ok {
			continue
		}
		priced++
		if p.Input == nil || p.Output == nil || *p.Input <= 0 || *p.Input > 100 || *p.Output > 500 {
			t.Errorf("%s: %+v is no price", m.ID, p)
			continue
		}
		if free := *p.Output == 0; free != m.Has("EMBEDDING") {
			t.Errorf("%s: output costs %g", m.ID, *p.Output)
		}
		if p.CacheRead != nil && *p.CacheRead >= *p.Input || p.CacheWrite != nil && *p.CacheWrite <= *p.Input {
			t.Errorf("%s: caches %g and %g beside %g", m.ID, *p.CacheRead, *p.CacheWrite, *p.Input)
		}
	}
	if priced < 40 {
		t.Errorf("%d models have a price, want 40 or more", priced)
	}
	if price.Default().AsOf() == "" || price.Default().Source() == "" {
		t.Error("a table without date or source")
	}
}

// TestAddsUp: the cost of two calls is the cost of their tokens together.
func TestAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := func() bedrock.TokenUsage {
			u := usage(rapid.IntRange(0, 1e7).Draw(t, "input"), rapid.IntRange(0, 1e6).Draw(t, "output"))
			u.CacheReadInputTokens = new(rapid.IntRange(0, 1e7).Draw(t, "read"))
			return u
		}
		a, b := tokens(), tokens()
		ca, _ := price.Default().Cost("amazon.nova-pro-v1:0", a, true)
		cb, _ := price.Default().Cost("amazon.nova-pro-v1:0", b, true)
		a.Add(b)
		both, known := price.Default().Cost("amazon.nova-pro-v1:0", a, true)
		if !known || math.Abs(both-ca-cb) > 1e-9 || both < 0 {
			t.Errorf("%g and %g come to %g", ca, cb, both)
		}
	})
}

func BenchmarkCost(b *testing.B) {
	b.ReportAllocs()
	u := usage(1000, 500)
	for b.Loop() {
		price.Default().Cost("us.anthropic.claude-sonnet-4-5-20250929-v1:0", u, false)
	}
}
