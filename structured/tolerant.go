package structured

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tolerant reads JSON as models write it. It is a recursive descent over the
// text with one bounded look-ahead; every deviation from RFC 8259 is logged.
type tolerant struct {
	text      string
	pos       int
	depth     int
	maxDepth  int
	budget    int // steps left, so hostile text costs linear time
	repairs   []Repair
	members   int  // names with a colon and items seen: this is no accidental bracket
	list      bool // the innermost container is an array
	truncated bool // the text ended inside an object or array
}

func (r *tolerant) note(kind RepairKind) { r.noteAt(kind, r.pos) }

func (r *tolerant) noteAt(kind RepairKind, at int) {
	r.repairs = append(r.repairs, Repair{kind, at})
}

func (r *tolerant) fail(kind ReadErrorKind, message string) error {
	return &ReadError{Kind: kind, Message: message, Offset: r.pos}
}

// cut reports that the text ended inside something. partial is what the
// enclosing container holds so far; each container on the way up replaces it
// by itself.
func (r *tolerant) cut(partial any) error {
	r.truncated = true
	return &ReadError{Kind: Truncated, Message: "the text stops inside a value", Offset: r.pos, Partial: partial}
}

// over tells whether the text is at its end; a closing fence ends it too,
// where a value, a comma or a bracket should be.
func (r *tolerant) over() bool {
	return r.pos >= len(r.text) || strings.HasPrefix(r.text[r.pos:], "```")
}

func (r *tolerant) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

// skip passes white space and comments.
func (r *tolerant) skip() {
	for r.pos < len(r.text) {
		r.budget--
		c := r.text[r.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			r.pos++
		case c == '/' && strings.HasPrefix(r.text[r.pos:], "//"), c == '#':
			r.note(Comment)
			end := strings.IndexByte(r.text[r.pos:], '\n')
			if end < 0 {
				r.pos = len(r.text)
				return
			}
			r.pos += end
		case c == '/' && strings.HasPrefix(r.text[r.pos:], "/*"):
			end := strings.Index(r.text[r.pos+2:], "*/")
			if end < 0 {
				return
			}
			r.note(Comment)
			r.pos += end + 4
		case c >= utf8.RuneSelf || c == '\v' || c == '\f':
			u, n := utf8.DecodeRuneInString(r.text[r.pos:])
			if !unicode.IsSpace(u) && u != '\uFEFF' && u != '\u200B' && u != '\u2060' {
				return
			}
			r.note(OddSpace)
			r.pos += n
		default:
			return
		}
	}
}

func (r *tolerant) value(g guide) (any, error) {
	r.skip()
	if r.budget--; r.budget < 0 {
		return nil, r.fail(Malformed, "too many attempts")
	}
	if r.over() {
		return nil, r.cut(nil)
	}
	switch c := r.text[r.pos]; {
	case c == '{':
		return r.object(g)
	case c == '[':
		return r.array(g)
	case quoteAt(r.text[r.pos:]) != nil:
		return r.quoted(false)
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		return r.number(g)
	}
	return r.word(g)
}

func (r *tolerant) enter() error {
	if r.depth++; r.depth > r.maxDepth {
		return r.fail(Malformed, "the nesting is too deep")
	}
	r.pos++
	return nil
}

func (r *tolerant) object(g guide) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	outer := r.list
	defer func() { r.depth--; r.list = outer }()
	m := map[string]any{}
	for {
		r.list = false
		done, err := r.separator('}', len(m) > 0, m)
		if err != nil || done {
			return m, err
		}
		name, err := r.name(g, m)
		if err != nil {
			return nil, err
		}
		r.members++
		at := r.pos
		v, err := r.value(g.member(name))
		if err != nil {
			return nil, adopt(err, func(part any) any {
				if part != nil {
					m[name] = part
				}
				return m
			})
		}
		if old, twice := m[name]; twice {
			if !equalValues(old, v) {
				r.pos = at
				return nil, &ReadError{
					Kind: Ambiguous, Offset: at, Candidates: []any{old, v},
					Message: "a member is given twice with different values",
				}
			}
			r.noteAt(Repeated, at)
		}
		m[name] = v
	}
}

// adopt replaces the partial value of a cut-off part by its container.
func adopt(err error, into func(part any) any) error {
	if e, ok := errors.AsType[*ReadError](err); ok && e.Kind == Truncated {
		e.Partial = into(e.Partial)
	}
	return err
}

