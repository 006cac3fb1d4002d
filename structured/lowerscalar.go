package structured

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fillScalar makes a leaf for the given scalar types.
func (l *lowering) fillScalar(s *shape, w view, types []string) {
	s.kind, s.types = leafShape, types
	if slices.Contains(types, "string") {
		l.fillText(s, w)
	}
	if slices.Contains(types, "integer") || slices.Contains(types, "number") {
		l.fillNumber(s, w)
	}
}

func (l *lowering) say(s *shape, w view, keyword, words string) {
	s.words = append(s.words, words)
	l.note("drop "+keyword, Widening, w, "the back-end does not take "+keyword+"; the description says it")
}

func (l *lowering) fillText(s *shape, w view) {
	formatKept := false
	for _, f := range w.formats() {
		if slices.Contains(l.profile.Formats, f) && !formatKept {
			s.leaf = append(s.leaf, field{"format", f})
			formatKept = true
		} else {
			l.say(s, w, "format", "format "+f)
		}
	}
	patternKept := false
	for _, p := range w.stringPatterns() {
		if !patternKept && l.takesPattern(p) {
			s.leaf = append(s.leaf, field{"pattern", p.String()})
			patternKept = true
		} else {
			l.say(s, w, "pattern", "matches "+p.String())
		}
	}
	length := w.length()
	if length.low == 0 && length.high < 0 {
		return
	}
	if l.profile.Lengths {
		if length.low > 0 {
			s.leaf = append(s.leaf, field{"minLength", length.low})
		}
		if length.high >= 0 {
			s.leaf = append(s.leaf, field{"maxLength", length.high})
		}
		return
	}
	if p := lengthPattern(length); p != "" && !patternKept && !formatKept && l.profile.Patterns != NoPatterns {
		s.leaf = append(s.leaf, field{"pattern", p})
		l.note("length as pattern", Reshaping, w, "the back-end takes patterns but no lengths")
		return
	}
	if !patternKept && !formatKept && length.low > 0 && l.profile.Patterns != NoPatterns {
		s.leaf = append(s.leaf, field{"pattern", lengthPattern(span{min(length.low, maxRepeat), -1})})
	}
	if length.high >= 0 {
		l.say(s, w, "maxLength", fmt.Sprintf("at most %d characters", length.high))
	}
	if length.low > 0 && (patternKept || formatKept || length.low > maxRepeat || l.profile.Patterns == NoPatterns) {
		l.say(s, w, "minLength", fmt.Sprintf("at least %d characters", length.low))
	}
}

// maxRepeat is the largest bounded repetition written into a pattern: larger
// ones blow up the automata that back-ends compile.
const maxRepeat = 32

// lengthPattern writes a length as a pattern, "" where it would be too large.
func lengthPattern(r span) string {
	switch {
	case r.low > maxRepeat || r.high > maxRepeat:
		return ""
	case r.high < 0 && r.low == 1:
		return `^[\s\S]+$`
	case r.high < 0:
		return fmt.Sprintf(`^[\s\S]{%d,}$`, r.low)
	}
	return fmt.Sprintf(`^[\s\S]{%d,%d}$`, r.low, r.high)
}

// takesPattern tells whether the profile takes a pattern.
func (l *lowering) takesPattern(p jsonschema.Regexp) bool {
	source := p.String()
	if _, ok := p.(re2Pattern); !ok || l.profile.Patterns == NoPatterns || strings.Contains(source, `\b`) || strings.Contains(source, `\B`) ||
		strings.Contains(source, `\p`) || strings.Contains(source, `\P`) || strings.Contains(source, "(?") && !strings.Contains(source, "(?:") {
		return false
	}
	if largeRepeat(source) {
		return false
	}
	if l.profile.Patterns == AnchoredPatterns {
		return strings.HasPrefix(source, "^") && strings.HasSuffix(source, "$") && !strings.HasSuffix(source, `\$`) && !strings.Contains(source[1:len(source)-1], "|")
	}
	return true
}

