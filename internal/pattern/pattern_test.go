package pattern

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMatchIsARegularExpression: patterns mean what the expression with .*
// in the place of * means.
func TestMatchIsARegularExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab.*]{0,6}`).Draw(t, "pattern")
		id := rapid.StringMatching(`[ab.]{0,8}`).Draw(t, "id")
		expression := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `(.*?)`) + "$"
		found := regexp.MustCompile(expression).FindStringSubmatch(id)
		star, ok := Match(pattern, id)
		if ok != (found != nil) {
			t.Fatalf("%q matches %q: %v, the expression %v", pattern, id, ok, found)
		}
		if ok && strings.Contains(pattern, "*") && star != found[1] {
			t.Fatalf("%q on %q: * is %q, want %q", pattern, id, star, found[1])
		}
	})
}
