package structured

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ErrNoInstance tells that no valid value was found within the search's bound.
// The schema may be unsatisfiable, which no bounded search can prove.
var ErrNoInstance = errors.New("no value was found that satisfies the schema")

// Instance makes a value that is valid under the schema: the same hints and
// seed give the same value. Members take their values from the hints where one
// fits, then from the schema's own examples and defaults, then from the seed.
//
// The search through unions, conditions and exclusions is bounded, so it may
// return ErrNoInstance for a schema that has instances; the value it does
// return has been validated. Safe for concurrent use.
func (s *Schema) Instance(hints Hints, seed uint64) (any, error) {
	const attempts = 12
	for attempt := range uint64(attempts) {
		m := maker{
			order:  s.order,
			rng:    rand.New(rand.NewPCG(seed, attempt)),
			hints:  hints.fresh(),
			budget: 4_000 << min(attempt/3, 3),
			sparse: attempt%2 == 1,
			plain:  attempt >= 4,
		}
		if attempt >= 8 {
			m.hints = Hints{}
		}
		v, ok := m.make(s.rules, place{})
		if ok && len(s.Validate(v)) == 0 {
			return v, nil
		}
	}
	return nil, ErrNoInstance
}

// maker searches for a value that a view accepts.
type maker struct {
	order  map[string][]string
	rng    *rand.Rand
	hints  Hints
	budget int
	sparse bool // leave optional members out
	plain  bool // do not use examples and defaults
	serial int  // makes repeated values differ
}

// place is where in the whole value a part is made.
type place struct {
	name  string // of the nearest member
	depth int
	fresh bool // must differ from its siblings
}

func (p place) member(name string) place { return place{name: name, depth: p.depth + 1} }

// maxInstanceDepth ends a search that only goes deeper.
const maxInstanceDepth = 48

// roomy tells whether optional parts are still worth making here.
func (m *maker) roomy(p place) bool { return !m.sparse && p.depth < 5 && m.budget > 0 }

// make returns a value that the view accepts.
func (m *maker) make(w view, p place) (any, bool) {
	if w.never() || p.depth > maxInstanceDepth {
		return nil, false
	}
	if v, ok := m.given(w, p); ok {
		return v, true
	}
	return m.solve(w, p, nil)
}

// given tries the schema's own examples and defaults.
func (m *maker) given(w view, p place) (any, bool) {
	if m.plain || m.hints.speaksOf(p.name) {
		return nil, false
	}
	for _, s := range w {
		candidates := slices.Clone(s.Examples)
		if s.Default != nil {
			candidates = append(candidates, *s.Default)
		}
		for _, v := range candidates {
			if !p.fresh && !empty(v) && w.accepts(v) {
				return cloneValue(v), true
			}
		}
	}
	return nil, false
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// alternative is one way to decide an open choice of a view: more subschemas
// that apply, and names that must stay out.
type alternative struct {
	add   []*jsonschema.Schema
	avoid string
}

// choice is an open decision of a view; owner keeps it from being taken twice.
type choice struct {
	owner     any
	options   []alternative
	union     bool // anyOf or oneOf
	exclusive bool // oneOf
}

// choices lists what a view leaves open: unions, conditions, dependencies.
func choices(w view) []choice {
	var list []choice
	for _, s := range w {
		if len(s.AnyOf) > 0 {
			list = append(list, choice{&s.AnyOf[0], branches(s.AnyOf), true, false})
		}
		if len(s.OneOf) > 0 {
			list = append(list, choice{&s.OneOf[0], branches(s.OneOf), true, true})
		}
		if s.If != nil {
			yes := alternative{add: []*jsonschema.Schema{s.If}}
			if s.Then != nil {
				yes.add = append(yes.add, s.Then)
			}
			var no alternative
			if s.Else != nil {
				no.add = append(no.add, s.Else)
			}
			list = append(list, choice{owner: &s.If, options: []alternative{yes, no}})
		}
		for _, name := range sortedKeys(s.DependentSchemas) {
			list = append(list, dependent(s, name, s.DependentSchemas[name]))
		}
		for _, name := range sortedKeys(s.Dependencies) {
			if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
				list = append(list, dependent(s, name, sub))
			}
		}
	}
	return list
}

func branches(list []*jsonschema.Schema) []alternative {
	options := make([]alternative, len(list))
	for i, s := range list {
		options[i].add = []*jsonschema.Schema{s}
	}
	return options
}

