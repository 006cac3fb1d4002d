package bedrock

import (
	"bytes"
	"encoding/base64"
	"math/bits"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads JSON for the generated read methods. It knows the regular
// case only: whatever is wrong, and whatever is right but rare (an unknown
// member, null, an escaped name, a number that is no plain integer), sets odd,
// after which it reads nothing more and the text is read again by reflection.
// So it never makes an error, and may refuse what it likes; what it accepts it
// must read as the reflective codec does. FuzzFastRead holds it to that.
type scanner struct {
	data  []byte
	pos   int
	depth int
	odd   bool
	names [][]byte // of the objects in a Document that are open
	text  []byte   // the last string that had escapes, without them
}

// manyNames is how many members an object in a Document may have before the
// search for duplicates is left to the reflective codec, which has an index.
const manyNames = 64

// readWhole reads a JSON text into v; on false v is as it was.
func readWhole[T any](data []byte, v *T, read func(*T, *scanner)) bool {
	if v == nil {
		return false
	}
	before := *v
	s := scanners.Get().(*scanner)
	s.data = data
	read(v, s)
	s.peek()
	whole := !s.odd && s.pos == len(s.data)
	if !whole {
		*v = before
	}
	*s = scanner{}
	scanners.Put(s)
	return whole
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// peek skips white space and returns the byte after it, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.data); s.pos++ {
		if c := s.data[s.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// skip passes over one byte that has to be next.
func (s *scanner) skip(c byte) {
	if s.odd || s.peek() != c {
		s.odd = true
		return
	}
	s.pos++
}

// open goes into an object or an array.
func (s *scanner) open(c byte) {
	s.skip(c)
	if s.depth++; s.depth > MaxDepth {
		s.odd = true
	}
}

// more tells whether another member or element follows, and goes to it, or
// past the closing byte.
func (s *scanner) more(first *bool, closing byte) bool {
	if s.odd {
		return false
	}
	if s.peek() == closing {
		s.pos++
		s.depth--
		return false
	}
	if !*first {
		s.skip(',')
	}
	*first = false
	return !s.odd
}

// members is the state of an object that is being read.
type members struct {
	name []byte
	seen uint64
	on   bool
}

// next goes to the value of an object's next member.
func (s *scanner) next(m *members) bool {
	first := !m.on
	if first {
		s.open('{')
		m.on = true
	}
	if !s.more(&first, '}') {
		return false
	}
	m.name = s.name()
	return !s.odd
}

// once refuses a name that the object had before.
func (s *scanner) once(m *members, member int) {
	if m.seen&(1<<member) != 0 {
		s.odd = true
	}
	m.seen |= 1 << member
}

// name reads a member's name and its colon.
func (s *scanner) name() []byte {
	s.skip('"')
	if s.odd {
		return nil
	}
	start := s.pos
	s.pos += plain(s.data[start:])
	name := s.data[start:s.pos]
	if s.pos >= len(s.data) || s.data[s.pos] != '"' { // escaped, beyond ASCII, or broken
		s.odd = true
		return nil
	}
	s.pos++
	s.skip(':')
	return name
}

// bytes reads a string. The result holds until the next string is read.
func (s *scanner) bytes() []byte {
	s.skip('"')
	if s.odd {
		return nil
	}
	start := s.pos
	escaped, ascii := false, true
	for {
		s.pos += plain(s.data[s.pos:])
		if s.pos >= len(s.data) || s.data[s.pos] < ' ' {
			s.odd = true
			return nil
		}
		switch s.data[s.pos] {
		case '"':
			s.pos++
			text := s.data[start : s.pos-1]
			switch {
			case escaped:
				return s.unquote(s.data[start-1 : s.pos])
			case !ascii && !utf8.Valid(text):
				s.odd = true
			}
			return text
		case '\\':
			escaped = true
			s.pos += 2
			if s.pos > len(s.data) {
				s.odd = true
				return nil
			}
		default:
			ascii = false
			for s.pos < len(s.data) && s.data[s.pos] >= utf8.RuneSelf {
				s.pos++
			}
		}
	}
}

func (s *scanner) unquote(quoted []byte) []byte {
	var err error
	if s.text, err = jsontext.AppendUnquote(s.text[:0], quoted); err != nil {
		s.odd = true
	}
	return s.text
}

// number passes over a number and tells whether it is an integer.
func (s *scanner) number() (text []byte, integer bool) {
	s.peek()
	start := s.pos
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else {
		s.digits()
	}
	integer = true
	if s.at('.') {
		integer = false
		s.pos++
		s.digits()
	}
	if s.at('e') || s.at('E') {
		integer = false
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		s.digits()
	}
	return s.data[start:s.pos], integer
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.odd = true
	}
}

// literal passes over true, false or null.
func (s *scanner) literal(text string) {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(text)) {
		s.odd = true
		return
	}
	s.pos += len(text)
}

// value passes over any value, and writes it without white space when there
// is a writer.
func (s *scanner) value(w *writer) {
	c := s.peek()
	start := s.pos
	switch {
	case s.odd:
	case c == '{' || c == '[':
		s.nested(w, c)
		return
	case c == '"':
		if text := s.bytes(); w != nil {
			writeString(&text, w)
		}
		return
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	default:
		s.number()
	}
	if w != nil {
		w.buf = append(w.buf, s.data[start:s.pos]...)
	}
}

// nested passes over an object or an array.
func (s *scanner) nested(w *writer, opening byte) {
	s.open(opening)
	w.put(opening)
	closing := opening + 2 // '{' to '}' and '[' to ']'
	outer := len(s.names)
	for first := true; ; {
		start := first
		if !s.more(&first, closing) {
			break
		}
		if !start {
			w.put(',')
		}
		if opening == '{' {
			name := s.name()
			s.distinct(name, outer)
			if w != nil {
				writeString(&name, w)
				w.put(':')
			}
		}
		s.value(w)
	}
	s.names = s.names[:outer]
	w.put(closing)
}

// distinct refuses a name that its object had before.
func (s *scanner) distinct(name []byte, outer int) {
	siblings := s.names[outer:]
	if len(siblings) >= manyNames || slices.ContainsFunc(siblings, func(n []byte) bool { return bytes.Equal(n, name) }) {
		s.odd = true
	}
	s.names = append(s.names, name)
}

// The readers of the types that members have. Each sets v, or odd.

func readString[T ~string](v *T, s *scanner) { *v = T(s.bytes()) }

func readInt(v *int, s *scanner) {
	text, integer := s.number()
	if s.odd || !integer || len(text) > 18 || text[0] == '-' && text[1] == '0' {
		s.odd = true
		return
	}
	*v, _ = strconv.Atoi(string(text)) // 18 digits fit
}

func readFloat(v *float64, s *scanner) {
	text, _ := s.number()
	if s.odd {
		return
	}
	var err error
	if *v, err = strconv.ParseFloat(string(text), 64); err != nil {
		s.odd = true
	}
}

func readBool(v *bool, s *scanner) {
	if *v = s.peek() == 't'; *v {
		s.literal("true")
		return
	}
	s.literal("false")
}

func readBlob(v *[]byte, s *scanner) {
	text := s.bytes()
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	if err != nil || base64.StdEncoding.EncodedLen(n) != len(text) { // it skips line ends, which are wrong here
		s.odd = true
		return
	}
	*v = data[:n]
}

func readDocument(v *Document, s *scanner) {
	if s.peek() == 'n' {
		s.odd = true
		return
	}
	start := s.pos
	if s.value(nil); !s.odd {
		*v = bytes.Clone(s.data[start:s.pos])
	}
}

// readNew reads into a member that is a pointer and has to be nil: reading
// into what is there already is left to the reflective codec.
func readNew[T any](v **T, s *scanner, read func(*T, *scanner)) {
	if *v != nil {
		s.odd = true
		return
	}
	*v = new(T)
	read(*v, s)
}

func readList[T any](v *[]T, s *scanner, read func(*T, *scanner)) {
	s.open('[')
	list := []T{}
	for first := true; s.more(&first, ']'); {
		var zero T
		list = append(list, zero)
		read(&list[len(list)-1], s)
	}
	*v = list
}

func readMap[T any](v *map[string]T, s *scanner, read func(*T, *scanner)) {
	if *v != nil {
		s.odd = true
		return
	}
	*v = map[string]T{}
	for m := (members{}); s.next(&m); {
		if _, ok := (*v)[string(m.name)]; ok {
			s.odd = true
			return
		}
		name := string(m.name)
		element := new(T)
		read(element, s)
		(*v)[name] = *element
	}
}

// plain is how many bytes at the beginning of a text stand for themselves in
// a JSON string: ASCII that is no control character, quote or backslash. It
// looks at eight bytes at a time: to take 1 from a byte that is zero, or ' ' from
// one below it, sets its highest bit. What that borrows from the bytes after it
// does no harm, for it is the first such byte that counts.
func plain[T ~string | ~[]byte](text T) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(text); i += 8 {
		t := text[i : i+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, backslash := x^ones*'"', x^ones*'\\'
		special := x | (x - ones*' ') | (quote - ones) | (backslash - ones)
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}
