package governed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
)

// TestWhoseQuota: which rule a call falls under, and whose pool it uses.
func TestWhoseQuota(t *testing.T) {
	const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	global := quota.Global
	c := governed.Config{Rules: []governed.Rule{
		{Match: "anthropic.*", Scope: &global, Quota: quota.PoolConfig{RequestsPerMinute: 11}},
		{Match: "anthropic.*", Methods: []string{"async"}, Quota: quota.PoolConfig{RequestsPerMinute: 22}},
		{Match: "anthropic.*", Quota: quota.PoolConfig{RequestsPerMinute: 33}},
		{Match: "amazon.nova-*", Backend: "elsewhere", Quota: quota.PoolConfig{RequestsPerMinute: 44}},
		{Match: "mine", Learn: true},
	}}
	for _, test := range []struct {
		model string
		class outcrop.Class
		want  string // account/region/scope/model/methods limit, or nothing
	}{
		{claude, 0, "lane/us-east-1/in-region/" + claude + "/ 33"},
		{"us." + claude, 0, "lane/us-east-1/geo/" + claude + "/ 33"},
		{"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu." + claude, 0, "lane/us-east-1/geo/" + claude + "/ 33"},
		{"global." + claude, outcrop.Batch, "lane/us-east-1/global/" + claude + "/ 11"},
		{claude, outcrop.Batch, "lane/us-east-1/in-region/" + claude + "/async 22"},
		{"us.anthropic.claude-of-tomorrow", 0, "lane/us-east-1/geo/anthropic.claude-of-tomorrow/ 33"},
		{"mine", 0, "lane/us-east-1/in-region/mine/ 60"},
		{"amazon.nova-lite-v1:0", 0, ""},
		{"theirs", 0, ""},
	} {
		g, b := govern(t, newService(says("ho", usage(1, 1), 0)), c)
		call := ask(bedrock.OpConverse, "hi", 9).WithModel(test.model)
		call.Class = test.class
		if _, err := b.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range g.Status().Pools {
			got += fmt.Sprintf("%s/%s/%s/%s/%s %d", p.Account, p.Region, p.Scope, p.Model, p.Methods, p.Requests.Limit)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.model, got, test.want)
		}
	}
}

// TestPoolsAreBounded: names that callers make up do not grow the books.
func TestPoolsAreBounded(t *testing.T) {
	g, b := govern(t, newService(says("ho", usage(1, 1), 0)), governed.Config{MaxPools: 5, Rules: rule(quota.PoolConfig{RequestsPerMinute: 1000})})
	for i := range 100 {
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9).WithModel(fmt.Sprint("made-up-", i))); err != nil {
			t.Fatal(err)
		}
	}
	pools := g.Status().Pools
	if len(pools) != 6 || pools[5].Model != "other" || pools[5].Stats.Admitted != 95 {
		t.Errorf("%d pools: %+v", len(pools), pools)
	}
}

func TestBadRulesAreNamed(t *testing.T) {
	for want, r := range map[string]governed.Rule{
		"rules[0]: match":     {},
		"rules[0]: methods":   {Match: "*", Methods: []string{"construct"}},
		"rules[0]: maxTokens": {Match: "*", MaxTokens: -1},
		"tokensPerMinute":     {Match: "*", Quota: quota.PoolConfig{TokensPerMinute: -1}},
	} {
		if _, err := governed.New(governed.Config{Rules: []governed.Rule{r}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want it to name %s", r, err, want)
		}
	}
}

// TestAdvice: the report says which limit binds, and what to raise.
func TestAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		pool  quota.PoolConfig
		usage bedrock.TokenUsage
		binds string
		says  string
	}{
		"tokens":   {quota.PoolConfig{TokensPerMinute: 1000, RequestsPerMinute: 100}, usage(500, 400), "tokens", "On-demand model inference tokens per minute for " + model},
		"requests": {quota.PoolConfig{TokensPerMinute: 1_000_000, RequestsPerMinute: 1}, usage(5, 4), "requests", "On-demand model inference requests per minute for " + model},
		"the day":  {quota.PoolConfig{TokensPerMinute: 1_000_000, TokensPerDay: 1000}, usage(500, 400), "tokens-per-day", "tokens per day"},
		"nothing":  {quota.PoolConfig{TokensPerMinute: 1_000_000}, usage(5, 4), "tokens", ""},
	} {
		c.pool.Accounting = quota.Window
		g, b := govern(t, newService(says("ho", c.usage, 0)), governed.Config{Rules: rule(c.pool)})
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 100)); err != nil {
			t.Fatal(err)
		}
		if p := one(t, g); p.Binds != c.binds || !strings.Contains(p.Advice, c.says) || (p.Advice == "") != (c.says == "") {
			t.Errorf("%s: %s binds, and %q; want %s and %q", name, p.Binds, p.Advice, c.binds, c.says)
		}
	}
}

// BenchmarkDo is what governing adds to a call, with the same call without it.
func BenchmarkDo(b *testing.B) {
	answer := says("ho", usage(100, 20), 0)
	call := ask(bedrock.OpConverse, strings.Repeat("a few words ", 100), 100)
	g, err := governed.New(governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1e15, RequestsPerMinute: 1e15})})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	for name, backend := range map[string]outcrop.Backend{"bare": answer, "governed": g.Govern(answer, governed.Lane{Name: "lane"})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := backend.Do(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