func dependent(s *jsonschema.Schema, name string, sub *jsonschema.Schema) choice {
	type id struct {
		s    *jsonschema.Schema
		name string
	}
	return choice{owner: id{s, name}, options: []alternative{{add: []*jsonschema.Schema{sub}}, {avoid: name}}}
}

// decided is what a search has settled about one value so far.
type decided struct {
	owners []any
	avoid  []string
}

// solve settles the first open choice in every possible way until a value is
// found, then makes the value by type.
func (m *maker) solve(w view, p place, state *decided) (any, bool) {
	if m.budget--; m.budget < 0 {
		return nil, false
	}
	if state == nil {
		state = &decided{}
	}
	if w.never() {
		return nil, false
	}
	for _, c := range choices(w) {
		if slices.Contains(state.owners, c.owner) {
			continue
		}
		for _, option := range m.ranked(c.options, p) {
			next := &decided{
				owners: append(slices.Clone(state.owners), c.owner),
				avoid:  slices.Clone(state.avoid),
			}
			if option.avoid != "" {
				next.avoid = append(next.avoid, option.avoid)
			}
			wider := w
			for _, s := range option.add {
				wider = wider.with(s)
			}
			if v, ok := m.solve(wider, p, next); ok && w.accepts(v) {
				return v, true
			}
			if m.budget < 0 {
				return nil, false
			}
		}
		return nil, false
	}
	return m.byType(w, p, state)
}

// ranked orders the ways of a choice: a hint's favourite first, simple ones
// when deep, otherwise by the seed but with the first way most likely first.
func (m *maker) ranked(options []alternative, p place) []alternative {
	options = slices.Clone(options)
	if p.depth > 6 {
		slices.SortStableFunc(options, func(a, b alternative) int { return weight(a) - weight(b) })
		return options
	}
	if len(options) > 1 && m.rng.IntN(3) == 0 {
		i := m.rng.IntN(len(options))
		options[0], options[i] = options[i], options[0]
	}
	return options
}

// weight guesses how deep the smallest value of an alternative is.
func weight(a alternative) int {
	n := 0
	for _, s := range viewOf(a.add...) {
		n += 4*len(s.Required) + len(s.AnyOf) + len(s.OneOf)
		if s.Types != nil {
			for _, t := range s.Types.ToStrings() {
				if t == "object" || t == "array" {
					n += 2
				}
			}
		}
	}
	return n
}

// byType makes a value when no choice is open any more.
func (m *maker) byType(w view, p place, state *decided) (any, bool) {
	if values, ok := w.values(); ok {
		return m.pick(values, w, p)
	}
	for _, typ := range m.rankedTypes(w, p) {
		tries := 3
		if len(w) > 1 || typ == "string" {
			tries = 6
		}
		if typ != "string" && len(w.required()) < 8 && slices.ContainsFunc(w, func(s *jsonschema.Schema) bool { return s.Not != nil || len(s.OneOf) > 0 }) {
			tries = 16 // what must not match is avoided by chance
		}
		for try := range tries {
			if m.budget--; m.budget < 0 {
				return nil, false
			}
			v, ok := m.ofType(typ, w, p, state, try)
			if ok && w.accepts(v) {
				return v, true
			}
			if ok {
				m.budget -= countValues(v) // checking costs as much as making
			}
			if !ok && typ != "object" && typ != "array" {
				break
			}
		}
	}
	return nil, false
}

// pick chooses among the values of enum and const, one that the prompt
// mentions if there is one.
func (m *maker) pick(values []any, w view, p place) (any, bool) {
	if len(values) == 0 {
		return nil, false
	}
	start := 0
	if i, ok := m.hints.mentions(p.name, values); ok {
		start = i
	} else {
		start = m.rng.IntN(len(values))
	}
	for i := range values {
		v := values[(start+i)%len(values)]
		if m.budget--; m.budget < 0 {
			return nil, false
		}
		if w.accepts(v) {
			return cloneValue(v), true
		}
	}
	return nil, false
}