// separator stands before a member or an item. It passes a comma, supplies a
// missing one, and tells when the container ends. follows tells that something
// came before in this container.
func (r *tolerant) separator(closing byte, follows bool, container any) (done bool, err error) {
	r.skip()
	commas := 0
	for r.peek() == ',' {
		if commas++; commas > 1 || !follows {
			if closing == ']' {
				return false, r.fail(Malformed, "an item is missing between commas")
			}
			r.note(TrailingComma)
		}
		r.pos++
		r.skip()
	}
	switch {
	case r.peek() == closing:
		if commas > 0 {
			r.note(TrailingComma)
		}
		r.pos++
		return true, nil
	case r.over():
		if commas > 0 || !follows {
			return false, r.cut(container)
		}
		r.note(Unclosed)
		r.truncated = true
		return true, nil
	case (r.peek() == '}' || r.peek() == ']') && follows && commas == 0 && r.depth > 1:
		// The bracket of an outer container: this one's own was left out.
		r.note(Unclosed)
		return true, nil
	case follows && commas == 0:
		r.note(MissingComma)
	}
	return false, nil
}

// name reads a member's name and its colon.
func (r *tolerant) name(g guide, m map[string]any) (string, error) {
	if r.budget--; r.budget < 0 {
		return "", r.fail(Malformed, "too many attempts")
	}
	var name string
	if quoteAt(r.text[r.pos:]) != nil {
		v, err := r.quoted(true)
		if err != nil {
			return "", adopt(err, func(any) any { return m })
		}
		name = v
	} else {
		n := bareName(r.text[r.pos:])
		if n == 0 {
			return "", r.fail(Malformed, "a member name should be here")
		}
		name = r.text[r.pos : r.pos+n]
		if r.pos+n == len(r.text) {
			return "", r.cut(m)
		}
		r.note(BareName)
		r.pos += n
	}
	r.skip()
	if r.over() {
		return "", r.cut(m)
	}
	if r.peek() != ':' {
		return "", r.fail(Malformed, "a colon should be here")
	}
	r.pos++
	return name, nil
}

func (r *tolerant) array(g guide) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	outer := r.list
	defer func() { r.depth--; r.list = outer }()
	list := []any{}
	for {
		r.list = true
		done, err := r.separator(']', len(list) > 0, list)
		if err != nil {
			return nil, err
		}
		if done {
			return list, nil
		}
		before := r.pos
		v, err := r.value(g.item(len(list)))
		if err != nil {
			return nil, adopt(err, func(part any) any {
				if part != nil {
					list = append(list, part)
				}
				return list
			})
		}
		if r.pos == before {
			return nil, r.fail(Malformed, "no value")
		}
		list = append(list, v)
		r.members++
	}
}

// bareName returns the length of an unquoted member name.
func bareName(s string) int {
	n := 0
	for i, c := range s {
		if !unicode.IsLetter(c) && c != '_' && c != '$' && (i == 0 || !unicode.IsDigit(c) && c != '-' && c != '.') {
			break
		}
		n = i + utf8.RuneLen(c)
	}
	return n
}

// quoteStyle is a pair of quotes.
type quoteStyle struct {
	open   string
	close  []string
	repair RepairKind // "" for the right ones
}

var quoteStyles = []quoteStyle{
	{`"`, []string{`"`}, ""},
	{`'`, []string{`'`}, SingleQuotes},
	{"“", []string{"”", "“"}, SmartQuotes},
	{"”", []string{"”"}, SmartQuotes},
	{"„", []string{"“", "”"}, SmartQuotes},
	{"‘", []string{"’", "‘"}, SmartQuotes},
	{"’", []string{"’"}, SmartQuotes},
	{"«", []string{"»"}, SmartQuotes},
	{"`", []string{"`"}, SingleQuotes},
}

// quoteAt returns the style of the quote s begins with.
func quoteAt(s string) *quoteStyle {
	if s == "" || s[0] != '"' && s[0] != '\'' && s[0] != '`' && s[0] < utf8.RuneSelf {
		return nil
	}
	for i := range quoteStyles {
		if strings.HasPrefix(s, quoteStyles[i].open) && !strings.HasPrefix(s, "```") {
			return &quoteStyles[i]
		}
	}
	return nil
}

