package bedrock

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how many levels of nesting [Unmarshal] reads.
const MaxDepth = 256

// Document is any JSON value, as bytes: a tool's input, a schema.
type Document = jsontext.Value

var codec = json.Deterministic(true)

// Marshal writes a value of this package as JSON, with its unknown members,
// and with equal bytes for equal values. Pass a pointer: the types of Converse
// and Construct are written without reflection then.
func Marshal(v any) ([]byte, error) {
	fast, ok := v.(fastCoder)
	if !ok {
		return json.Marshal(v, codec)
	}
	w := writers.Get().(*writer)
	defer w.release()
	if !fast.encodeFast(w) {
		return json.Marshal(v, codec)
	}
	return bytes.Clone(w.buf), nil
}

// MarshalAppend is [Marshal] onto the end of dst.
func MarshalAppend(dst []byte, v any) ([]byte, error) {
	if fast, ok := v.(fastCoder); ok {
		w := writers.Get().(*writer)
		own := w.buf
		w.buf = dst
		done := fast.encodeFast(w)
		dst, w.buf = w.buf, own
		writers.Put(w)
		if done {
			return dst, nil
		}
	}
	text, err := json.Marshal(v, codec)
	return append(dst, text...), err
}

// AppendString appends s as a JSON string, for encoders that write by hand.
// Bytes that are no UTF-8 become the replacement character.
func AppendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // its error tells of replaced bytes only
	return dst
}

// Unmarshal reads JSON into a value of this package. Duplicate names, bad
// UTF-8, wrong types and trailing data are errors, always a *[DecodeError].
//
// The types of Converse and Construct are read by generated methods when the
// text is regular; a text with unknown members, null or escaped names, or with
// a fault, is read once more by reflection, at about twice the cost or more.
func Unmarshal(data []byte, v any) error {
	if fast, ok := v.(fastCoder); ok && fast.decodeFast(data) {
		return nil
	}
	if deeperThan(data, MaxDepth) {
		return &DecodeError{Field: deepField(data), Reason: fmt.Sprintf("the JSON text is nested more than %d levels deep", MaxDepth)}
	}
	if err := json.Unmarshal(data, v, codec); err != nil {
		return decodeError(data, err)
	}
	return nil
}

// deeperThan tells whether a JSON text nests objects and arrays more than
// limit levels deep. It stops at the first level too many.
func deeperThan(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// deepField is the member in which a text is nested too deeply: the first of
// its way down, as far as they have names and are few.
func deepField(data []byte) string {
	const most = 6 // messages.0.content.0.toolUse.input
	d := jsontext.NewDecoder(bytes.NewBuffer(data))
	for d.StackDepth() <= MaxDepth {
		if _, err := d.ReadToken(); err != nil {
			return "" // it is broken besides
		}
	}
	var names []string
	for token := range d.StackPointer().Tokens() {
		if names = append(names, token); len(names) == most {
			break
		}
	}
	for len(names) > 0 && strings.Trim(names[len(names)-1], "0123456789") == "" {
		names = names[:len(names)-1]
	}
	return strings.Join(names, ".")
}

// DecodeError says which member of a JSON text is wrong, and how.
type DecodeError struct {
	Field  string // "messages.0.content.1.text"; empty when the text as a whole is no JSON
	Reason string
}

// Error is one sentence that names the field.
func (e *DecodeError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

func decodeError(data []byte, err error) *DecodeError {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return &DecodeError{Field: dotted(semantic.JSONPointer), Reason: semanticReason(semantic)}
	}
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return &DecodeError{Reason: err.Error()}
	}
	field := dotted(syntactic.JSONPointer)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &DecodeError{Field: field, Reason: "duplicate object member"}
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return &DecodeError{Reason: "the JSON text is empty"}
	}
	return &DecodeError{Field: field, Reason: fmt.Sprintf("invalid JSON at byte %d: %v", syntactic.ByteOffset, syntactic.Err)}
}

// semanticReason says what was found and what belongs there, in words that do
// not depend on Go types.
func semanticReason(e *json.SemanticError) string {
	found := map[jsontext.Kind]string{
		'n': "null", 'f': "a boolean", 't': "a boolean", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
	}[e.JSONKind]
	wanted := "a value of another type"
	if e.GoType != nil {
		wanted = wireType(e.GoType)
	}
	var overflow bool
	if e.Err != nil {
		overflow = errors.Is(e.Err, strconv.ErrRange)
	}
	switch {
	case overflow:
		return "the number is out of range"
	case e.JSONKind == '"' && wanted == "base64 data":
		return "the string is not valid base64"
	case e.JSONKind == '0' && wanted == "an integer":
		return "the number is not an integer"
	case e.JSONKind == '"' && wanted == "a timestamp":
		return "the string is not an ISO 8601 timestamp"
	case found == "":
		return "expected " + wanted
	}
	return fmt.Sprintf("expected %s, found %s", wanted, found)
}

// dotted turns a JSON Pointer into the form that Bedrock's messages use.
func dotted(p jsontext.Pointer) string {
	var parts []string
	for token := range p.Tokens() {
		parts = append(parts, token)
	}
	return strings.Join(parts, ".")
}
