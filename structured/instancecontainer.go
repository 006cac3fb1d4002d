package structured

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// object makes the required members, the optional ones while there is room,
// and as many more as minProperties asks for.
func (m *maker) object(w view, p place, state *decided, try int) (any, bool) {
	obj := map[string]any{}
	required := w.required()
	size := w.size()
	optional := m.roomy(p) && try != 1
	names := w.names(m.order)
	for _, name := range required {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		must := slices.Contains(required, name)
		if slices.Contains(state.avoid, name) {
			if must {
				return nil, false
			}
			continue
		}
		if !must && (!optional || len(obj) >= max(size.low, 12) || try == 2 && m.rng.IntN(2) == 0) && !m.hints.speaksOf(name) {
			continue
		}
		if !must && size.high >= 0 && len(obj)+m.stillRequired(required, obj) >= size.high {
			continue
		}
		if !m.put(obj, w, name, p) && must {
			return nil, false
		}
	}
	if !m.dependents(obj, w, p) || !m.witnesses(obj, w, p, state) {
		return nil, false
	}
	return obj, m.fill(obj, w, p, size, state)
}

func (m *maker) stillRequired(required []string, obj map[string]any) int {
	n := 0
	for _, name := range required {
		if _, ok := obj[name]; !ok {
			n++
		}
	}
	return n
}

// put makes one member.
func (m *maker) put(obj map[string]any, w view, name string, p place) bool {
	if _, ok := obj[name]; ok {
		return true
	}
	child, _ := w.member(name)
	v, ok := m.make(child, p.member(name))
	if ok {
		obj[name] = v
	}
	return ok
}

// dependents adds the members that those present require.
func (m *maker) dependents(obj map[string]any, w view, p place) bool {
	for range 8 {
		before := len(obj)
		for _, s := range w {
			for _, name := range sortedKeys(s.DependentRequired) {
				if _, there := obj[name]; there && !m.putAll(obj, w, s.DependentRequired[name], p) {
					return false
				}
			}
			for _, name := range sortedKeys(s.Dependencies) {
				list, ok := s.Dependencies[name].([]string)
				if _, there := obj[name]; ok && there && !m.putAll(obj, w, list, p) {
					return false
				}
			}
		}
		if len(obj) == before {
			return true
		}
	}
	return true
}

func (m *maker) putAll(obj map[string]any, w view, names []string, p place) bool {
	for _, name := range names {
		if !m.put(obj, w, name, p) {
			return false
		}
	}
	return true
}

// witnesses adds what exclusions ask for: "not all members that match are other
// than x" means that some member matches and is x. One name may be the witness
// of several, and must be where few members are allowed.
func (m *maker) witnesses(obj map[string]any, w view, p place, state *decided) bool {
	var names []jsonschema.Regexp
	for _, s := range w {
		if s.Not == nil {
			continue
		}
		for _, excluded := range viewOf(s.Not) {
			for _, pattern := range sortedPatterns(excluded.PatternProperties) {
				sub := excluded.PatternProperties[pattern]
				if viewOf(sub).never() {
					names = append(names, pattern) // whatever its value
					continue
				}
				if !m.witness(obj, w, []jsonschema.Regexp{pattern}, sub, p, state) {
					return false
				}
			}
			if n := excluded.PropertyNames; n != nil && n.Not != nil && n.Not.Pattern != nil {
				names = append(names, n.Not.Pattern)
			}
		}
	}
	names = slices.DeleteFunc(names, func(pattern jsonschema.Regexp) bool { return hasMember(obj, pattern) })
	if len(names) > 1 && m.witness(obj, w, names, nil, p, state) {
		return true
	}
	for _, pattern := range names {
		if !hasMember(obj, pattern) && !m.witness(obj, w, []jsonschema.Regexp{pattern}, nil, p, state) {
			return false
		}
	}
	return true
}