// quoted reads a string in any quotes. A quote ends it only where what follows
// can follow a string; otherwise it was meant to be inside.
func (r *tolerant) quoted(isName bool) (string, error) {
	style := quoteAt(r.text[r.pos:])
	if style.repair != "" {
		r.note(style.repair)
	}
	r.pos += len(style.open)
	inner := false
	var b strings.Builder
	for r.pos < len(r.text) {
		rest := r.text[r.pos:]
		c := rest[0]
		if n := closes(rest, style); n > 0 {
			if r.canEnd(r.pos+n, isName) {
				r.pos += n
				if s := b.String(); !inner || !looksLikeSyntax(s) {
					return s, nil
				}
				return "", r.fail(Ambiguous, "a string may end at one of several quotes")
			}
			inner = true
			r.note(InnerQuote)
			b.WriteString(rest[:n])
			r.pos += n
			continue
		}
		switch {
		case c == '\\':
			if err := r.escape(&b, style); err != nil {
				return "", err
			}
		case c < 0x20:
			r.note(RawControl)
			b.WriteByte(c)
			r.pos++
		default:
			b.WriteByte(c)
			r.pos++
		}
	}
	r.pos = len(r.text)
	return "", r.cut(nil)
}

// looksLikeSyntax tells whether a string with unescaped quotes in it may have
// swallowed its neighbours.
func looksLikeSyntax(s string) bool {
	if strings.Contains(s, "\n") {
		return true
	}
	for i := strings.IndexAny(s, "\"'”’"); i >= 0; {
		_, n := utf8.DecodeRuneInString(s[i:])
		after := trimSpace(s[i+n:])
		if after != "" && strings.IndexByte(":,{[]}", after[0]) >= 0 {
			return true
		}
		next := strings.IndexAny(s[i+n:], "\"'”’")
		if next < 0 {
			break
		}
		i += n + next
	}
	return false
}

func closes(s string, style *quoteStyle) int {
	for _, c := range style.close {
		if strings.HasPrefix(s, c) {
			return len(c)
		}
	}
	return 0
}

// escape reads the escape at the current position.
func (r *tolerant) escape(b *strings.Builder, style *quoteStyle) error {
	rest := r.text[r.pos:]
	if u, n := unescape(rest); n > 0 {
		b.WriteRune(u)
		r.pos += n
		return nil
	}
	if len(rest) == 1 || rest[1] == 'u' && len(rest) < 6 {
		r.pos = len(r.text)
		return r.cut(nil)
	}
	next := rest[1]
	switch {
	case next == '\'' || next == '`':
		r.note(BadEscape)
		b.WriteByte(next)
		r.pos += 2
	case next == '\n':
		r.note(BadEscape)
		r.pos += 2 // a line continued, as JavaScript and Python have it
	case next == 'x' && style.open == "'" && len(rest) >= 4:
		if u, ok := hex4("00" + rest[2:4]); ok {
			r.note(BadEscape)
			b.WriteRune(u)
			r.pos += 4
			return nil
		}
		fallthrough
	default:
		r.note(BadEscape)
		b.WriteByte('\\')
		r.pos++
	}
	return nil
}

// lookahead is how far canEnd looks for the end of a following name.
const lookahead = 256

// canEnd tells whether a string may end before pos: after a name comes a
// colon; after a value a bracket, the end, or a comma or nothing and then
// another member or item.
func (r *tolerant) canEnd(pos int, isName bool) bool {
	s := trimSpace(r.text[pos:])
	r.budget -= 2
	if s == "" || strings.HasPrefix(s, "```") {
		return true
	}
	if isName {
		return s[0] == ':'
	}
	switch s[0] {
	case '}', ']':
		return true
	case '/', '#':
		return strings.HasPrefix(s, "//") || strings.HasPrefix(s, "/*") || s[0] == '#'
	case ',':
		s = trimSpace(s[1:])
		if s == "" {
			return true
		}
		switch {
		case s[0] == '}' || s[0] == ']' || s[0] == '{' || s[0] == '[' || s[0] == '/' || s[0] == '#' || s[0] == ',':
			return true
		case quoteAt(s) != nil:
			return true
		}
		if n := bareName(s); n > 0 {
			after := trimSpace(s[n:])
			return after == "" || after[0] == ':' || r.inArray(after)
		}
		return r.inArray(s)
	case '{', '[':
		return r.list
	}
	if r.list && strings.Contains(r.text[pos:len(r.text)-len(s)], "\n") {
		return true // the next item stands on a line of its own
	}
	// No comma: a missing one if a member follows, in an object, or another
	// quoted item, in an array.
	r.budget -= lookahead / 8
	return r.nameFollows(s) || quoteAt(s) != nil && (r.list || isSpaceByte(r.text[pos]))
}

