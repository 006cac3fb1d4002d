package bedrock

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

// writer writes JSON for the generated write methods. Like the scanner it
// knows the regular case only: unknown members, text that is no UTF-8, numbers
// that JSON does not have, set odd, after which what it wrote is of no use and
// the value is written again by reflection. What it does write is byte for
// byte what the reflective codec writes. FuzzFastRead holds it to that.
type writer struct {
	buf []byte
	odd bool
}

var writers = sync.Pool{New: func() any { return new(writer) }}

// largestKept is the longest buffer, in bytes, that a pool keeps.
const largestKept = 64 << 10

// release gives a writer of the pool back to it.
func (w *writer) release() {
	if cap(w.buf) <= largestKept {
		w.buf = w.buf[:0]
		writers.Put(w)
	}
}

// fastCoder is a pointer to a type with generated methods. Both tell whether
// they could do it; on false, what they were given is as it was.
type fastCoder interface {
	decodeFast(data []byte) bool
	encodeFast(w *writer) bool
}

// writeWhole writes v at the end of the buffer.
func writeWhole[T any](v *T, w *writer, write func(*T, *writer)) bool {
	if v == nil {
		return false
	}
	start := len(w.buf)
	write(v, w)
	if w.odd {
		w.buf, w.odd = w.buf[:start], false
		return false
	}
	return true
}

// put writes a byte; a nil writer writes nothing.
func (w *writer) put(c byte) {
	if w != nil {
		w.buf = append(w.buf, c)
	}
}

// begin begins an object whose unknown members are given.
func (w *writer) begin(unknown Document) {
	if len(unknown) > 0 {
		w.odd = true
	}
	w.buf = append(w.buf, '{')
}

// name writes a quoted name with its colon, and before it the comma that
// parts it from another member.
func (w *writer) name(quoted string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, quoted...)
}

func (w *writer) end() { w.buf = append(w.buf, '}') }

// The writers of the types that members have.

func writeString[T ~string | ~[]byte](v *T, w *writer) {
	var valid bool
	if w.buf, valid = appendQuoted(w.buf, *v); !valid {
		w.odd = true
	}
}

func writeInt(v *int, w *writer) { w.buf = strconv.AppendInt(w.buf, int64(*v), 10) }

func writeBool(v *bool, w *writer) { w.buf = strconv.AppendBool(w.buf, *v) }

// writeFloat leaves to the reflective codec what is written with an exponent,
// and what JSON cannot say.
func writeFloat(v *float64, w *writer) {
	size := math.Abs(*v)
	if size != 0 && !(1e-6 <= size && size < 1e21) {
		w.odd = true
		return
	}
	w.buf = strconv.AppendFloat(w.buf, *v, 'f', -1, 64)
}

func writeBlob(v *[]byte, w *writer) {
	w.put('"')
	w.buf = base64.StdEncoding.AppendEncode(w.buf, *v)
	w.put('"')
}

func writeDocument(v *Document, w *writer) {
	s := scanner{data: *v}
	s.value(w)
	if s.peek(); s.odd || s.pos != len(s.data) {
		w.odd = true
	}
}

func writeList[T any](v *[]T, w *writer, write func(*T, *writer)) {
	w.put('[')
	for i := range *v {
		if i > 0 {
			w.put(',')
		}
		write(&(*v)[i], w)
	}
	w.put(']')
}

func writeMap[T any](v *map[string]T, w *writer, write func(*T, *writer)) {
	names := make([]string, 0, len(*v))
	for name := range *v {
		names = append(names, name)
	}
	slices.Sort(names)
	w.put('{')
	for i, name := range names {
		if i > 0 {
			w.put(',')
		}
		writeString(&name, w)
		w.put(':')
		element := (*v)[name]
		write(&element, w)
	}
	w.put('}')
}

// appendQuoted appends a JSON string, with the escapes that JSON demands and
// no others, and tells whether the text is UTF-8.
func appendQuoted[T ~string | ~[]byte](dst []byte, text T) (_ []byte, valid bool) {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for {
		n := plain(text)
		dst = append(dst, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return append(dst, '"'), true
		}
		switch c := text[0]; {
		case c >= utf8.RuneSelf:
			n = 1
			for n < len(text) && text[n] >= utf8.RuneSelf {
				n++
			}
			if !utf8.ValidString(string(text[:n])) {
				return dst, false
			}
			dst = append(dst, text[:n]...)
			text = text[n:]
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		text = text[1:]
	}
}
