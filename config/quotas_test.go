package config_test

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/config"
)

func TestQuotasAreRead(t *testing.T) {
	c, err := config.Parse("outcrop.yaml", []byte(`
quotas:
  maxWait: 5s
  tokensPerDay: 8640000000
  models:
    - {match: "anthropic.*", tpm: 2000000, rpm: 100, burndown: 5, methods: [async]}
    - match: "*"
      learn: true
`), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	q := c.Quotas
	if q.TokensPerDay != 8_640_000_000 || len(q.Models) != 2 || q.Models[0].TPM != 2_000_000 || q.Models[0].Methods[0] != "async" ||
		!q.Models[1].Learn || q.Models[1].MaxTokens != 4096 || q.Models[1].Window.String() != "1m0s" {
		t.Errorf("read %+v", q)
	}
}

func TestBadQuotasAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"quotas: {models: [{tpm: 1}]}":                            "quotas.models[0]: match is missing",
		"quotas: {models: [{match: a, tpm: -1}]}":                 "quotas.models[0].tpm: expected 0 or more",
		"quotas: {models: [{match: a, tpm: lots}]}":               "quotas.models[0].tpm: expected a whole number",
		"quotas: {models: [{match: a, backend: b}]}":              "quotas.models[0].backend: there is no back-end",
		"quotas: {models: [{match: a, scope: moon}]}":             "expected one of in-region, geo, global",
		"quotas: {models: [{match: a, methods: [construct]}]}":    "quotas.models[0].methods: expected some of sync, stream, async, converse",
		"quotas: {models: [{match: a, window: 0s}]}":              "quotas.models[0].window: expected more than 0s",
		"quotas: {models: [{match: a, accounting: creative}]}":    "expected one of window, fixed, bucket",
		"quotas: {models: [{match: a, tokensPerMinute: 100000}]}": "quotas.models[0].tokensPerMinute: unknown key",
	} {
		_, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
