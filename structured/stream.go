package structured

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Stream reads a reply while it arrives and reports parts of the value that
// cannot be taken back any more. It is not safe for concurrent use.
//
// It follows exact JSON, after white space, a reasoning block or the opening
// of a code fence. From the first deviation on it reports nothing more; Close
// reads the whole text tolerantly all the same. All Feeds together take time
// linear in the text.
type Stream struct {
	schema *Schema
	top    *streamPlace
	text   strings.Builder

	state    streamState
	pending  int  // bytes of text already taken
	scanned  int  // bytes already searched for the end of reasoning or a fence
	prose    bool // other text stands before the value: only a fence begins it
	stack    []frame
	token    []byte // the raw text of the open string, number or literal
	decoded  int    // bytes of token already reported as open text
	name     bool   // the open string is a member name
	escaped  bool   // a backslash stands before the next byte
	open     bool   // the open string may be reported while it grows
	elements int    // array elements around the current place
	updates  []Update
	root     any
	done     bool
}

// Update is a part of the value that is settled.
type Update struct {
	// Path is the JSON Pointer of the part.
	Path string `json:"path"`
	// Value is the closed value: a scalar, or an array element with all it
	// holds. It passed its own subschema. Do not modify it.
	Value any `json:"value,omitempty"`
	// Open tells that Path is a string still growing; Text is what was added.
	Open bool   `json:"open,omitempty"`
	Text string `json:"text,omitempty"`
}

type streamState int

const (
	streamPrefix   streamState = iota // before the value
	streamValue                       // a value should come
	streamFirst                       // a value or the end of an empty array
	streamKey                         // a member name should come
	streamFirstKey                    // a member name or the end of an empty object
	streamColon
	streamAfter // a comma or the end of the container
	streamString
	streamWord // a number or a literal
	streamOver // the value is complete, or reporting has stopped
)

// frame is an open object or array.
type frame struct {
	object  map[string]any // nil for an array
	list    []any
	key     string
	path    string
	place   *streamPlace
	element bool // counts in elements
}

// streamPlace is what the schema says of a place: what must hold and what may
// apply. Places are worked out once and shared by all items of an array, which
// is what keeps long arrays cheap.
type streamPlace struct {
	view    view
	guide   guide
	tuple   int
	members map[string]*streamPlace
	items   []*streamPlace // the last one stands for all further items
}

func newPlace(w view, g guide) *streamPlace {
	tuple := 0
	for _, s := range g {
		tuple = max(tuple, viewOf(s).tuple())
	}
	return &streamPlace{view: w, guide: g, tuple: tuple, members: map[string]*streamPlace{}}
}

// maxPlaces bounds the places kept for members of free names.
const maxPlaces = 256

func (p *streamPlace) member(name string) *streamPlace {
	if c := p.members[name]; c != nil {
		return c
	}
	child, _ := p.view.member(name)
	c := newPlace(child, p.guide.member(name))
	if len(p.members) < maxPlaces {
		p.members[name] = c
	}
	return c
}

func (p *streamPlace) item(i int) *streamPlace {
	i = min(i, p.tuple)
	for len(p.items) <= i {
		n := len(p.items)
		p.items = append(p.items, newPlace(p.view.item(n), p.guide.item(n)))
	}
	return p.items[i]
}

// passes tells whether a closed value keeps to its own subschema.
func (p *streamPlace) passes(v any) bool {
	if len(p.view) > 0 {
		return p.view.accepts(v) // the guide holds nothing stricter
	}
	for _, s := range p.guide {
		if accepts(s, v) {
			return true
		}
	}
	return len(p.guide) == 0
}

// Stream begins to read a reply.
func (s *Schema) Stream() *Stream {
	return &Stream{schema: s, top: newPlace(s.rules, guideOf(s.root))}
}

// Feed takes the next piece of the reply and returns what it settled.
func (s *Stream) Feed(delta string) []Update {
	if s.text.Len()+len(delta) > s.schema.config.MaxText {
		s.stop()
	}
	s.text.WriteString(delta)
	s.updates = nil
	all := s.text.String()
	if s.state == streamPrefix {
		s.begin(all)
	}
	if s.state != streamPrefix {
		for s.pending < len(all) && !s.done {
			if s.state == streamString {
				s.pending += s.stringBytes(all[s.pending:])
				continue
			}
			s.step(all[s.pending])
			s.pending++
		}
	}
	if s.state == streamString && s.open && !s.done {
		s.reportOpen()
	}
	return s.updates
}

// Close reads the whole text as Read does.
func (s *Stream) Close() (*Reading, error) { return s.schema.Read(s.text.String()) }

// Text returns what was fed so far.
func (s *Stream) Text() string { return s.text.String() }

