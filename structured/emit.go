package structured

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is a JSON object whose members keep their order.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		writeScalar(&b, f.name)
		b.WriteByte(':')
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(f.value); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// emit writes a shape as a schema of draft 2020-12.
func emit(root *shape) []byte {
	e := &schemaWriter{uses: map[*shape]int{}, names: map[*shape]string{}}
	e.count(root)
	e.uses[root]++ // the root itself; a further use is a cycle
	out := e.body(root)
	if e.uses[root] > 2 {
		// The root is referred to, so it gets a name of its own.
		name := e.ref(root)
		if !slices.ContainsFunc(e.defs, func(f field) bool { return f.name == name }) {
			e.defs = append(e.defs, field{name, out})
		}
	}
	if len(e.defs) > 0 {
		out = append(out, field{"$defs", e.defs})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		panic("structured: a lowered schema cannot be encoded: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}

type schemaWriter struct {
	uses  map[*shape]int
	names map[*shape]string
	defs  object
}

func (e *schemaWriter) count(s *shape) {
	if e.uses[s]++; e.uses[s] > 1 {
		return
	}
	for _, c := range s.children() {
		e.count(c)
	}
}

// schema writes a shape in place, or a $ref to it when it is used often.
func (e *schemaWriter) schema(s *shape) object {
	small := s.kind == leafShape && len(s.values) < 4 && len(s.types) < 2 || s.kind == textShape || s.kind == anyShape || s.kind == neverShape
	if e.uses[s] < 2 || small {
		return e.body(s)
	}
	if _, written := e.names[s]; written {
		return object{{"$ref", "#/$defs/" + e.names[s]}}
	}
	name := e.ref(s)
	i := len(e.defs)
	e.defs = append(e.defs, field{name, nil})
	e.defs[i].value = e.body(s)
	return object{{"$ref", "#/$defs/" + name}}
}

func (e *schemaWriter) ref(s *shape) string {
	if e.names[s] == "" {
		e.names[s] = fmt.Sprintf("s%d", len(e.names)+1)
	}
	return e.names[s]
}

func (e *schemaWriter) body(s *shape) object {
	var out object
	switch s.kind {
	case leafShape:
		out = e.leaf(s)
	case textShape:
		out = object{{"type", "string"}}
	case enumText:
		texts := make([]any, len(s.values))
		for i, v := range s.values {
			texts[i] = plainJSON(v)
		}
		out = object{{"type", "string"}, {"enum", texts}}
	case objectShape:
		out = e.object(s)
	case mappingShape:
		out = object{{"type", "array"}, {"items", object{
			{"type", "object"},
			{"properties", object{{"key", s.leaf}, {"value", e.schema(s.item)}}},
			{"required", []string{"key", "value"}},
			{"additionalProperties", false},
		}}}
	case listShape:
		out = e.list(s)
	case unionShape:
		if s.spread {
			out = e.spread(s.choices)
		} else {
			out = object{{"anyOf", e.all(s.choices)}}
		}
	case wrapShape:
		out = object{
			{"type", "object"},
			{"properties", object{{"value", e.schema(s.item)}}},
			{"required", []string{"value"}},
			{"additionalProperties", false},
		}
	case neverShape:
		// Nothing is allowed here, which no back-end can express.
		out = object{{"type", "null"}}
	}
	if d := describe(s); d != "" {
		out = append(out, field{"description", d})
	}
	return out
}

func (e *schemaWriter) all(list []*shape) []any {
	out := make([]any, len(list))
	for i, c := range list {
		out[i] = e.schema(c)
	}
	return out
}

// maxDescription bounds the description of one node, in bytes.
const maxDescription = 600

func describe(s *shape) string {
	text := s.about
	if len(text) > maxDescription {
		text = strings.ToValidUTF8(text[:maxDescription], "") + "..."
	}
	if s.kind == textShape || s.kind == enumText {
		text = strings.TrimSpace("JSON text. " + text)
	}
	if s.spread {
		text = strings.TrimSpace("Exactly one of the lists holds one value, the others are empty. " + text)
	}
	if len(s.words) > 0 {
		words := strings.Join(slices.Compact(slices.Clone(s.words)), "; ")
		if len(words) > maxDescription {
			words = strings.ToValidUTF8(words[:maxDescription], "") + "..."
		}
		text = strings.TrimSpace(text + " (" + words + ")")
	}
	return text
}

func (e *schemaWriter) leaf(s *shape) object {
	if s.spread {
		var parts []*shape
		for _, t := range s.types {
			parts = append(parts, s.part(t))
		}
		return e.spread(parts)
	}
	var out object
	switch len(s.types) {
	case 0:
	case 1:
		out = object{{"type", s.types[0]}}
	default:
		out = object{{"type", s.types}}
	}
	if s.values != nil {
		out = append(out, field{"enum", s.values})
	}
	return append(out, s.leaf...)
}

// part is the leaf for one of several types.
func (s *shape) part(typ string) *shape {
	p := &shape{kind: leafShape, view: s.view, types: []string{typ}}
	if s.values != nil {
		p.values = []any{}
		for _, v := range s.values {
			if t := typeName(v); t == typ || t == "integer" && typ == "number" {
				p.values = append(p.values, v)
			}
		}
	}
	for _, f := range s.leaf {
		text := f.name == "pattern" || f.name == "format" || f.name == "minLength" || f.name == "maxLength"
		if text == (typ == "string") && (text || typ == "integer" || typ == "number") {
			p.leaf = append(p.leaf, f)
		}
	}
	return p
}

// spread writes a union without anyOf: an object with a list for each form, of
// which exactly one holds exactly one value.
func (e *schemaWriter) spread(parts []*shape) object {
	var properties object
	var required []string
	for i, p := range parts {
		name := fmt.Sprintf("form_%d", i+1)
		properties = append(properties, field{name, object{{"type", "array"}, {"items", e.schema(p)}}})
		required = append(required, name)
	}
	return object{
		{"type", "object"},
		{"properties", properties},
		{"required", required},
		{"additionalProperties", false},
	}
}

func (e *schemaWriter) object(s *shape) object {
	var properties object
	var required []string
	for _, m := range s.members {
		child := e.schema(m.child)
		switch m.form {
		case plainMember:
			if m.required {
				required = append(required, m.alias)
			}
		case nullableMember:
			required = append(required, m.alias)
			child = nullable(child)
		case listedMember:
			required = append(required, m.alias)
			child = object{{"type", "array"}, {"items", child}, {"description", "Empty when absent, else one value."}}
		}
		properties = append(properties, field{m.alias, child})
	}
	out := object{{"type", "object"}, {"properties", orEmpty(properties)}}
	if len(required) > 0 {
		out = append(out, field{"required", required})
	}
	switch {
	case s.item != nil:
		out = append(out, field{"additionalProperties", e.schema(s.item)})
	case !s.open:
		out = append(out, field{"additionalProperties", false})
	}
	return out
}

func orEmpty(o object) object {
	if o == nil {
		return object{}
	}
	return o
}

// nullable lets a schema also take null.
func nullable(schema object) object {
	for i, f := range schema {
		if f.name != "type" {
			continue
		}
		typ, ok := f.value.(string)
		if !ok || typ == "object" || typ == "array" {
			break
		}
		out := slices.Clone(schema)
		out[i].value = []string{typ, "null"}
		for j := range out {
			if values, ok := out[j].value.([]any); ok && out[j].name == "enum" {
				out[j].value = append(slices.Clone(values), nil)
			}
		}
		return out
	}
	return object{{"anyOf", []any{schema, object{{"type", "null"}}}}}
}

func (e *schemaWriter) list(s *shape) object {
	out := object{{"type", "array"}}
	forms := slices.Clone(s.tuple)
	if s.item != nil {
		forms = append(forms, s.item)
	}
	var distinct []*shape
	for _, f := range forms {
		if !slices.Contains(distinct, f) && f.kind != neverShape {
			distinct = append(distinct, f)
		}
	}
	switch len(distinct) {
	case 0:
		out = append(out, field{"items", e.body(&shape{kind: neverShape})})
	case 1:
		out = append(out, field{"items", e.schema(distinct[0])})
	default:
		out = append(out, field{"items", object{{"anyOf", e.all(distinct)}}})
	}
	return append(out, s.counts...)
}

// plainJSON renders a value compactly with sorted names.
func plainJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSpace(b.String())
}
