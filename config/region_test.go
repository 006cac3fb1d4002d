package config

import "testing"

// TestARNRegion: the Region in ARNs has a default of its own.
func TestARNRegion(t *testing.T) {
	for text, want := range map[string]string{"": "us-east-1", "region: us-west-2": "us-west-2", "region: eu-west-1": "eu-west-1"} {
		c, err := Parse("outcrop.yaml", []byte(text), Sources{Lookup: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		if c.ARNRegion() != want {
			t.Errorf("%q: %s, want %s", text, c.ARNRegion(), want)
		}
	}
}
