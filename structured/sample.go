package structured

import (
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"
)

// number makes a number in the view's range, on the grid of its multiples.
func (m *maker) number(w view, p place, whole bool, try int) (any, bool) {
	low, high := w.numberRange()
	step, bounded := commonMultiple(w.multiples())
	if whole && bounded {
		step, _ = commonMultiple([]*big.Rat{step, big.NewRat(1, 1)})
	}
	if !bounded {
		step = big.NewRat(1, 1)
	}
	fits := func(r *big.Rat) bool {
		return above(r, low) && under(r, high) && (!bounded || new(big.Rat).Quo(r, step).IsInt()) && (!whole || r.IsInt())
	}
	if n, ok := m.hints.number(p.name, fits); ok && try < 2 {
		return n, true
	}
	// The grid point at or above the low end, or at or below the high end, or
	// a small one, plus a few steps.
	start := new(big.Rat)
	switch {
	case low.value != nil:
		start = gridUp(low.value, step)
		if !above(start, low) {
			start.Add(start, step)
		}
	case high.value != nil && high.value.Sign() <= 0:
		start = gridUp(high.value, step)
		for i := 0; !under(start, high) && i < 3; i++ {
			start.Sub(start, step)
		}
		return number(start), fits(start)
	}
	if try%4 < 3 && (try < 3 || m.rng.IntN(2) == 0) {
		jump := new(big.Rat).Mul(step, big.NewRat(int64(m.rng.IntN(40)+try), 1))
		if far := jump.Add(jump, start); fits(far) {
			return number(far), true
		}
	}
	if high.value != nil && try%2 == 1 {
		// Near the high end, where other limits may not reach.
		end := gridUp(high.value, step)
		for range 2 + m.rng.IntN(4) {
			if fits(end) && m.rng.IntN(2) == 0 {
				break
			}
			end.Sub(end, step)
		}
		if fits(end) {
			return number(end), true
		}
	}
	if fits(start) {
		return number(start), true
	}
	if whole || bounded || low.value == nil || high.value == nil {
		return nil, false
	}
	// No whole number lies between the ends: take their middle.
	middle := new(big.Rat).Add(low.value, high.value)
	middle.Quo(middle, big.NewRat(2, 1))
	return number(middle), fits(middle)
}

func above(r *big.Rat, low bound) bool {
	return low.value == nil || r.Cmp(low.value) > 0 || !low.exclusive && r.Cmp(low.value) == 0
}

func under(r *big.Rat, high bound) bool {
	return high.value == nil || r.Cmp(high.value) < 0 || !high.exclusive && r.Cmp(high.value) == 0
}

// gridUp rounds up to a multiple of step.
func gridUp(r, step *big.Rat) *big.Rat {
	q := new(big.Rat).Quo(r, step)
	k := new(big.Int).Div(q.Num(), q.Denom()) // floor, as the denominator is positive
	if !q.IsInt() {
		k.Add(k, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(k), step)
}

// commonMultiple returns the least common multiple of positive rationals: for
// fractions in lowest terms, lcm of the numerators over gcd of the
// denominators.
func commonMultiple(list []*big.Rat) (*big.Rat, bool) {
	if len(list) == 0 {
		return nil, false
	}
	num, den := new(big.Int).Set(list[0].Num()), new(big.Int).Set(list[0].Denom())
	for _, r := range list[1:] {
		gcd := new(big.Int).GCD(nil, nil, num, r.Num())
		num.Div(num.Mul(num, r.Num()), gcd)
		den.GCD(nil, nil, den, r.Denom())
	}
	return new(big.Rat).SetFrac(num, den), true
}

// maxMadeText bounds, in characters, the strings that are made: a minLength is
// a small number to write.
const maxMadeText = 1 << 20

// text makes a string for the view's formats, patterns and length.
func (m *maker) text(w view, p place, try int) (any, bool) {
	length := w.length()
	if length.low > maxMadeText {
		return nil, false
	}
	formats, patterns := w.formats(), w.stringPatterns()
	fits := func(s string) bool {
		n := utf8.RuneCountInString(s)
		if n < length.low || length.high >= 0 && n > length.high {
			return false
		}
		return m.accepts(w, s)
	}
	if try == 0 {
		if s, ok := m.hints.text(p.name, formats, fits); ok {
			return s, true
		}
	}
	if len(formats) > 0 {
		for i := range 6 {
			m.serial++
			if s, ok := formatSample(formats[0], m.serial+i); ok && fits(s) {
				return s, true
			}
		}
	}
	if len(patterns) > 0 {
		for i, pattern := range patterns {
			for round := range 24 {
				if m.budget--; m.budget < 0 {
					return nil, false
				}
				s, ok := m.fromPattern(pattern, length, try*24+round+i)
				if ok && fits(s) {
					return s, true
				}
			}
		}
		return nil, false
	}
	return m.plainText(p, length, try), true
}

// plainText makes readable text of an allowed length out of the member's name.
func (m *maker) plainText(p place, length span, try int) string {
	s := "sample"
	if p.name != "" {
		s = "sample " + strings.ToLower(strings.Join(words(p.name), " "))
	}
	if p.fresh || try > 0 {
		m.serial++
		s = fmt.Sprintf("%s %d", s, m.serial)
	}
	n := utf8.RuneCountInString(s)
	if length.high >= 0 && n > length.high {
		s = ""
		for range min(length.high, 8) {
			s += string(rune('a' + m.rng.IntN(26)))
		}
		n = len(s)
	}
	if n < length.low {
		s += strings.Repeat("x", length.low-n)
	}
	return s
}

// formatSample returns the i-th example of a format the validator asserts.
func formatSample(format string, i int) (string, bool) {
	n := i % 28
	switch format {
	case "date-time":
		return fmt.Sprintf("2026-01-%02dT09:30:00Z", n+1), true
	case "date":
		return fmt.Sprintf("2026-01-%02d", n+1), true
	case "time":
		return fmt.Sprintf("09:%02d:00Z", n), true
	case "duration", "period":
		if format == "period" {
			return fmt.Sprintf("2026-01-%02dT09:30:00Z/PT1H", n+1), true
		}
		return fmt.Sprintf("PT%dH", n+1), true
	case "email", "idn-email":
		return fmt.Sprintf("person%d@example.com", i), true
	case "hostname", "idn-hostname":
		return fmt.Sprintf("host%d.example.com", i), true
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", i%250+1), true
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", i%65000+1), true
	case "uri", "iri":
		return fmt.Sprintf("https://example.com/%d", i), true
	case "uri-reference", "iri-reference":
		return fmt.Sprintf("/path/%d", i), true
	case "uri-template":
		return fmt.Sprintf("https://example.com/{id}/%d", i), true
	case "uuid":
		return fmt.Sprintf("123e4567-e89b-42d3-a456-%012x", i), true
	case "json-pointer":
		return fmt.Sprintf("/a/%d", i), true
	case "relative-json-pointer":
		return fmt.Sprintf("%d/a", n), true
	case "regex":
		return fmt.Sprintf("^[a-z]{%d}$", n+1), true
	case "semver":
		return fmt.Sprintf("1.%d.0", n), true
	}
	return "", false
}

// words splits an identifier such as firstName or first_name into words.
func words(name string) []string {
	var out []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			out = append(out, strings.ToLower(word.String()))
			word.Reset()
		}
	}
	previousLower := false
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			if previousLower {
				flush()
			}
			word.WriteRune(c)
			previousLower = false
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf:
			word.WriteRune(c)
			previousLower = true
		default:
			flush()
			previousLower = false
		}
	}
	flush()
	return out
}
