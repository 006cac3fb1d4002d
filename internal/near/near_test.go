package near

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	known := []string{"apiKeyEnv", "apiKeyFile", "baseUrl", "backends", "backend", "model", "models", "tpm"}
	for word, want := range map[string][]string{
		"apiKey": {"apiKeyEnv", "apiKeyFile"}, "baseURL": {"baseUrl"}, "basurl": {"baseUrl"}, "backnds": {"backends", "backend"},
		"tmp": {"tpm"}, "pmt": nil, "bakcend": {"backend", "backends"}, "zzz": nil, "": nil, "modle": {"model", "models"},
	} {
		if got := Words(word, known, 2); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// TestDistance: it is a metric.
func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-c]{0,8}`)
		a, b, c := text.Draw(t, "a"), text.Draw(t, "b"), text.Draw(t, "c")
		ab, ba := distance(a, b), distance(b, a)
		if ab != ba || (ab == 0) != (a == b) || distance(a, c) > ab+distance(b, c) || ab > max(len(a), len(b)) {
			t.Fatalf("%q to %q is %d, back %d", a, b, ab, ba)
		}
	})
}
