package bedrock

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Validatable is a wire type whose constraints [Validate] can check.
type Validatable interface{ validate(*checker) }

// Validate checks the constraints that the API's model puts on a value:
// required members, lengths, ranges, patterns, enumerations, unions with
// exactly one member. The error is a *[ConstraintError] that lists all
// violations, at most [MaxViolations].
func Validate(v Validatable) error {
	c := checkers.Get().(*checker)
	v.validate(c)
	c.path = c.path[:0]
	if len(c.violations) == 0 {
		checkers.Put(c)
		return nil
	}
	return &ConstraintError{Violations: c.violations}
}

var checkers = sync.Pool{New: func() any { return &checker{path: make([]byte, 0, 128)} }}

// MaxViolations is how many violations a [ConstraintError] lists.
const MaxViolations = 10

// ConstraintError lists what in a value breaks the API's constraints.
type ConstraintError struct{ Violations []Violation }

// Violation is one broken constraint.
type Violation struct {
	Field   string // "messages.1.member.role": lists count from 1, as AWS prints them
	Problem string // "Member must not be null"
}

// Error words the violations as AWS does, without the values, which may be
// prompt text.
func (e *ConstraintError) Error() string {
	var b strings.Builder
	plural := "s"
	if len(e.Violations) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "%d validation error%s detected: ", len(e.Violations), plural)
	for i, v := range e.Violations {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "Value at '%s' failed to satisfy constraint: %s", v.Field, v.Problem)
	}
	return b.String()
}

// checker walks a value and remembers the way to where it stands.
type checker struct {
	path       []byte
	violations []Violation
}

func (c *checker) enter(name string) (mark int) {
	mark = len(c.path)
	if mark > 0 {
		c.path = append(c.path, '.')
	}
	c.path = append(c.path, name...)
	return mark
}

func (c *checker) enterItem(i int) (mark int) {
	mark = len(c.path)
	c.path = append(c.path, '.')
	c.path = strconv.AppendInt(c.path, int64(i+1), 10)
	c.path = append(c.path, ".member"...)
	return mark
}

func (c *checker) leave(mark int) { c.path = c.path[:mark] }

func (c *checker) fail(format string, args ...any) {
	if len(c.violations) < MaxViolations {
		c.violations = append(c.violations, Violation{Field: string(c.path), Problem: fmt.Sprintf(format, args...)})
	}
}

func (c *checker) required(name string, present bool) {
	if !present {
		mark := c.enter(name)
		c.fail("Member must not be null")
		c.leave(mark)
	}
}

// A bound is which side of a limit a value has to stay on.
type bound string

const (
	atLeast bound = "greater than or equal to"
	atMost  bound = "less than or equal to"
)

func (b bound) holds(value, limit float64) bool {
	if b == atLeast {
		return value >= limit
	}
	return value <= limit
}

func (c *checker) length(n int, b bound, limit int) {
	if !b.holds(float64(n), float64(limit)) {
		c.fail("Member must have length %s %d", b, limit)
	}
}

func (c *checker) within(value float64, b bound, limit float64) {
	if !b.holds(value, limit) {
		c.fail("Member must have value %s %s", b, strconv.FormatFloat(limit, 'f', -1, 64))
	}
}

func (c *checker) pattern(p *pattern, v string) {
	if !p.match(v) {
		c.fail("Member must satisfy regular expression pattern: %s", p.source)
	}
}

func (c *checker) enum(v string, values ...string) {
	if !slices.Contains(values, v) {
		c.fail("Member must satisfy enum value set: [%s]", strings.Join(values, ", "))
	}
}

// union checks that one member of a union is set, and that this version
// knows it.
func (c *checker) union(unknown Document, set ...bool) {
	n := 0
	for _, is := range set {
		if is {
			n++
		}
	}
	switch {
	case n == 0 && len(unknown) > 0:
		c.fail("Member must be one of the union's known members")
	case n != 1:
		c.fail("Member must have exactly one of the union's members set, not %d", n)
	}
}

// pattern is a regular expression that is compiled when it is first used.
type pattern struct {
	source string
	match  func(string) bool
}

func lazyPattern(anchored string) *pattern {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(anchored) })
	return &pattern{
		source: strings.TrimSuffix(strings.TrimPrefix(anchored, "^(?:"), ")$"),
		match:  func(s string) bool { return compiled().MatchString(s) },
	}
}

func runes(s string) int { return utf8.RuneCountInString(s) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
