package structured

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// guide is every subschema that may apply to one value: unlike a view it also
// holds the branches of unions and conditions. The reader asks it what a piece
// of broken text could have meant; it never decides whether a value is valid.
type guide []*jsonschema.Schema

func guideOf(list ...*jsonschema.Schema) guide {
	var g guide
	for _, s := range list {
		g = g.with(s)
	}
	return g
}

// maxGuide bounds a guide: beyond it the reader knows less, not wrongly more.
const maxGuide = 256

func (g guide) with(s *jsonschema.Schema) guide {
	if s == nil || len(g) >= maxGuide || slices.Contains(g, s) {
		return g
	}
	g = append(g, s)
	for _, next := range inPlace(s) {
		if next != s.Not && next != s.If {
			g = g.with(next)
		}
	}
	return g
}

// member guides the reading of the member of that name.
func (g guide) member(name string) guide {
	var child guide
	for _, s := range g {
		matched := false
		if p, ok := s.Properties[name]; ok {
			child, matched = child.with(p), true
		}
		for _, p := range sortedPatterns(s.PatternProperties) {
			if matches(p, name) {
				child, matched = child.with(s.PatternProperties[p]), true
			}
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !matched {
			child = child.with(sub)
		}
	}
	return child
}

// item guides the reading of the item at index i.
func (g guide) item(i int) guide {
	var child guide
	for _, s := range g {
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			child = child.with(items)
		case []*jsonschema.Schema:
			if i < len(items) {
				child = child.with(items[i])
			} else if sub, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
				child = child.with(sub)
			}
		}
		if i < len(s.PrefixItems) {
			child = child.with(s.PrefixItems[i])
		} else {
			child = child.with(s.Items2020)
		}
	}
	return child
}

// mayBe tells whether a value of the type may be wanted here. Without any
// restriction in sight everything may.
func (g guide) mayBe(typ string) bool {
	restricted := false
	for _, s := range g {
		var types []string
		switch {
		case s.Types != nil && !s.Types.IsEmpty():
			types = s.Types.ToStrings()
		case s.Const != nil:
			types = []string{typeName(*s.Const)}
		case s.Enum != nil:
			for _, v := range s.Enum.Values {
				types = append(types, typeName(v))
			}
		case len(s.Properties) > 0:
			types = []string{"object"}
		default:
			continue
		}
		restricted = true
		if slices.Contains(types, typ) || typ == "integer" && slices.Contains(types, "number") {
			return true
		}
	}
	return !restricted
}
