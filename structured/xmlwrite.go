package structured

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"unicode/utf8"
)

// EncodeXML writes a value as XML by the schema's OpenAPI "xml" annotations:
// name, attribute, wrapped, namespace and prefix. The bytes are stable, with
// members in the schema's order. ReadXML reads them back to an equal value.
// The error is ErrNoRootName.
func (s *Schema) EncodeXML(v any) ([]byte, error) {
	root, err := s.rootName()
	if err != nil {
		return nil, err
	}
	w := &xmlWriter{xmlNames: xmlNames{Schema: s}}
	g := guideOf(s.root)
	w.element(root, nil, s.xmlNote(g), v, g)
	out := w.out.Bytes()
	if w.marked {
		// The marks' namespace is declared on the root, only when used.
		at := bytes.IndexAny(out, " />")
		out = append(out[:at:at], append([]byte(` xmlns:json="`+jsonSpace+`"`), out[at:]...)...)
	}
	return out, nil
}

type xmlWriter struct {
	xmlNames
	out    bytes.Buffer
	marked bool
}

// element writes one value as one element. original is the member's name when
// the element's differs in a way the reader cannot know.
func (w *xmlWriter) element(name string, original *string, note xmlNote, v any, g guide) {
	tag := name
	if note.prefix != "" {
		tag = note.prefix + ":" + name
	}
	w.out.WriteString("<" + tag)
	switch {
	case note.prefix != "":
		w.attribute("xmlns:"+note.prefix, note.namespace)
	case note.namespace != "":
		w.attribute("xmlns", note.namespace)
	}
	if original != nil {
		w.mark("name", *original)
	}
	typ := xmlType(v)
	text, isText := v.(string)
	switch {
	case isText && !xmlSafe(text):
		w.mark("type", "json")
		v = plainJSON(text)
	case typ == "null" && g.soleType() != "null", g.soleType() != typ:
		w.mark("type", typ)
	}
	var attributes []string
	obj, isObject := v.(map[string]any)
	if isObject {
		attributes = w.attributes(obj, g)
	}
	start := w.out.Len()
	w.out.WriteByte('>')
	body := w.out.Len()
	switch v := v.(type) {
	case map[string]any:
		w.members(v, g, attributes)
	case []any:
		for i, e := range v {
			child := g.item(i)
			itemNote := w.xmlNote(child)
			itemName := itemNote.name
			if itemName == "" {
				itemName = "item"
			}
			w.element(itemName, nil, itemNote, e, child)
		}
	default:
		w.text(v)
	}
	if w.out.Len() == body {
		w.out.Truncate(start)
		w.out.WriteString("/>")
		return
	}
	w.out.WriteString("</" + tag + ">")
}

func xmlType(v any) string {
	if t := typeName(v); t != "integer" {
		return t
	}
	return "number"
}

// mark writes one of the attributes of jsonSpace.
func (w *xmlWriter) mark(name, value string) {
	w.marked = true
	w.attribute("json:"+name, value)
}

func (w *xmlWriter) attribute(name, value string) {
	w.out.WriteString(" " + name + `="`)
	w.escape(value)
	w.out.WriteByte('"')
}

func (w *xmlWriter) escape(s string) {
	// Writing to a buffer cannot fail.
	_ = xml.EscapeText(&w.out, []byte(s))
}

func (w *xmlWriter) text(v any) {
	switch v := v.(type) {
	case string:
		w.escape(v)
	case json.Number:
		w.out.WriteString(string(v))
	case bool:
		if v {
			w.out.WriteString("true")
		} else {
			w.out.WriteString("false")
		}
	}
}

// xmlSafe tells whether XML 1.0 can hold a text: it has no place for most
// control characters.
func xmlSafe(s string) bool {
	for i, c := range s {
		switch {
		case c == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r', c == 0xFFFE, c == 0xFFFF:
			return false
		}
	}
	return true
}

// attributes writes the members annotated as attributes and returns their
// names. Those XML cannot carry in an attribute become elements.
func (w *xmlWriter) attributes(obj map[string]any, g guide) []string {
	known := w.membersOf(g).attributes
	var written []string
	for _, name := range (&encoder{order: w.order}).names(obj, g) {
		m := w.xmlMember(g, name)
		if k, ok := known[m.element]; !m.attribute || !ok || k.name != name || xmlType(obj[name]) != m.guide.soleType() {
			continue
		}
		var text string
		switch v := obj[name].(type) {
		case string:
			if !xmlSafe(v) {
				continue
			}
			text = v
		default:
			text = plainJSON(v)
		}
		w.attribute(m.element, text)
		written = append(written, name)
	}
	return written
}

// members writes the members of an object that are elements.
func (w *xmlWriter) members(obj map[string]any, g guide, done []string) {
	known := w.membersOf(g).elements
	skip := map[string]bool{}
	for _, name := range done {
		skip[name] = true
	}
	for _, name := range (&encoder{order: w.order}).names(obj, g) {
		if skip[name] {
			continue
		}
		m := w.xmlMember(g, name)
		var original *string
		if k, ok := known[m.element]; !ok || k.name != name {
			// The reader takes an unknown element's name for the member's, so
			// only names it could not read need a mark.
			_, taken := known[name]
			m = xmlMember{name: name, element: name, guide: m.guide, note: xmlNote{}}
			if !isXMLName(name) || taken {
				m.element, original = "member", &name
			}
			w.element(m.element, original, m.note, obj[name], m.guide)
			continue
		}
		list, isList := obj[name].([]any)
		if m.isArray && isList && !m.wrapped && len(list) > 0 {
			for i, e := range list {
				w.element(m.element, nil, m.itemNote, e, m.guide.item(i))
			}
			continue
		}
		if m.isArray && !m.wrapped {
			// An empty list, or what is no list, in place of the items.
			w.out.WriteString("<" + m.element)
			w.mark("list", "")
			w.mark("type", "json")
			w.out.WriteByte('>')
			w.escape(plainJSON(obj[name]))
			w.out.WriteString("</" + m.element + ">")
			continue
		}
		if m.isArray && isList {
			w.wrappedList(m, list)
			continue
		}
		w.element(m.element, nil, m.note, obj[name], m.guide)
	}
}

// wrappedList writes an array with an element of its own around the items.
func (w *xmlWriter) wrappedList(m xmlMember, list []any) {
	tag := m.element
	if m.note.prefix != "" {
		tag = m.note.prefix + ":" + tag
	}
	w.out.WriteString("<" + tag)
	switch {
	case m.note.prefix != "":
		w.attribute("xmlns:"+m.note.prefix, m.note.namespace)
	case m.note.namespace != "":
		w.attribute("xmlns", m.note.namespace)
	}
	w.out.WriteByte('>')
	for i, e := range list {
		w.element(m.item, nil, m.itemNote, e, m.guide.item(i))
	}
	w.out.WriteString("</" + strings.TrimSpace(tag) + ">")
}
