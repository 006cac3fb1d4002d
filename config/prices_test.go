package config

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestPriceTable(t *testing.T) {
	c, err := Parse("outcrop.yaml", []byte(`
aliases: {fast: amazon.nova-micro-v1:0}
prices:
  - {match: amazon.nova-micro-*, input: 1, output: 2, batch: 0.5}
  - {match: llama*, input: 0, output: 0}
  - {match: half, input: 3}
`), Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	table, err := c.PriceTable()
	if err != nil {
		t.Fatal(err)
	}
	used := bedrock.TokenUsage{InputTokens: 1e6, OutputTokens: 1e6}
	for _, want := range []struct {
		id    string
		batch bool
		usd   float64
		known bool
	}{
		{"us.amazon.nova-micro-v1:0", false, 3, true},
		{"fast", true, 1.5, true},
		{"llama3.2", false, 0, true},
		{"llama3.2", true, 0, false},
		{"half", false, 0, false},
		{"amazon.nova-lite-v1:0", false, 0.3, true},
		{"nobody.knows-it", false, 0, false},
	} {
		if usd, known := table.Cost(want.id, used, want.batch); usd != want.usd || known != want.known {
			t.Errorf("%s: %g (known %v), want %g (known %v)", want.id, usd, known, want.usd, want.known)
		}
	}
}

// TestOwnPrices: another engine under a model's name does not charge for it.
func TestOwnPrices(t *testing.T) {
	c, err := Parse("outcrop.yaml", []byte("prices: [{match: gpt-*, input: 1, output: 2}]"), Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	table, err := c.OwnPrices()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := table.Find("amazon.nova-micro-v1:0"); ok {
		t.Error("a built-in price is among the configuration's own")
	}
	if _, ok := table.Find("gpt-4.1"); !ok {
		t.Error("a price of the configuration is not among its own")
	}
}

func TestPricesAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"prices: [{input: 1}]":                         "outcrop.yaml:1: prices[0]: match is missing",
		"prices: [{match: a}, {match: b}, {match: a}]": "prices[2].match: never reached: prices[0] matches the same",
		"prices: [{match: a, input: -1}]":              "prices[0].input: expected 0 or more",
		"prices: [{match: a, inptu: 1}]":               "did you mean input?",
		"prices: {a: {input: 1}}":                      "prices: expected a list, found a mapping",
	} {
		_, err := Parse("outcrop.yaml", []byte(text), Sources{Lookup: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
