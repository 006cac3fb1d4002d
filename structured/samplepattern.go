package structured

import (
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fromPattern makes a string that probably matches a pattern; the caller
// checks. Higher tries make longer and more varied strings. Look-around cannot
// be generated from, so it is left out, and what a positive one asks for is
// put in front in some tries.
func (m *maker) fromPattern(pattern jsonschema.Regexp, length span, try int) (string, bool) {
	source := pattern.String()
	tree, err := parsePattern(source)
	if err != nil {
		plain, wanted := withoutLookaround(source)
		if tree, err = parsePattern(plain); err != nil {
			return "", false
		}
		if try%2 == 1 && len(wanted) > 0 {
			var b strings.Builder
			for _, part := range wanted {
				if sub, err := parsePattern(part); err == nil {
					m.walkPattern(sub, &b, 1, 64)
				}
			}
			m.walkPattern(tree, &b, 0, 64)
			return b.String(), true
		}
	}
	most := 1 << 12
	if length.high >= 0 {
		most = min(max(length.high, 1), maxMadeText)
	}
	var b strings.Builder
	m.walkPattern(tree, &b, stretchFor(length, try), most)
	s := b.String()
	// A pattern that is not anchored leaves room for padding.
	if missing := length.low - len([]rune(s)); missing > 0 && try%2 == 0 {
		if re, ok := pattern.(re2Pattern); ok {
			for _, padded := range []string{s + strings.Repeat("a", missing), strings.Repeat("a", missing) + s, s + strings.Repeat("0", missing)} {
				if re.MatchString(padded) {
					return padded, true
				}
			}
		}
	}
	return s, true
}

// stretchFor tells how many extra repetitions an open repeat should get.
func stretchFor(length span, try int) int {
	stretch := try % 4
	if length.low > 0 {
		stretch += length.low * (try % 5) / 3
	}
	return stretch
}

// walkPattern appends one string of a pattern's language. Assertions are
// ignored. most bounds the length.
func (m *maker) walkPattern(re *syntax.Regexp, b *strings.Builder, stretch, most int) {
	if b.Len() > most+64 {
		return
	}
	repeat := func(low, high int) {
		n := low
		if high < 0 {
			high = low + max(stretch, 1) + 1
		}
		if high > low && stretch > 0 {
			n = min(high, low+m.rng.IntN(stretch+1))
		} else if low == 0 && high > 0 && stretch > 0 {
			n = 1
		}
		for range n {
			if b.Len() > most {
				return
			}
			m.walkPattern(re.Sub[0], b, stretch, most)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(m.fromClass(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte("abcdefghijklmnopqrstuvwxyz0123456789"[m.rng.IntN(36)])
	case syntax.OpCapture:
		m.walkPattern(re.Sub[0], b, stretch, most)
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, re.Max)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			m.walkPattern(sub, b, stretch, most)
		}
	case syntax.OpAlternate:
		m.walkPattern(re.Sub[m.rng.IntN(len(re.Sub))], b, stretch, most)
	}
}

// fromClass picks a rune of a class, a printable ASCII one if there is any.
func (m *maker) fromClass(ranges []rune) rune {
	var ascii []rune
	for _, want := range []func(rune) bool{
		func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' },
		func(r rune) bool { return r > ' ' && r < 0x7F },
		func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' },
	} {
		for i := 0; i+1 < len(ranges); i += 2 {
			for r := ranges[i]; r <= min(ranges[i+1], 0x7E); r++ {
				if want(r) {
					ascii = append(ascii, r)
				}
			}
		}
		if len(ascii) > 0 && m.rng.IntN(8) != 0 {
			break
		}
	}
	if len(ascii) > 0 {
		return ascii[m.rng.IntN(len(ascii))]
	}
	if len(ranges) == 0 {
		return 'a'
	}
	i := 2 * m.rng.IntN(len(ranges)/2)
	low, high := ranges[i], ranges[i+1]
	return low + m.rng.Int32N(min(high-low, 200)+1)
}

// withoutLookaround removes the look-around groups of a pattern and returns
// the contents of the positive look-aheads.
func withoutLookaround(source string) (string, []string) {
	var out strings.Builder
	var wanted []string
	for i := 0; i < len(source); {
		if source[i] == '\\' && i+1 < len(source) {
			if c := source[i+1]; c >= '1' && c <= '9' {
				i += 2 // a back-reference: drop it
				continue
			}
			out.WriteString(source[i : i+2])
			i += 2
			continue
		}
		if source[i] == '[' {
			end := classEnd(source, i)
			out.WriteString(source[i:end])
			i = end
			continue
		}
		prefix := ""
		for _, p := range []string{"(?!", "(?=", "(?<!", "(?<="} {
			if strings.HasPrefix(source[i:], p) {
				prefix = p
			}
		}
		if prefix == "" {
			out.WriteByte(source[i])
			i++
			continue
		}
		end := groupEnd(source, i)
		if prefix == "(?=" && end > i {
			wanted = append(wanted, source[i+len(prefix):end-1])
		}
		i = end
	}
	return out.String(), wanted
}

// classEnd returns the offset after the character class that begins at i.
func classEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case ']':
			if j > i+1 {
				return j + 1
			}
		}
	}
	return len(s)
}

// groupEnd returns the offset after the group that begins at i.
func groupEnd(s string, i int) int {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '[':
			j = classEnd(s, j) - 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return len(s)
}