// rankedTypes orders the types to try: what the keywords speak of first.
func (m *maker) rankedTypes(w view, p place) []string {
	types, restricted := w.types()
	types = withoutInteger(types)
	score := func(t string) int {
		n := 0
		switch t {
		case "object":
			for _, s := range w {
				if len(s.Properties)+len(s.Required)+len(s.PatternProperties) > 0 || s.MinProperties != nil {
					n -= 4
				}
			}
			if n == 0 {
				n = 3
			}
		case "array":
			for _, s := range w {
				if s.Items != nil || s.Items2020 != nil || s.PrefixItems != nil || s.MinItems != nil || s.Contains != nil {
					n -= 4
				}
			}
			if n == 0 {
				n = 2
			}
		case "string":
			if len(w.formats()) > 0 || len(w.stringPatterns()) > 0 {
				n = -3
			} else if !restricted {
				n = -1
			}
		case "integer", "number":
			if low, high := w.numberRange(); low.value != nil || high.value != nil || len(w.multiples()) > 0 {
				n = -2
			} else if t == "number" && !restricted {
				n = 1
			}
		case "null":
			n = 5
		}
		if p.depth > 6 && (t == "object" || t == "array") {
			n += 8
		}
		return n
	}
	slices.SortStableFunc(types, func(a, b string) int { return score(a) - score(b) })
	return types
}

func (m *maker) ofType(typ string, w view, p place, state *decided, try int) (any, bool) {
	switch typ {
	case "object":
		return m.object(w, p, state, try)
	case "array":
		return m.array(w, p, try)
	case "string":
		return m.text(w, p, try)
	case "integer":
		return m.number(w, p, true, try)
	case "number":
		return m.number(w, p, false, try)
	case "boolean":
		return m.boolean(p, try), true
	}
	return nil, true
}

func (m *maker) boolean(p place, try int) bool {
	if v, ok := m.hints.boolean(p.name); ok && try == 0 {
		return v
	}
	return m.rng.IntN(2) == 0 != (try%2 == 1)
}

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
// than x" means that some member matches and is x.
func (m *maker) witnesses(obj map[string]any, w view, p place, state *decided) bool {
	for _, s := range w {
		if s.Not == nil {
			continue
		}
		for _, excluded := range viewOf(s.Not) {
			for _, pattern := range sortedPatterns(excluded.PatternProperties) {
				sub := excluded.PatternProperties[pattern]
				if !m.witness(obj, w, pattern, sub, p, state) {
					return false
				}
			}
			if n := excluded.PropertyNames; n != nil && n.Not != nil && n.Not.Pattern != nil {
				if !m.witness(obj, w, n.Not.Pattern, nil, p, state) {
					return false
				}
			}
		}
	}
	return true
}

// witness adds one member whose name matches a pattern and whose value a
// subschema refuses, if there is one.
func (m *maker) witness(obj map[string]any, w view, pattern jsonschema.Regexp, refused *jsonschema.Schema, p place, state *decided) bool {
	for try := range 16 {
		if m.budget -= 8; m.budget < 0 {
			return false
		}
		name, ok := m.nameLike(w, pattern, try)
		if _, taken := obj[name]; !ok || taken || slices.Contains(state.avoid, name) {
			continue
		}
		child, _ := w.member(name)
		if refused != nil && refused.Not != nil && onlyExcludes(refused) {
			child = child.with(refused.Not)
		}
		v, ok := m.make(child, p.member(name))
		if ok && (refused == nil || !accepts(refused, v)) {
			obj[name] = v
			return true
		}
	}
	return false
}

// nameLike makes a name that matches a pattern and what propertyNames asks
// for, by laying a string of the one over a string of the other.
func (m *maker) nameLike(w view, pattern jsonschema.Regexp, try int) (string, bool) {
	part, ok := m.fromPattern(pattern, span{0, -1}, try)
	if !ok {
		return "", false
	}
	var rules view
	for _, s := range w {
		if s.PropertyNames != nil {
			rules = rules.with(s.PropertyNames)
		}
	}
	for _, rule := range rules.stringPatterns() {
		whole, ok := m.fromPattern(rule, span{len(part), -1}, try)
		if !ok || len(whole) < len(part) {
			return "", false
		}
		at := m.rng.IntN(len(whole) - len(part) + 1)
		part = whole[:at] + part + whole[at+len(part):]
	}
	if try > 0 {
		if longer := part + string(rune('a'+m.rng.IntN(26))); matches(pattern, longer) && rules.accepts(longer) {
			return longer, true
		}
	}
	return part, matches(pattern, part) && rules.accepts(part)
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

var stringSchema = func() *jsonschema.Schema {
	types := new(jsonschema.Types)
	types.Add("string")
	return &jsonschema.Schema{DraftVersion: 2020, Location: "string", Types: types}
}()

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
			if !slices.ContainsFunc(others, func(o any) bool { return equalValues(o, v) }) && w.accepts(v) {
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