// Value returns the part of the value read so far, open containers included
// as copies; nil before anything was settled. It costs a copy of the value.
func (s *Stream) Value() any {
	if s.root != nil || len(s.stack) == 0 {
		return cloneValue(s.root)
	}
	var v any
	for i := len(s.stack) - 1; i >= 0; i-- {
		f := s.stack[i]
		var own any
		if f.object != nil {
			m := cloneValue(f.object).(map[string]any)
			if i < len(s.stack)-1 {
				m[f.key] = v
			}
			own = m
		} else {
			l := cloneValue(f.list).([]any)
			if i < len(s.stack)-1 {
				l = append(l, v)
			}
			own = l
		}
		v = own
	}
	return v
}

func (s *Stream) stop() {
	s.done = true
	s.state = streamOver
}

// begin looks for the start of the value. Prose is no reason to give up, but
// inside it only a code fence is a sure sign. What has been looked at is not
// looked at again: pending and scanned move on.
func (s *Stream) begin(all string) {
	for s.state == streamPrefix {
		rest := strings.TrimLeft(all[s.pending:], " \t\r\n\uFEFF")
		s.pending = len(all) - len(rest)
		switch {
		case rest == "":
			return
		case s.prose:
			s.passProse(all)
			return
		case rest[0] == '{' || rest[0] == '[':
			s.state = streamValue
		case rest[0] == '<':
			if !s.passReasoning(all) {
				return
			}
		default:
			s.prose = true
		}
	}
}

// passReasoning moves behind the reasoning block that begins at pending. It
// reports false while the block has not ended.
func (s *Stream) passReasoning(all string) bool {
	rest := all[s.pending:]
	end := strings.IndexByte(rest, '>')
	if end < 0 {
		if len(rest) > 64 {
			s.stop()
		}
		return false
	}
	tag := strings.ToLower(rest[1:end])
	if !slices.Contains(reasoningTags, tag) {
		s.stop()
		return false
	}
	closing := "</" + tag + ">"
	from := max(s.scanned-len(closing), s.pending)
	i := indexFold(all[from:], closing)
	s.scanned = len(all)
	if i < 0 {
		return false
	}
	s.pending = from + i + len(closing)
	s.scanned = s.pending
	return true
}

// passProse looks for a code fence and begins inside it.
func (s *Stream) passProse(all string) {
	from := max(s.scanned-2, s.pending)
	i := strings.Index(all[from:], "```")
	s.scanned = len(all)
	if i < 0 {
		return
	}
	s.scanned = from + i
	fence := all[from+i:]
	line := strings.IndexByte(fence, '\n')
	if line < 0 {
		if len(fence) > 64 {
			s.stop()
		}
		return
	}
	inner := strings.TrimLeft(fence[line:], " \t\r\n")
	if inner == "" {
		return
	}
	if inner[0] != '{' && inner[0] != '[' {
		s.stop()
		return
	}
	s.pending = len(all) - len(inner)
	s.state = streamValue
}

// step takes one byte outside of strings.
func (s *Stream) step(c byte) {
	if s.state == streamWord {
		if strings.IndexByte("+-.0123456789eEtrufalsn", c) >= 0 {
			s.token = append(s.token, c)
			return
		}
		s.endWord()
		if s.done {
			return
		}
	}
	if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		return
	}
	switch s.state {
	case streamValue, streamFirst:
		if c == ']' && s.state == streamFirst {
			s.endContainer()
			return
		}
		s.beginValue(c)
	case streamKey, streamFirstKey:
		switch {
		case c == '"':
			s.beginString(true)
		case c == '}' && s.state == streamFirstKey:
			s.endContainer()
		default:
			s.stop()
		}
	case streamColon:
		if c != ':' {
			s.stop()
			return
		}
		s.state = streamValue
	case streamAfter:
		s.after(c)
	}
}

func (s *Stream) after(c byte) {
	f := &s.stack[len(s.stack)-1]
	switch {
	case c == ',' && f.object != nil:
		s.state = streamKey
	case c == ',':
		s.state = streamValue
	case c == '}' && f.object != nil, c == ']' && f.object == nil:
		s.endContainer()
	default:
		s.stop()
	}
}

// here returns the path and the place of the value that comes next.
func (s *Stream) here() (string, *streamPlace) {
	if len(s.stack) == 0 {
		return "", s.top
	}
	f := &s.stack[len(s.stack)-1]
	if f.object != nil {
		return f.path + "/" + escapePointer(f.key), f.place.member(f.key)
	}
	return f.path + "/" + strconv.Itoa(len(f.list)), f.place.item(len(f.list))
}

