package structured

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A JSON value in this package is one of nil, bool, json.Number, string, []any
// and map[string]any. Numbers stay json.Number, so no digit is lost between
// the model's text and the caller's value.

// Normalize turns any Go value that encoding/json can marshal into the JSON
// values this package works on. It costs one encoding and one parse.
func Normalize(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return parseExact(string(text), defaultMaxDepth)
}

// syntaxError says where a text stops being exact JSON.
type syntaxError struct {
	offset int
	reason string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d", e.reason, e.offset)
}

// exactParser reads RFC 8259 text and nothing else. It is the fast path of the
// tolerant reader, so whatever it accepts must have exactly one meaning: a
// member name given twice with different values is refused here.
type exactParser struct {
	text     string
	pos      int
	depth    int
	maxDepth int
	// order, when set, receives the member names of every object in the order
	// of the text, by JSON Pointer. Only schemas need it.
	order    map[string][]string
	path     []byte
	pointers int // bytes of the pointers in order
	places   int // objects and booleans: where subschemas may be
}

// maxPointers bounds the pointers of one schema's objects, in bytes all
// together: long names in deep nesting make them grow by the square of the
// text, here and in the validator.
const maxPointers = 8 << 20

var errLongPointers = errors.New("its names are too long for its nesting")

// parseExact reads one JSON value that fills the whole text. Strings without
// escapes share the memory of text. Linear time; nesting beyond maxDepth is an
// error.
func parseExact(text string, maxDepth int) (any, error) {
	p := exactParser{text: text, maxDepth: maxDepth}
	return p.document()
}

// parseOrdered is parseExact that also reports the order of member names by
// the JSON Pointer of their object, and how many objects and booleans there
// are.
func parseOrdered(text string, maxDepth int) (v any, order map[string][]string, places int, err error) {
	p := exactParser{text: text, maxDepth: maxDepth, order: map[string][]string{}}
	v, err = p.document()
	return v, p.order, p.places, err
}

func (p *exactParser) document() (any, error) {
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos != len(p.text) {
		return nil, p.fail("text after the value")
	}
	return v, nil
}

func (p *exactParser) fail(reason string) error {
	return &syntaxError{offset: p.pos, reason: reason}
}

func (p *exactParser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *exactParser) value() (any, error) {
	p.space()
	if p.pos >= len(p.text) {
		return nil, p.fail("the text ends where a value should be")
	}
	switch c := p.text[p.pos]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.string()
	case c == '-' || c >= '0' && c <= '9':
		n := numberLength(p.text[p.pos:])
		if n == 0 {
			return nil, p.fail("malformed number")
		}
		p.pos += n
		return json.Number(p.text[p.pos-n : p.pos]), nil
	case strings.HasPrefix(p.text[p.pos:], "true"):
		p.pos += 4
		p.places++
		return true, nil
	case strings.HasPrefix(p.text[p.pos:], "false"):
		p.pos += 5
		p.places++
		return false, nil
	case strings.HasPrefix(p.text[p.pos:], "null"):
		p.pos += 4
		return nil, nil
	}
	return nil, p.fail("no JSON value")
}

func (p *exactParser) enter() error {
	p.depth++
	if p.depth > p.maxDepth {
		return p.fail(fmt.Sprintf("nesting deeper than %d", p.maxDepth))
	}
	p.pos++
	p.space()
	return nil
}