// largeRepeat tells whether a pattern has a repetition with a count of 1,000
// or more.
func largeRepeat(source string) bool {
	for i := strings.IndexByte(source, '{'); i >= 0 && i < len(source); i++ {
		digits := 0
		for j := i + 1; j < len(source) && source[j] >= '0' && source[j] <= '9'; j++ {
			digits++
		}
		if digits > 3 {
			return true
		}
		next := strings.IndexByte(source[i+1:], '{')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

// maxIntegerEnum is the longest integer range written as an enum.
const maxIntegerEnum = 64

func (l *lowering) fillNumber(s *shape, w view) {
	low, high := w.numberRange()
	steps := w.multiples()
	if low.value == nil && high.value == nil && len(steps) == 0 {
		return
	}
	if slices.ContainsFunc(steps, (*big.Rat).IsInt) {
		// Multiples of a whole number are whole: a type every back-end knows.
		s.types = slices.Clone(s.types)
		for i, t := range s.types {
			if t == "number" {
				s.types[i] = "integer"
			}
		}
	}
	whole := len(s.types) == 1 && s.types[0] == "integer"
	if l.profile.Ranges || l.profile.IntegerRanges && whole {
		l.keepRange(s, low, high, whole && !l.profile.Ranges)
		for i, step := range steps {
			if i == 0 && l.profile.Ranges {
				s.leaf = append(s.leaf, field{"multipleOf", number(step)})
			} else {
				l.say(s, w, "multipleOf", "multiple of "+decimal(step))
			}
		}
		return
	}
	if values, ok := integersBetween(low, high, w); ok && whole {
		s.values = values
		l.note("range as enum", Reshaping, w, "the back-end takes enums but no ranges")
		return
	}
	for _, b := range []struct {
		bound
		keyword, inclusive, exclusive string
	}{{low, "minimum", "at least ", "more than "}, {high, "maximum", "at most ", "less than "}} {
		if b.value == nil {
			continue
		}
		word := b.inclusive
		if b.bound.exclusive {
			word = b.exclusive
		}
		l.say(s, w, b.keyword, word+decimal(b.value))
	}
	for _, step := range steps {
		l.say(s, w, "multipleOf", "multiple of "+decimal(step))
	}
}

// keepRange writes a range. inclusive is for back-ends that know integers with
// inclusive bounds only.
func (l *lowering) keepRange(s *shape, low, high bound, inclusive bool) {
	write := func(b bound, name, exclusiveName string, step int64) {
		switch {
		case b.value == nil:
		case inclusive:
			v := gridUp(b.value, big.NewRat(1, 1))
			if step < 0 && v.Cmp(b.value) > 0 || b.exclusive && v.Cmp(b.value) == 0 {
				v.Add(v, big.NewRat(step, 1))
			}
			s.leaf = append(s.leaf, field{name, number(v)})
		case b.exclusive:
			s.leaf = append(s.leaf, field{exclusiveName, number(b.value)})
		default:
			s.leaf = append(s.leaf, field{name, number(b.value)})
		}
	}
	write(low, "minimum", "exclusiveMinimum", 1)
	write(high, "maximum", "exclusiveMaximum", -1)
}

// integersBetween lists the integers of a short range.
func integersBetween(low, high bound, w view) ([]any, bool) {
	if low.value == nil || high.value == nil {
		return nil, false
	}
	width := new(big.Rat).Sub(high.value, low.value)
	if width.Sign() < 0 || width.Cmp(big.NewRat(maxIntegerEnum, 1)) > 0 {
		return nil, false
	}
	var values []any
	for r := gridUp(low.value, big.NewRat(1, 1)); r.Cmp(high.value) <= 0; r = new(big.Rat).Add(r, big.NewRat(1, 1)) {
		if n := json.Number(r.Num().String()); w.accepts(n) {
			values = append(values, n)
		}
	}
	return values, len(values) > 0
}