func (s *Stream) beginValue(c byte) {
	switch {
	case c == '"':
		s.beginString(false)
		_, place := s.here()
		s.open = place.growsFreely()
	case c == '{' || c == '[':
		if len(s.stack) >= s.schema.config.MaxDepth {
			s.stop()
			return
		}
		path, place := s.here()
		if !place.mayOpen(c) {
			s.stop() // nothing in it can be part of the value
			return
		}
		f := frame{path: path, place: place}
		if len(s.stack) > 0 && s.stack[len(s.stack)-1].object == nil {
			f.element = true
			s.elements++
		}
		if c == '{' {
			f.object, s.state = map[string]any{}, streamFirstKey
		} else {
			f.list, s.state = []any{}, streamFirst
		}
		s.stack = append(s.stack, f)
	case strings.IndexByte("-0123456789tfn", c) >= 0:
		s.token, s.state = append(s.token[:0], c), streamWord
	default:
		s.stop()
	}
}

// mayOpen tells whether the value may be the object or the array that a bracket
// opens.
func (p *streamPlace) mayOpen(bracket byte) bool {
	kind := "object"
	if bracket == '[' {
		kind = "array"
	}
	types, _ := p.view.types()
	if !slices.Contains(types, kind) || !p.guide.mayBe(kind) {
		return false
	}
	values, restricted := p.view.values()
	return !restricted || slices.ContainsFunc(values, func(v any) bool {
		_, object := v.(map[string]any)
		_, list := v.([]any)
		return object && kind == "object" || list && kind == "array"
	})
}

// growsFreely tells whether a prefix of a string says something: of an enum,
// a pattern or a format it does not.
func (p *streamPlace) growsFreely() bool {
	for _, sub := range p.guide {
		if sub.Enum != nil || sub.Const != nil || sub.Pattern != nil || sub.Format != nil || sub.MaxLength != nil || sub.Not != nil {
			return false
		}
	}
	return p.guide.mayBe("string")
}

func (s *Stream) beginString(name bool) {
	s.token, s.decoded = s.token[:0], 0
	s.name, s.escaped, s.open = name, false, false
	s.state = streamString
}

// stringBytes takes the part of text that belongs to the open string and
// returns its length.
func (s *Stream) stringBytes(text string) int {
	for i := range len(text) {
		c := text[i]
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.token = append(s.token, text[:i]...)
			s.endString()
			return i + 1
		case c < 0x20:
			s.stop()
			return len(text)
		}
	}
	s.token = append(s.token, text...)
	return len(text)
}

func (s *Stream) endString() {
	v, err := parseExact(`"`+string(s.token)+`"`, 1)
	if err != nil {
		s.stop()
		return
	}
	text := v.(string)
	if s.name {
		f := &s.stack[len(s.stack)-1]
		if _, twice := f.object[text]; twice {
			s.stop()
			return
		}
		f.key, s.state = text, streamColon
		return
	}
	s.endScalar(text)
}

// reportOpen reports what the open string has gained, up to the last complete
// character.
func (s *Stream) reportOpen() {
	var b strings.Builder
	for s.decoded < len(s.token) {
		rest := string(s.token[s.decoded:min(len(s.token), s.decoded+12)])
		if rest[0] == '\\' {
			// A surrogate may be half of a pair: wait for the other half.
			if len(rest) < 2 || rest[1] == 'u' && len(rest) < 12 && (len(rest) < 6 || rest[2] == 'd' || rest[2] == 'D') {
				break
			}
			r, n := unescape(rest)
			if n == 0 {
				break
			}
			b.WriteRune(r)
			s.decoded += n
			continue
		}
		if !utf8.FullRuneInString(rest) {
			break
		}
		r, n := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError && n == 1 {
			break
		}
		b.WriteString(rest[:n])
		s.decoded += n
	}
	if b.Len() > 0 {
		path, _ := s.here()
		s.updates = append(s.updates, Update{Path: path, Open: true, Text: b.String()})
	}
}

func (s *Stream) endWord() {
	switch word := string(s.token); word {
	case "true":
		s.endScalar(true)
	case "false":
		s.endScalar(false)
	case "null":
		s.endScalar(nil)
	default:
		if numberLength(word) != len(word) {
			s.stop()
			return
		}
		s.endScalar(json.Number(word))
	}
}

func (s *Stream) endScalar(v any) {
	path, place := s.here()
	if place.passes(v) {
		s.updates = append(s.updates, Update{Path: path, Value: v})
	}
	s.put(v)
}

// put adds a closed value to its container.
func (s *Stream) put(v any) {
	if len(s.stack) == 0 {
		s.root = v
		s.stop()
		return
	}
	f := &s.stack[len(s.stack)-1]
	if f.object != nil {
		f.object[f.key] = v
	} else {
		f.list = append(f.list, v)
	}
	s.state = streamAfter
}

// endContainer closes the innermost container. The outermost element of an
// array is reported whole; validating inner ones too would not be linear.
func (s *Stream) endContainer() {
	f := s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
	var v any = f.object
	if f.object == nil {
		v = f.list
	}
	if f.element {
		if s.elements--; s.elements == 0 && f.place.passes(v) {
			s.updates = append(s.updates, Update{Path: f.path, Value: v})
		}
	}
	s.put(v)
}