func hasMember(obj map[string]any, pattern jsonschema.Regexp) bool {
	for name := range obj {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}

// witness adds one member whose name matches the patterns and whose value a
// subschema refuses, if there is one.
func (m *maker) witness(obj map[string]any, w view, patterns []jsonschema.Regexp, refused *jsonschema.Schema, p place, state *decided) bool {
	for try := range 16 {
		if m.budget -= 8; m.budget < 0 {
			return false
		}
		name, ok := m.nameLike(w, patterns, try)
		if _, taken := obj[name]; !ok || taken || slices.Contains(state.avoid, name) {
			continue
		}
		child, _ := w.member(name)
		if refused != nil && refused.Not != nil && onlyExcludes(refused) {
			child = child.with(refused.Not)
		}
		if types := impliedTypes(viewOf(refused)); m.plain && len(types) > 0 {
			child = child.with(typed(types[try%len(types)])) // what it says nothing about, it does not refuse
		}
		v, ok := m.make(child, p.member(name))
		if ok && (refused == nil || !accepts(refused, v)) {
			obj[name] = v
			return true
		}
	}
	return false
}

// nameLike makes a name that matches every pattern and what propertyNames asks
// for: a string of each pattern is laid over the name so far, or put between its
// letters, at a place where what held before still holds.
func (m *maker) nameLike(w view, patterns []jsonschema.Regexp, try int) (string, bool) {
	var rules view
	for _, s := range w {
		if s.PropertyNames != nil {
			rules = rules.with(s.PropertyNames)
		}
		if closed := s.AdditionalProperties == false; closed && len(s.PatternProperties) == 1 && len(s.Properties) == 0 {
			patterns = append(patterns[:len(patterns):len(patterns)], sortedPatterns(s.PatternProperties)...)
		}
	}
	name, ok := m.fromPattern(patterns[0], span{0, -1}, try)
	if !ok {
		return "", false
	}
	if len(rules.stringPatterns()) > 0 {
		if name, ok = m.overRules(rules, patterns[0], name, len(patterns), try); !ok {
			return "", false
		}
	}
	for i, pattern := range patterns {
		if name, ok = m.lay(rules, patterns[:i], pattern, name, try); !ok {
			return "", false
		}
	}
	if try > 0 && len(patterns) == 1 {
		if longer := name + string(rune('a'+m.rng.IntN(26))); matches(patterns[0], longer) && rules.accepts(longer) {
			return longer, true
		}
	}
	return name, rules.accepts(name)
}

// overRules lays a part over a string of the names' own patterns that has room
// for parts of its length.
func (m *maker) overRules(rules view, pattern jsonschema.Regexp, part string, parts, try int) (string, bool) {
	name := part
	for _, rule := range rules.stringPatterns() {
		whole, ok := m.fromPattern(rule, span{len(name) * parts, -1}, try)
		if !ok || len(whole) < len(name) {
			return "", false
		}
		at := m.rng.IntN(len(whole) - len(name) + 1)
		name = whole[:at] + name + whole[at+len(name):]
	}
	return name, true
}

// lay makes the name match one more pattern without losing those before.
func (m *maker) lay(rules view, before []jsonschema.Regexp, pattern jsonschema.Regexp, name string, try int) (string, bool) {
	holds := func(s string) bool {
		return matches(pattern, s) && rules.accepts(s) &&
			!slices.ContainsFunc(before, func(b jsonschema.Regexp) bool { return !matches(b, s) })
	}
	for round := range 48 {
		if holds(name) {
			return name, true
		}
		part, ok := m.fromPattern(pattern, span{0, -1}, try+round)
		if !ok {
			continue
		}
		at, over := m.rng.IntN(len(name)+1), 0
		if len(part) <= len(name) && round%2 == 0 {
			at, over = m.rng.IntN(len(name)-len(part)+1), len(part)
		}
		if laid := name[:at] + part + name[at+over:]; holds(laid) {
			return laid, true
		}
	}
	return "", false
}

// fill adds members until minProperties is reached, and shows one member of a
// map that would otherwise be empty.
func (m *maker) fill(obj map[string]any, w view, p place, size span, state *decided) bool {
	want := size.low
	if len(obj) == 0 && m.roomy(p) && m.isMap(w) && size.high != 0 {
		want = max(want, 1)
	}
	for _, name := range w.names(m.order) {
		if len(obj) < want && !slices.Contains(state.avoid, name) {
			m.put(obj, w, name, p)
		}
	}
	for try := 0; len(obj) < want && try < 4*want+24; try++ {
		if m.budget--; m.budget < 0 {
			return false
		}
		name, ok := m.freshName(w, try)
		if !ok || slices.Contains(state.avoid, name) {
			continue
		}
		m.put(obj, w, name, p)
	}
	return len(obj) >= size.low
}

// isMap tells whether members of free names have a schema of their own.
func (m *maker) isMap(w view) bool {
	for _, s := range w {
		if _, ok := s.AdditionalProperties.(*jsonschema.Schema); ok || len(s.PatternProperties) > 0 {
			return true
		}
	}
	return false
}

// freshName makes a name that propertyNames allows, from the patterns of
// patternProperties in turn, or a plain word.
func (m *maker) freshName(w view, try int) (string, bool) {
	var rules view
	for _, s := range w {
		if s.PropertyNames != nil {
			rules = rules.with(s.PropertyNames)
		}
	}
	if patterns := w.patterns(); len(patterns) > 0 && try%(len(patterns)+1) < len(patterns) {
		pattern := patterns[try%(len(patterns)+1)].pattern
		name, ok := m.fromPattern(pattern, span{0, -1}, try)
		// A pattern without an end leaves room to make the name new.
		if longer := name + string(rune('a'+m.rng.IntN(26))); ok && try > 0 && matches(pattern, longer) && rules.accepts(longer) {
			return longer, true
		}
		return name, ok && rules.accepts(name)
	}
	if len(rules) > 0 {
		v, ok := m.solve(rules.with(stringSchema), place{fresh: true, depth: 8}, nil)
		name, isString := v.(string)
		return name, ok && isString
	}
	m.serial++
	return fmt.Sprintf("%s%d", [...]string{"key", "item", "entry"}[m.serial%3], m.serial), true
}

var stringSchema = typed("string")

// typed is the schema of a type.
func typed(name string) *jsonschema.Schema {
	types := new(jsonschema.Types)
	types.Add(name)
	return &jsonschema.Schema{DraftVersion: 2020, Location: name, Types: types}
}

// array makes the tuple's items and as many more as the counts ask for.
func (m *maker) array(w view, p place, try int) (any, bool) {
	count := w.count()
	want := count.low
	if m.roomy(p) && try != 1 {
		want = max(want, w.tuple(), 1+m.rng.IntN(2))
	}
	contained, need := w.contains()
	want = max(want, need)
	if count.high >= 0 {
		want = min(want, count.high)
	}
	if want > m.budget {
		return nil, false
	}
	list := []any{}
	unique := w.unique()
	for i := 0; i < want; i++ {
		child := w.item(i)
		if i >= want-need || i < need && w.tuple() == 0 {
			child = append(child[:len(child):len(child)], contained...)
		}
		v, ok := m.distinct(child, place{name: strings.TrimSuffix(p.name, "s"), depth: p.depth + 1, fresh: unique || i > 0}, list, unique)
		if !ok {
			if i >= count.low {
				break
			}
			return nil, false
		}
		list = append(list, v)
	}
	return list, len(list) >= count.low
}

// distinct makes an item that differs from those before if it has to.
func (m *maker) distinct(w view, p place, others []any, unique bool) (any, bool) {
	for range 24 {
		v, ok := m.make(w, p)
		if !ok {
			return nil, false
		}
		if !unique || !slices.ContainsFunc(others, func(o any) bool { return equalValues(o, v) }) {
			return v, true
		}
		m.budget--
	}
	// Few values may be left, as with an enum: go through them.
	if values, ok := w.values(); ok {
		for _, v := range values {
			if !slices.ContainsFunc(others, func(o any) bool { return equalValues(o, v) }) && m.accepts(w, v) {
				return cloneValue(v), true
			}
		}
	}
	return nil, false
}

// contains returns what some items must be, and how many.
func (w view) contains() (view, int) {
	var rules view
	need := 0
	for _, s := range w {
		if s.Contains == nil {
			continue
		}
		n := 1
		if s.MinContains != nil {
			n = *s.MinContains
		}
		rules = rules.with(s.Contains)
		need = max(need, n)
	}
	return rules, need
}
