package structured

import (
	"fmt"
	"slices"
	"strings"
)

// lowering turns views into shapes that a profile takes.
type lowering struct {
	schema  *Schema
	profile Profile
	memo    map[string]*shape
	log     map[Transform]*Transform
}

// maxShapes bounds the graph: products of unions can grow without end.
const maxShapes = 20_000

// decisions are the unions of one value that have been settled on the way, and
// how many forms they were multiplied out into.
type decisions struct {
	owners []any
	forms  int
}

// maxForms bounds the forms that several unions of one value multiply to.
const maxForms = 64

// shape returns the shape of a view.
func (l *lowering) shape(w view, settled decisions) *shape {
	key := w.key()
	for _, owner := range settled.owners {
		key += fmt.Sprintf(" %p", owner)
	}
	if s := l.memo[key]; s != nil {
		return s
	}
	s := &shape{view: w, about: w.description()}
	l.memo[key] = s
	if len(l.memo) > maxShapes {
		l.asText(s, "the schema has too many combinations")
		return s
	}
	l.fill(s, w, settled)
	return s
}

func (l *lowering) fill(s *shape, w view, settled decisions) {
	if w.never() {
		s.kind = neverShape
		return
	}
	if values, ok := w.values(); ok {
		l.fillEnum(s, w, values)
		return
	}
	if l.fillUnion(s, &w, &settled) {
		return
	}
	s.view = w
	l.dropConditions(s, w)
	types, restricted := w.types()
	if !restricted {
		if types = impliedTypes(w); len(types) == 0 {
			l.fillAny(s)
			return
		}
		l.note("assume type", Narrowing, w, "the schema leaves the type open, its keywords do not")
	}
	types = withoutInteger(types)
	var scalars, containers []string
	for _, t := range types {
		if t == "object" || t == "array" {
			containers = append(containers, t)
		} else {
			scalars = append(scalars, t)
		}
	}
	switch {
	case len(types) == 0:
		s.kind = neverShape
	case len(types) == len(allTypes)-1 && w.freeOfContent():
		l.fillAny(s)
	case len(containers) == 0:
		l.fillScalar(s, w, scalars)
	case len(types) == 1:
		l.fillContainer(s, w, types[0])
	default:
		s.kind = unionShape
		if len(scalars) > 0 {
			c := &shape{view: w, about: s.about}
			l.fillScalar(c, w, scalars)
			s.choices = append(s.choices, c)
		}
		for _, t := range containers {
			c := &shape{view: w, about: s.about}
			l.fillContainer(c, w, t)
			s.choices = append(s.choices, c)
		}
	}
}

func (l *lowering) fillContainer(s *shape, w view, typ string) {
	if typ == "object" {
		l.fillObject(s, w)
		return
	}
	l.fillList(s, w)
}

// withoutInteger drops "integer" where "number" is allowed too.
func withoutInteger(types []string) []string {
	types = slices.Clone(types)
	if slices.Contains(types, "number") {
		types = slices.DeleteFunc(types, func(t string) bool { return t == "integer" })
	}
	return types
}

// freeOfContent tells whether nothing is said about the content of containers.
func (w view) freeOfContent() bool { return len(impliedTypes(w)) == 0 }

// impliedTypes returns the types that a view's keywords speak of.
func impliedTypes(w view) []string {
	var types []string
	add := func(t string) {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	for _, s := range w {
		if len(s.Properties)+len(s.Required)+len(s.PatternProperties) > 0 || s.AdditionalProperties != nil ||
			s.MinProperties != nil || s.MaxProperties != nil || s.PropertyNames != nil {
			add("object")
		}
		if s.Items != nil || s.Items2020 != nil || len(s.PrefixItems) > 0 || s.MinItems != nil || s.MaxItems != nil || s.UniqueItems {
			add("array")
		}
		if s.Pattern != nil || s.Format != nil || s.MinLength != nil || s.MaxLength != nil {
			add("string")
		}
		if s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
			add("number")
		}
	}
	return types
}

// fillAny asks for anything: as it is where the profile takes open schemas,
// else as JSON text.
func (l *lowering) fillAny(s *shape) {
	if l.profile.OpenObjects {
		s.kind = anyShape
		return
	}
	l.asText(s, "the back-end takes no schema that allows everything")
}

func (l *lowering) asText(s *shape, reason string) {
	l.note("JSON as text", Reshaping, s.view, reason)
	*s = shape{kind: textShape, view: s.view, about: s.about}
}

