package structured

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxPatternLength bounds a pattern's text; compiling costs memory in
// proportion to it.
const maxPatternLength = 16 << 10

// patternTimeout is the panic of a backtracking match that ran out of time. It
// unwinds the validator to the Validate that recovers it: answering "no match"
// would silently accept values under patternProperties and not.
type patternTimeout struct{ pattern string }

// re2Pattern is a pattern the standard library takes: matching is linear.
type re2Pattern struct {
	*regexp.Regexp
	source string
}

func (p re2Pattern) String() string { return p.source }

// backtrackingPattern is a pattern with look-around or back-references, which
// RE2 refuses.
type backtrackingPattern struct {
	re     *regexp2.Regexp
	source string
}

func (p backtrackingPattern) String() string { return p.source }

func (p backtrackingPattern) MatchString(s string) bool {
	ok, err := p.re.MatchString(s)
	if err != nil {
		panic(patternTimeout{p.source})
	}
	return ok
}

// patternEngine compiles patterns: RE2 first, and the backtracking engine,
// bounded by timeout for each match, only for what RE2 refuses.
func patternEngine(timeout time.Duration) jsonschema.RegexpEngine {
	return func(source string) (jsonschema.Regexp, error) {
		if len(source) > maxPatternLength {
			return nil, fmt.Errorf("pattern longer than %d bytes", maxPatternLength)
		}
		if re, err := regexp.Compile(re2Source(source)); err == nil {
			return re2Pattern{re, source}, nil
		}
		re, err := regexp2.Compile(source, regexp2.ECMAScript)
		if err != nil {
			if re, err = regexp2.Compile(source, regexp2.None); err != nil {
				return nil, err
			}
		}
		re.MatchTimeout = timeout
		return backtrackingPattern{re, source}, nil
	}
}

// re2Source rewrites the ECMA-262 escape \uXXXX, the one common spelling RE2
// does not know, as \x{XXXX}.
func re2Source(source string) string {
	if !strings.Contains(source, `\u`) {
		return source
	}
	var b strings.Builder
	for i := 0; i < len(source); i++ {
		if source[i] != '\\' || i+1 == len(source) {
			b.WriteByte(source[i])
			continue
		}
		if source[i+1] == 'u' {
			if _, ok := hex4(source[i+2:]); ok {
				b.WriteString(`\x{` + source[i+2:i+6] + `}`)
				i += 5
				continue
			}
		}
		b.WriteString(source[i : i+2])
		i++
	}
	return b.String()
}

// parsePattern returns the syntax tree of a pattern that RE2 takes.
func parsePattern(source string) (*syntax.Regexp, error) {
	return syntax.Parse(re2Source(source), syntax.Perl)
}