// inArray tells whether s continues like an array of numbers or literals.
func (r *tolerant) inArray(s string) bool {
	c := s[0]
	return c == '-' || c >= '0' && c <= '9' || c == ',' || c == ']'
}

// nameFollows tells whether s begins with a member name and a colon.
func (r *tolerant) nameFollows(s string) bool {
	if n := bareName(s); n > 0 {
		after := trimSpace(s[n:])
		return after != "" && after[0] == ':'
	}
	style := quoteAt(s)
	if style == nil {
		return false
	}
	limit := min(len(s), lookahead)
	for i := len(style.open); i < limit; i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if n := closes(s[i:], style); n > 0 {
			after := trimSpace(s[i+n:])
			return after != "" && after[0] == ':'
		}
	}
	return false
}

func isSpaceByte(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// trimSpace drops leading JSON white space.
func trimSpace(s string) string {
	for s != "" && isSpaceByte(s[0]) {
		s = s[1:]
	}
	return s
}

// number reads a number, mending the spellings of other languages.
func (r *tolerant) number(g guide) (any, error) {
	start := r.pos
	end := start
	for end < len(r.text) && strings.IndexByte("+-.0123456789eExXabcdefABCDEF_", r.text[end]) >= 0 {
		end++
	}
	word := r.text[start:end]
	if end == len(r.text) && r.depth > 0 {
		r.pos = end
		return nil, r.cut(nil) // more digits may have followed
	}
	if numberLength(word) == len(word) && r.ends(end) {
		r.pos = end
		return json.Number(word), nil
	}
	if r.ends(end) {
		mended := strings.TrimPrefix(word, "+")
		sign := ""
		if rest, ok := strings.CutPrefix(mended, "-"); ok {
			sign, mended = "-", rest
		}
		if strings.HasPrefix(mended, ".") {
			mended = "0" + mended
		}
		mended = strings.TrimSuffix(mended, ".")
		mended = sign + mended
		if n := numberLength(mended); n > 0 && n == len(mended) {
			r.note(NumberForm)
			r.pos = end
			return json.Number(mended), nil
		}
	}
	return r.bareText(g)
}

// ends tells whether a bare word may end at pos.
func (r *tolerant) ends(pos int) bool {
	if pos >= len(r.text) {
		return true
	}
	if strings.IndexByte(" \t\r\n,]}/#`", r.text[pos]) >= 0 {
		return true
	}
	return quoteAt(r.text[pos:]) != nil || r.text[pos] >= utf8.RuneSelf
}

// literals of other languages.
var literals = map[string]any{
	"true": true, "false": false, "null": nil,
	"True": true, "False": false, "None": nil,
	"TRUE": true, "FALSE": false, "NULL": nil, "nil": nil, "Null": nil,
}

// word reads a literal or, where the schema wants text, unquoted text.
func (r *tolerant) word(g guide) (any, error) {
	n := bareName(r.text[r.pos:])
	word := r.text[r.pos : r.pos+n]
	v, known := literals[word]
	if n > 0 && r.pos+n == len(r.text) && r.depth > 0 && !known {
		r.pos += n
		return nil, r.cut(nil)
	}
	if known && r.ends(r.pos+n) {
		after := trimSpace(r.text[r.pos+n:])
		if after == "" || strings.IndexByte(",]}/#`", after[0]) >= 0 || r.depth == 0 || r.nameFollows(after) || quoteAt(after) != nil {
			if word != "true" && word != "false" && word != "null" {
				r.note(Literal)
			}
			r.pos += n
			return v, nil
		}
	}
	return r.bareText(g)
}

// bareText reads text without quotes up to the comma, bracket or line end
// after it, where the schema wants a string and nothing in the text could mean
// something else.
func (r *tolerant) bareText(g guide) (any, error) {
	if r.depth == 0 || !g.mayBe("string") || len(g) == 0 {
		return nil, r.fail(Malformed, "no value that the schema wants is here")
	}
	end := strings.IndexAny(r.text[r.pos:], ",]}\n")
	if end < 0 {
		r.pos = len(r.text)
		return nil, r.cut(nil)
	}
	word := strings.TrimSpace(r.text[r.pos : r.pos+end])
	first, _ := utf8.DecodeRuneInString(word)
	if !unicode.IsLetter(first) && !unicode.IsDigit(first) || strings.ContainsAny(word, "\"'`{[:\\“”‘’") {
		return nil, r.fail(Malformed, "no value that the schema wants is here")
	}
	r.note(BareText)
	r.pos += end
	return word, nil
}