func (p *exactParser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	p.places++
	m := map[string]any{}
	if p.peek() == '}' {
		p.pos++
		return m, nil
	}
	var names []string
	here := len(p.path)
	for {
		p.space()
		if p.peek() != '"' {
			return nil, p.fail("a member name should be here")
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.peek() != ':' {
			return nil, p.fail("a colon should be here")
		}
		p.pos++
		if p.order != nil {
			names = append(names, name)
			p.path = append(append(p.path, '/'), escapePointer(name)...)
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		p.path = p.path[:here]
		before := len(m)
		old := m[name]
		m[name] = v
		if len(m) == before && !equalValues(old, v) {
			return nil, p.fail(fmt.Sprintf("member %q is given twice with different values", name))
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			if p.order != nil {
				if p.pointers += len(p.path); p.pointers > maxPointers {
					return nil, errLongPointers
				}
				p.order[string(p.path)] = names
			}
			return m, nil
		default:
			return nil, p.fail("a comma or a closing brace should be here")
		}
	}
}

func (p *exactParser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	list := []any{}
	if p.peek() == ']' {
		p.pos++
		return list, nil
	}
	here := len(p.path)
	for {
		if p.order != nil {
			p.path = fmt.Appendf(p.path, "/%d", len(list))
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		p.path = p.path[:here]
		list = append(list, v)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return list, nil
		default:
			return nil, p.fail("a comma or a closing bracket should be here")
		}
	}
}

// peek returns the next byte, or 0 at the end of the text.
func (p *exactParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *exactParser) string() (string, error) {
	start := p.pos + 1
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			s := p.text[start:i]
			if !utf8.ValidString(s) {
				return "", p.fail("a string that is not UTF-8")
			}
			p.pos = i + 1
			return s, nil
		case c == '\\':
			return p.escapedString(start, i)
		case c < 0x20:
			p.pos = i
			return "", p.fail("a raw control character in a string")
		}
	}
	return "", p.fail("a string without an end")
}

// escapedString finishes a string whose first escape stands at i.
func (p *exactParser) escapedString(start, i int) (string, error) {
	var b strings.Builder
	b.WriteString(p.text[start:i])
	for i < len(p.text) {
		c := p.text[i]
		switch {
		case c == '"':
			if !utf8.ValidString(b.String()) {
				return "", p.fail("a string that is not UTF-8")
			}
			p.pos = i + 1
			return b.String(), nil
		case c == '\\':
			r, n := unescape(p.text[i:])
			if n == 0 {
				p.pos = i
				return "", p.fail("an unknown escape in a string")
			}
			b.WriteRune(r)
			i += n
		case c < 0x20:
			p.pos = i
			return "", p.fail("a raw control character in a string")
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", p.fail("a string without an end")
}

// unescape decodes the JSON escape at the start of s and returns its rune and
// its length, 0 if it is none. A lone surrogate becomes U+FFFD, as
// encoding/json has it.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			return 0, 0
		}
		if utf16.IsSurrogate(r) {
			if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
				if low, ok := hex4(s[8:]); ok {
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						return pair, 12
					}
				}
			}
			return utf8.RuneError, 6
		}
		return r, 6
	}
	return 0, 0
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// maxNumberLength bounds a number's text and maxExponent its exponent, because
// comparing 1e999999999 exactly would need gigabytes.
const (
	maxNumberLength = 1 << 10
	maxExponent     = 1 << 10
)

// numberLength returns the length of the JSON number s begins with, 0 if there
// is none or it is beyond the limits above.
func numberLength(s string) int {
	i := 0
	digits := func() bool {
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	first := i
	if !digits() || s[first] == '0' && i > first+1 {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		start, exponent := i, 0
		if !digits() {
			return 0
		}
		for _, c := range []byte(s[start:i]) {
			if exponent = exponent*10 + int(c-'0'); exponent > maxExponent {
				return 0
			}
		}
	}
	if i > maxNumberLength {
		return 0
	}
	return i
}

// equalValues compares two JSON values as JSON Schema does: numbers by their
// mathematical value, objects without regard to order.
func equalValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equalValues(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalValues(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		if a == b {
			return true
		}
		x, okX := rational(a)
		y, okY := rational(b)
		return okX && okY && x.Cmp(y) == 0
	default:
		switch b.(type) {
		case map[string]any, []any:
			return false
		}
		return a == b
	}
}

// rational returns the exact value of a number, false when it is none or its
// exponent is beyond what this package is willing to compute.
func rational(n json.Number) (*big.Rat, bool) {
	if numberLength(string(n)) != len(n) || n == "" {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

// cloneValue copies a JSON value, so that the copy can be changed.
func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = cloneValue(e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = cloneValue(e)
		}
		return list
	}
	return v
}

// typeName is the JSON Schema name of a value's type; a number without a
// fraction is an integer.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if r, ok := rational(v); ok && r.IsInt() {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "unknown"
}
