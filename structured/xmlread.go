package structured

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// ReadXML reads a reply whose value is XML of the form EncodeXML writes: the
// root element may stand in prose, in a fence, after reasoning. Types come
// from the schema, so a model need not write any marks. Errors are *ReadError
// or ErrNoRootName; violations are part of the Reading.
func (s *Schema) ReadXML(text string) (*Reading, error) {
	root, err := s.rootName()
	if err != nil {
		return nil, err
	}
	if len(text) > s.config.MaxText {
		return nil, s.tooLong(text)
	}
	var repairs []Repair
	from := skipReasoning(text)
	if from > 0 {
		repairs = append(repairs, Repair{Reasoning, 0})
	}
	found, err := s.xmlCandidates(text, from, root)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &ReadError{Kind: NoValue, Message: "there is no element " + root, Offset: from}
	}
	chosen, extra, err := s.choose(found)
	if err != nil {
		return nil, err
	}
	repairs = append(repairs, around(text, from, chosen, found)...)
	return s.reading(chosen.value, append(repairs, extra...), false), nil
}

// xmlCandidates reads every element of the root's name.
func (s *Schema) xmlCandidates(text string, from int, root string) ([]candidate, error) {
	var found []candidate
	names := &xmlNames{Schema: s}
	for at := from; ; {
		start := findElement(text, at, root)
		if start < 0 {
			return found, nil
		}
		node, n, err := parseXML(text[start:], s.config.MaxDepth)
		if err != nil {
			kind := Malformed
			var syntax *xml.SyntaxError
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
				kind = Truncated
			}
			return nil, &ReadError{Kind: kind, Message: "the XML " + root + " cannot be read: " + err.Error(), Offset: start + n}
		}
		r := xmlReader{xmlNames: names}
		v := r.value(node, guideOf(s.root))
		if r.conflict != "" {
			return nil, &ReadError{Kind: Ambiguous, Message: "element " + r.conflict + " is given twice with different values", Offset: start}
		}
		found = append(found, candidate{value: v, start: start, end: start + n})
		at = start + n
	}
}

// findElement finds the opening tag of an element, with or without a prefix.
func findElement(text string, from int, name string) int {
	for at := from; at < len(text); {
		i := strings.IndexByte(text[at:], '<')
		if i < 0 {
			return -1
		}
		at += i
		rest := text[at+1:]
		end := strings.IndexAny(rest, " \t\r\n/><") // no name goes on behind them, so no byte is passed twice
		if end >= 0 && rest[end] != '<' {
			tag := rest[:end]
			if _, local, ok := strings.Cut(tag, ":"); ok {
				tag = local
			}
			if tag == name {
				return at
			}
		}
		at++
	}
	return -1
}

// xmlNode is an element without what the schema has no use for.
type xmlNode struct {
	name       string
	attributes []xml.Attr
	children   []*xmlNode
	text       strings.Builder
}

// mark returns the value of one of the attributes of jsonSpace.
func (n *xmlNode) mark(name string) (string, bool) {
	for _, a := range n.attributes {
		if a.Name.Local == name && (a.Name.Space == jsonSpace || a.Name.Space == "json") {
			return a.Value, true
		}
	}
	return "", false
}

// parseXML reads the element at the start of the text and returns its length.
func parseXML(text string, maxDepth int) (*xmlNode, int, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	var stack []*xmlNode
	for {
		token, err := d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, int(d.InputOffset()), err
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: t.Name.Local, attributes: t.Attr}
			if len(stack) > 0 {
				parent := stack[len(stack)-1]
				parent.children = append(parent.children, n)
			}
			if stack = append(stack, n); len(stack) > maxDepth {
				return nil, int(d.InputOffset()), errors.New("the nesting is too deep")
			}
		case xml.EndElement:
			if len(stack) == 0 {
				return nil, int(d.InputOffset()), errors.New("an element ends that never began")
			}
			n := stack[len(stack)-1]
			if n.name != t.Name.Local {
				return nil, int(d.InputOffset()), io.ErrUnexpectedEOF
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return n, int(d.InputOffset()), nil
			}
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		}
	}
}

// xmlReader turns elements into values.
type xmlReader struct {
	*xmlNames
	conflict string // an element given twice where the schema wants one
}

// value turns an element into the value that the schema expects there.
func (r *xmlReader) value(n *xmlNode, g guide) any {
	typ, marked := n.mark("type")
	if !marked {
		typ = g.soleType()
	}
	text := n.text.String()
	switch typ {
	case "json":
		if v, err := parseExact(strings.TrimSpace(text), r.config.MaxDepth); err == nil {
			return v
		}
		return text
	case "null":
		return nil
	case "object":
		return r.object(n, g)
	case "array":
		list := []any{}
		for i, c := range n.children {
			list = append(list, r.value(c, g.item(i)))
		}
		return list
	case "string":
		return text
	case "number", "integer", "boolean":
		return scalarFromXML(typ, text)
	}
	return r.guess(n, g, text)
}

func scalarFromXML(typ, text string) any {
	trimmed := strings.TrimSpace(text)
	if typ == "boolean" {
		switch strings.ToLower(trimmed) {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
		return text
	}
	if n := numberLength(trimmed); n > 0 && n == len(trimmed) {
		return json.Number(trimmed)
	}
	return text
}

// guess reads an element whose type the schema leaves open and that
// bears no mark.
func (r *xmlReader) guess(n *xmlNode, g guide, text string) any {
	switch {
	case len(n.children) > 0 && g.mayBe("object"):
		return r.object(n, g)
	case len(n.children) > 0 && g.mayBe("array"):
		list := []any{}
		for i, c := range n.children {
			list = append(list, r.value(c, g.item(i)))
		}
		return list
	case strings.TrimSpace(text) == "" && g.mayBe("null"):
		return nil
	case !g.mayBe("string") || len(g) == 0:
		for _, typ := range []string{"number", "boolean"} {
			if v := scalarFromXML(typ, text); v != any(text) && (len(g) == 0 || g.mayBe(typ) || g.mayBe("integer")) {
				return v
			}
		}
	}
	// Text that spells a number is one where numbers may stand beside text.
	if v, ok := scalarFromXML("number", text).(json.Number); ok && len(g) > 0 && (g.mayBe("number") || g.mayBe("integer")) {
		return v
	}
	return text
}

func (r *xmlReader) object(n *xmlNode, g guide) map[string]any {
	members := r.membersOf(g)
	obj := map[string]any{}
	put := func(name string, v any) {
		if old, twice := obj[name]; twice && !equalValues(old, v) && r.conflict == "" {
			r.conflict = name
		}
		obj[name] = v
	}
	for _, a := range n.attributes {
		if m, ok := members.attributes[a.Name.Local]; ok && a.Name.Space != jsonSpace && a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			if typ := m.guide.soleType(); typ == "string" {
				obj[m.name] = a.Value
			} else {
				obj[m.name] = scalarFromXML(typ, a.Value)
			}
		}
	}
	for _, c := range n.children {
		if name, ok := c.mark("name"); ok {
			put(name, r.value(c, g.member(name)))
			continue
		}
		m, known := members.elements[c.name]
		if !known {
			m = r.xmlMember(g, c.name)
			m.isArray = false
		}
		_, marked := c.mark("list")
		switch {
		case m.isArray && !m.wrapped && !marked:
			list, _ := obj[m.name].([]any)
			obj[m.name] = append(list, r.value(c, m.guide.item(len(list))))
		default:
			put(m.name, r.value(c, m.guide))
		}
	}
	return obj
}
