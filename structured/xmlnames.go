package structured

import (
	"errors"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrNoRootName tells that a schema names no root element: it needs xml.name
// or a title.
var ErrNoRootName = errors.New("XML needs a root name: give the schema xml.name or a title")

// jsonSpace is the XML namespace of the marks that carry what XML alone cannot:
// json:type where the schema leaves the type open, json:name for members whose
// name is no XML name.
const jsonSpace = "urn:outcrop:json"

// xmlNote is an OpenAPI "xml" annotation.
type xmlNote struct {
	name, namespace, prefix string
	attribute, wrapped      bool
}

// xmlNote returns the annotation of a place; the first subschema that has one
// decides.
func (s *Schema) xmlNote(g guide) xmlNote {
	for _, sub := range g {
		tokens, err := splitPointer(fragment(sub.Location))
		if err != nil {
			continue
		}
		raw, _ := lookup(s.doc, tokens)
		obj, _ := raw.(map[string]any)
		note, ok := obj["xml"].(map[string]any)
		if !ok {
			continue
		}
		var n xmlNote
		n.name, _ = note["name"].(string)
		n.namespace, _ = note["namespace"].(string)
		n.prefix, _ = note["prefix"].(string)
		n.attribute, _ = note["attribute"].(bool)
		n.wrapped, _ = note["wrapped"].(bool)
		if !isXMLName(n.name) {
			n.name = ""
		}
		if !isXMLName(n.prefix) || n.namespace == "" {
			n.prefix = ""
		}
		return n
	}
	return xmlNote{}
}

// rootName returns the name of the root element.
func (s *Schema) rootName() (string, error) {
	if n := s.xmlNote(guideOf(s.root)); n.name != "" {
		return n.name, nil
	}
	name := ""
	for _, c := range s.root.Title {
		if isNameRune(c, name == "") {
			name += string(c)
		}
	}
	if name == "" {
		return "", ErrNoRootName
	}
	return name, nil
}

// isXMLName tells whether a name can be an element's: an NCName.
func isXMLName(name string) bool {
	if name == "" || len(name) > 256 {
		return false
	}
	for i, c := range name {
		if !isNameRune(c, i == 0) {
			return false
		}
	}
	return true
}

func isNameRune(c rune, first bool) bool {
	if c == '_' || c < unicode.MaxASCII && unicode.IsLetter(c) {
		return true
	}
	return !first && (c == '-' || c == '.' || c >= '0' && c <= '9')
}

// soleType returns the one type that may be wanted at a place, "" if several.
// Integers count as numbers, as XML writes them the same way.
func (g guide) soleType() string {
	sole := ""
	for _, t := range []string{"object", "array", "string", "number", "boolean", "null"} {
		if !g.mayBe(t) && !(t == "number" && g.mayBe("integer")) {
			continue
		}
		if sole != "" {
			return ""
		}
		sole = t
	}
	return sole
}

// xmlMember is how a member is written.
type xmlMember struct {
	name      string // of the member
	element   string // of its element, or of the attribute
	guide     guide
	item      string // element name of the items of an array
	note      xmlNote
	itemNote  xmlNote
	isArray   bool
	wrapped   bool
	attribute bool
}

func (s *Schema) xmlMember(g guide, name string) xmlMember {
	m := xmlMember{name: name, element: name, guide: g.member(name)}
	m.note = s.xmlNote(m.guide)
	m.isArray = m.guide.soleType() == "array"
	items := m.guide.item(0)
	m.itemNote = s.xmlNote(items)
	if m.note.name != "" {
		m.element = m.note.name
	}
	m.item = m.itemNote.name
	if m.item == "" {
		m.item = m.element
	}
	m.wrapped = m.note.wrapped
	// The items of an array of arrays need an element each to hold theirs.
	if m.isArray && !m.wrapped {
		m.element = m.item
	}
	switch m.guide.soleType() {
	case "string", "number", "boolean":
		m.attribute = m.note.attribute
	}
	return m
}

// xmlMembers are the members that a guide declares, by element and by
// attribute name.
type xmlMembers struct{ elements, attributes map[string]xmlMember }

// xmlNames finds the members of guides. It works them out once for each guide
// it meets, however many objects a list has. It is for one value.
type xmlNames struct {
	*Schema
	known guideTree
}

// guideTree keeps members by guide: a guide is a path in it.
type guideTree struct {
	members *xmlMembers
	next    map[*jsonschema.Schema]*guideTree
}

func (t *guideTree) at(g guide) *guideTree {
	for _, sub := range g {
		if t.next == nil {
			t.next = map[*jsonschema.Schema]*guideTree{}
		}
		if t.next[sub] == nil {
			t.next[sub] = &guideTree{}
		}
		t = t.next[sub]
	}
	return t
}

func (n *xmlNames) membersOf(g guide) *xmlMembers {
	at := n.known.at(g)
	if at.members == nil {
		at.members = n.xmlMembers(g)
	}
	return at.members
}

// xmlMembers works out a guide's members. Names that two of them claim are left
// out, so such members are written with json:name.
func (s *Schema) xmlMembers(g guide) *xmlMembers {
	all := &xmlMembers{map[string]xmlMember{}, map[string]xmlMember{}}
	clash := map[string]bool{}
	for _, sub := range g {
		for _, name := range sortedKeys(sub.Properties) {
			m := s.xmlMember(g, name)
			into := all.elements
			if m.attribute {
				into = all.attributes
			}
			if old, taken := into[m.element]; taken && old.name != name {
				clash[m.element] = true
			}
			if isXMLName(m.element) {
				into[m.element] = m
			}
		}
	}
	for name := range clash {
		delete(all.elements, name)
		delete(all.attributes, name)
	}
	return all
}
