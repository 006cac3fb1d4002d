package native

import (
	"maps"
	"slices"
	"strconv"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// object is a JSON object whose members are kept as they are.
type object map[string]bedrock.Document

// objectOf reads an object that is known to be valid: the unknown members of
// a decoded value. Empty gives none.
func objectOf(doc bedrock.Document) object {
	o := object{}
	if len(doc) > 0 {
		_ = bedrock.Unmarshal(doc, &o)
	}
	return o
}

// names are the members' names, in order.
func (o object) names() []string { return slices.Sorted(maps.Keys(o)) }

// set puts a value under a name. The value must be one that marshals.
func (o object) set(name string, value any) {
	if doc, ok := value.(bedrock.Document); ok {
		o[name] = doc
		return
	}
	text, err := bedrock.Marshal(value)
	if err != nil {
		panic("native: " + err.Error()) // only plain values of our own come here
	}
	o[name] = text
}

// document is the object as JSON, nil when it is empty.
func (o object) document() bedrock.Document {
	if len(o) == 0 {
		return nil
	}
	text, err := bedrock.Marshal(o)
	if err != nil {
		panic("native: " + err.Error()) // its values were read as JSON
	}
	return text
}

// only refuses the first unknown member of a part of a request, but for
// nulls, which mean nothing.
func only(unknown bedrock.Document, at string) error {
	if len(unknown) == 0 {
		return nil
	}
	members := objectOf(unknown)
	for _, name := range members.names() {
		if !isNull(members[name]) {
			return extraneous(at, name)
		}
	}
	return nil
}

func isNull(doc bedrock.Document) bool { return len(doc) == 0 || string(doc) == "null" }

// kindOf is the first byte of a JSON value: '{', '[', '"', ...; 0 for none.
func kindOf(doc bedrock.Document) byte {
	for _, c := range doc {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c
	}
	return 0
}

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }

func pointer[T any](v T) *T { return &v }
