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
		"quotas: {models: [{match: a, tmp: 1}]}":                  "quotas.models[0].tmp: unknown key; did you mean tpm?",
		"quotas:\n  models:\n  - match: *\n    rpm: 6\n":          `outcrop.yaml:3: a value that begins with * has to be quoted, as in "*"`,
		"quotas:\n  models:\n  - match: a\n     rpm: 6\n":         "is the line indented as those around it?",
		"quotas:\n\tmaxWait: 1s\n":                                "outcrop.yaml:2: there is a tab where YAML takes spaces only",
		"quotas: {models: [{match: a, tokensPerMinute: 100000}]}": "quotas.models[0].tokensPerMinute: unknown key",
	} {
		_, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestLanesAreRead(t *testing.T) {
	c, err := config.Parse("outcrop.yaml", []byte(`
backends:
  east: {kind: amazon, region: us-east-1}
models:
  - match: "anthropic.*"
    lanes:
      - {backend: east, name: "us.anthropic.*", price: 1.5}
      - {backend: simulator}
    failover: [{backend: simulator}]
`), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	lanes := c.Models[0].Lanes
	if len(lanes) != 2 || lanes[0] != (config.Lane{Backend: "east", Name: "us.anthropic.*", Price: 1.5}) || lanes[1].Backend != "simulator" {
		t.Errorf("read %+v", lanes)
	}
}

func TestBadLanesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{match: a, lanes: []}": "models[0]: backend is missing",
		"{match: a, backend: simulator, lanes: [{backend: simulator}]}":   "models[0].backend: expected backend or lanes, not both",
		"{match: a, name: b, lanes: [{backend: simulator}]}":              "models[0].name: stands in each of lanes",
		"{match: a, lanes: [{name: b}]}":                                  "models[0].lanes[0]: backend is missing",
		"{match: a, lanes: [{backend: simulatr}]}":                        "models[0].lanes[0].backend: there is no back-end",
		"{match: a, lanes: [{backend: simulator, name: 'us.*'}]}":         "models[0].lanes[0].name: may have one *",
		"{match: a, lanes: [{backend: simulator, price: -1}]}":            "models[0].lanes[0].price: expected 0 or more",
		"{match: a, lanes: [{backend: simulator, prise: 1}]}":             "models[0].lanes[0].prise: unknown key",
		"{match: a, lanes: [{backend: simulator}, {backend: simulator}]}": "models[0].lanes[1]: the same as lanes[0]",
	} {
		_, err := config.Parse("outcrop.yaml", []byte("models: ["+text+"]"), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
