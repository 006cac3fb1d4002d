package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/config"
)

func TestTenants(t *testing.T) {
	c := parse(t, `
tenants:
  team-a: {account: "123456789012", weight: 2.5, class: batch, models: [anthropic.*], operator: true}
  team-b:
    limits: {tokensPerDay: 5000000000, concurrent: 3, queue: 10s}
    spending: {perDay: 0.5}
  team-c:
`, config.Sources{Lookup: env()})
	a, b, other := c.Tenants["team-a"], c.Tenants["team-b"], c.Tenants["team-c"]
	if a.Account != "123456789012" || a.Weight != 2.5 || a.Class != "batch" || len(a.Models) != 1 || !a.Operator {
		t.Errorf("%+v", a)
	}
	if b.Limits.TokensPerDay != 5_000_000_000 || b.Limits.Concurrent != 3 || b.Limits.Queue != 10*time.Second || b.Limits.BatchQueue != 10*time.Minute ||
		b.Spending.PerDay != 0.5 || b.Weight != 1 || b.Class != "interactive" {
		t.Errorf("%+v", b)
	}
	if len(b.Account) != 12 || len(other.Account) != 12 || b.Account == other.Account {
		t.Errorf("accounts %s and %s", b.Account, other.Account)
	}
	for text, want := range map[string]string{
		"tenants: {owner: {}}":                          "outcrop.yaml:1: tenants.owner: owner is the name of the server's own user",
		"tenants: {'a b': {}}":                          "outcrop.yaml:1: tenants.a b: the name of a tenant has",
		"tenants: {a: {account: '12'}}":                 "outcrop.yaml:1: tenants.a.account: expected 12 digits",
		"tenants: {a: {weight: 0}}":                     "outcrop.yaml:1: tenants.a.weight: expected a number above 0",
		"tenants: {a: {models: ['']}}":                  "outcrop.yaml:1: tenants.a.models[0]: expected a model id",
		"tenants: {a: {class: urgent}}":                 "outcrop.yaml:1: tenants.a.class: expected one of interactive, batch, background",
		"tenants: {a: {limits: {tokensPerMinute: -1}}}": "outcrop.yaml:1: tenants.a.limits.tokensPerMinute: expected 0 or more",
		"tenants: {a: {limits: {requestPerMinute: 1}}}": "did you mean requestsPerMinute",
		"usage: {flush: 1ms}":                           "outcrop.yaml:1: usage.flush: expected 100ms or more",
		"usage: {retentionDays: 30}":                    "outcrop.yaml:1: usage.retentionDays: expected 62 or more",
	} {
		_, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: env()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
