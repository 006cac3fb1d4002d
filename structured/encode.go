package structured

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Encode renders a value as compact JSON with the members of every object in
// the order the schema lists them, others after them by name. The bytes are
// stable. Characters are not escaped for HTML.
func (s *Schema) Encode(v any) []byte {
	e := encoder{order: s.order}
	e.value(v, guideOf(s.root))
	return e.out.Bytes()
}

type encoder struct {
	out    bytes.Buffer
	order  map[string][]string
	indent string // "" for compact
	line   string
}

func (e *encoder) value(v any, g guide) {
	switch v := v.(type) {
	case map[string]any:
		e.out.WriteByte('{')
		e.open()
		for i, name := range e.names(v, g) {
			e.next(i)
			e.scalar(name)
			e.out.WriteByte(':')
			if e.indent != "" {
				e.out.WriteByte(' ')
			}
			e.value(v[name], g.member(name))
		}
		e.close(len(v))
		e.out.WriteByte('}')
	case []any:
		e.out.WriteByte('[')
		e.open()
		for i, item := range v {
			e.next(i)
			e.value(item, g.item(i))
		}
		e.close(len(v))
		e.out.WriteByte(']')
	default:
		e.scalar(v)
	}
}

// names orders an object's members.
func (e *encoder) names(obj map[string]any, g guide) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range g {
		for _, name := range e.order[fragment(s.Location)+"/properties"] {
			if _, there := obj[name]; there && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	var rest []string
	for name := range obj {
		if !seen[name] {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(names, rest...)
}

func (e *encoder) scalar(v any) { writeScalar(&e.out, v) }

func writeScalar(out *bytes.Buffer, v any) {
	switch v := v.(type) {
	case json.Number:
		out.WriteString(string(v))
		return
	case nil:
		out.WriteString("null")
		return
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		out.WriteString("null")
		return
	}
	out.Truncate(out.Len() - 1) // the newline Encode adds
}

func (e *encoder) open() { e.line += e.indent }

func (e *encoder) next(i int) {
	if i > 0 {
		e.out.WriteByte(',')
	}
	if e.indent != "" {
		e.out.WriteString("\n" + e.line)
	}
}

func (e *encoder) close(n int) {
	e.line = e.line[:len(e.line)-len(e.indent)]
	if e.indent != "" && n > 0 {
		e.out.WriteString("\n" + e.line)
	}
}
