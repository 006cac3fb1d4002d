package structured

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fillList makes an array.
func (l *lowering) fillList(s *shape, w view) {
	s.kind = listShape
	n := w.tuple()
	rest := w.item(n)
	if n > 0 {
		for i := range n {
			s.tuple = append(s.tuple, l.shape(w.item(i), decisions{}))
		}
		l.note("tuple to list", Widening, w, "the back-end has one schema for all items")
		s.words = append(s.words, fmt.Sprintf("the first %d items have forms of their own, in this order", n))
	}
	if !rest.never() && (n == 0 || len(rest) > 0) {
		s.item = l.shape(rest, decisions{})
	}
	count := w.count()
	switch {
	case l.profile.Counts:
		if count.low > 0 {
			s.counts = append(s.counts, field{"minItems", count.low})
		}
		if count.high >= 0 {
			s.counts = append(s.counts, field{"maxItems", count.high})
		}
	default:
		if count.low > 0 {
			s.counts = append(s.counts, field{"minItems", 1})
		}
		if count.low > 1 {
			l.say(s, w, "minItems", fmt.Sprintf("at least %d items", count.low))
		}
		if count.high >= 0 {
			l.say(s, w, "maxItems", fmt.Sprintf("at most %d items", count.high))
		}
	}
	if w.unique() {
		l.say(s, w, "uniqueItems", "no item twice")
	}
	if _, need := w.contains(); need > 0 {
		l.note("drop contains", Widening, w, "the back-end does not take contains")
	}
}

// fillObject makes an object, or a mapping where all names are free.
func (l *lowering) fillObject(s *shape, w view) {
	s.kind = objectShape
	required := w.required()
	names := w.names(l.schema.order)
	for _, name := range required {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	aliases := map[string]bool{}
	for _, name := range names {
		child, _ := w.member(name)
		c := l.shape(child, decisions{})
		must := slices.Contains(required, name)
		if c.kind == neverShape && !must {
			continue
		}
		s.members = append(s.members, member{name: name, alias: l.alias(name, aliases, w), child: c, required: must})
	}
	l.fillOthers(s, w, aliases)
	if size := w.size(); size.low > 0 || size.high >= 0 {
		l.note("drop member counts", Widening, w, "the back-end does not take minProperties and maxProperties")
		if size.low > 0 {
			s.words = append(s.words, fmt.Sprintf("at least %d members", size.low))
		}
		if size.high >= 0 {
			s.words = append(s.words, fmt.Sprintf("at most %d members", size.high))
		}
	}
}

// alias returns the name a member has in the lowered schema.
func (l *lowering) alias(name string, taken map[string]bool, w view) string {
	alias := name
	if l.profile.PlainNames && !isPlainName(name) {
		alias = strings.Map(func(c rune) rune {
			if isPlainName(string(c)) {
				return c
			}
			return '_'
		}, name)
		alias = alias[:min(len(alias), 48)]
		if alias == "" {
			alias = "_"
		}
		l.note("rename member", Reshaping, w, "the back-end restricts member names")
	}
	for i := 2; taken[alias]; i++ {
		alias = fmt.Sprintf("%s_%d", strings.TrimSuffix(alias, fmt.Sprintf("_%d", i-1)), i)
	}
	taken[alias] = true
	return alias
}

func isPlainName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// fillOthers deals with members whose names the schema does not list.
func (l *lowering) fillOthers(s *shape, w view, aliases map[string]bool) {
	kinds, key, free := l.others(w)
	switch {
	case l.profile.OpenObjects:
		s.open = free || len(kinds) > 0
		if len(kinds) > 0 && !free {
			s.item = l.anyOf(kinds, w)
		}
	case len(kinds) > 0:
		if free {
			l.note("close object", Narrowing, w, "the back-end takes only closed objects")
		}
		value := l.anyOf(kinds, w)
		if value.kind == neverShape {
			return
		}
		entries := &shape{kind: mappingShape, view: w, leaf: key, item: value}
		l.note("map to list of key and value", Reshaping, w, "the back-end takes no members of free names")
		if len(s.members) == 0 {
			entries.about = s.about
			*s = *entries
			return
		}
		s.members = append(s.members, member{alias: l.alias("other_members", aliases, w), child: entries, spill: true})
	case free && len(s.members) == 0:
		l.asText(s, "the back-end takes no object of free members")
	case free:
		l.note("close object", Narrowing, w, "the back-end takes only closed objects")
	}
}

// others returns what members of unlisted names must be: one view for each
// kind, the schema of their names, and whether they are free altogether.
func (l *lowering) others(w view) (kinds []view, key object, free bool) {
	patterns := w.patterns()
	closed := w.closed()
	for _, p := range patterns {
		kind := viewOf(p.schema)
		// The other subschemas of the view may have something to say too, but
		// only a name can tell; validation afterwards does.
		if !kind.never() {
			kinds = append(kinds, kind)
		}
	}
	additional := view{}
	for _, sub := range w {
		if a, ok := sub.AdditionalProperties.(*jsonschema.Schema); ok {
			additional = additional.with(a)
		}
		if sub.UnevaluatedProperties != nil {
			additional = additional.with(sub.UnevaluatedProperties)
		}
	}
	switch {
	case closed:
	case len(additional) > 0 && !additional.free():
		kinds = append(kinds, additional)
	default:
		free = true
	}
	key = object{{"type", "string"}}
	if closed && len(patterns) == 1 && l.takesPattern(patterns[0].pattern) {
		key = append(key, field{"pattern", patterns[0].pattern.String()})
	}
	if free && allFree(kinds) {
		kinds = nil
	}
	return kinds, key, free
}

func allFree(kinds []view) bool {
	return !slices.ContainsFunc(kinds, func(w view) bool { return !w.free() })
}

// anyOf returns the union of several views, or the one there is.
func (l *lowering) anyOf(kinds []view, w view) *shape {
	var list []*shape
	for _, k := range kinds {
		if c := l.shape(k, decisions{}); c.kind != neverShape && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	switch len(list) {
	case 0:
		return &shape{kind: neverShape, view: w}
	case 1:
		return list[0]
	}
	return &shape{kind: unionShape, choices: list}
}