// fillEnum keeps the values that the whole view accepts; once a pattern takes
// too long to say, all that are left.
func (l *lowering) fillEnum(s *shape, w view, values []any) {
	known := true
	values = slices.DeleteFunc(slices.Clone(values), func(v any) bool {
		ok := !known
		if known {
			ok, known = w.judge(v)
		}
		return !ok && known
	})
	if len(values) == 0 {
		s.kind = neverShape
		return
	}
	s.kind = leafShape
	for _, v := range values {
		t := typeName(v)
		if t == "object" || t == "array" {
			s.kind = enumText
		}
		if !slices.Contains(s.types, t) {
			s.types = append(s.types, t)
		}
	}
	if s.types = withoutInteger(s.types); s.kind == enumText {
		l.note("enum as text", Reshaping, w, "the back-end takes only scalars in enum")
	}
	if l.profile.MaxEnum > 0 && len(values) > l.profile.MaxEnum {
		l.note("drop enum", Widening, w, "the enum has too many values")
		if s.kind == enumText {
			s.kind = textShape
		}
		return
	}
	s.values = values
}

// maxProduct bounds branches times members when a union is multiplied out.
const maxProduct = 600

// fillUnion multiplies the view's first union out into a union of whole
// shapes. It reports false, with the view narrowed by unions that had only one
// possible branch, when there is none left to multiply out.
func (l *lowering) fillUnion(s *shape, w *view, settled *decisions) bool {
	names := len(w.names(l.schema.order))
	for _, c := range choices(*w) {
		if slices.Contains(settled.owners, c.owner) || !c.union {
			continue
		}
		var possible []view
		for _, option := range c.options {
			wider := *w
			for _, sub := range option.add {
				wider = wider.with(sub)
			}
			if !impossible(wider) {
				possible = append(possible, wider)
			}
		}
		if c.exclusive {
			l.note("oneOf to anyOf", Widening, *w, "the back-end cannot exclude that two forms match")
		}
		settled.owners = append(slices.Clone(settled.owners), c.owner)
		forms := max(settled.forms, 1) * len(possible)
		switch {
		case len(possible) == 0:
			s.kind = neverShape
			return true
		case len(possible) == 1:
			*w = possible[0]
			continue
		case forms > maxForms && settled.forms > 1, forms*(1+names) > maxProduct*max(settled.forms, 1):
			l.note("drop union", Widening, *w, "multiplied out it would be too large")
			s.words = append(s.words, c.words())
			continue
		}
		s.kind = unionShape
		next := decisions{settled.owners, forms}
		for _, p := range possible {
			child := l.shape(p, next)
			if child.kind != neverShape && !slices.Contains(s.choices, child) {
				s.choices = append(s.choices, child)
			}
		}
		return true
	}
	return false
}

// impossible tells whether a view obviously accepts nothing.
func impossible(w view) bool {
	types, _ := w.types()
	if w.never() || len(types) == 0 {
		return true
	}
	values, restricted := w.values()
	return restricted && len(values) == 0
}

// words describes a union that is not written out.
func (c choice) words() string {
	var forms []string
	for _, o := range c.options {
		for _, s := range o.add {
			if len(s.Required) > 0 {
				forms = append(forms, strings.Join(s.Required, " and "))
			}
		}
	}
	if len(forms) == len(c.options) {
		return "needs " + strings.Join(forms, ", or ")
	}
	return fmt.Sprintf("takes one of %d forms", len(c.options))
}

// dropConditions notes what no profile takes.
func (l *lowering) dropConditions(s *shape, w view) {
	for _, sub := range w {
		if sub.Not != nil {
			l.note("drop not", Widening, w, "the back-end has no exclusions")
		}
		if sub.If != nil {
			l.note("drop if", Widening, w, "the back-end has no conditions")
		}
		for _, name := range sortedKeys(sub.DependentRequired) {
			s.words = append(s.words, fmt.Sprintf("with %s comes %s", name, strings.Join(sub.DependentRequired[name], ", ")))
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
		for _, name := range sortedKeys(sub.Dependencies) {
			if list, ok := sub.Dependencies[name].([]string); ok {
				s.words = append(s.words, fmt.Sprintf("with %s comes %s", name, strings.Join(list, ", ")))
			}
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
		if len(sub.DependentSchemas) > 0 {
			l.note("drop dependency", Widening, w, "the back-end has no dependencies")
		}
	}
}
