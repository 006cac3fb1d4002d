package structured

import (
	"errors"
	"math/rand/v2"
	"slices"

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
			if !p.fresh && !empty(v) && m.accepts(w, v) {
				return cloneValue(v), true
			}
		}
	}
	return nil, false
}

// slowPattern is what a pattern that takes too long costs of the budget: a
// search has a few of them.
const slowPattern = 16_000

func (m *maker) accepts(w view, v any) bool {
	ok, known := w.judge(v)
	if !known {
		m.budget -= slowPattern
	}
	return ok
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
			if c.exclusive && m.plain {
				wider = wider.without(c.options, option.add[0])
			}
			if v, ok := m.solve(wider, p, next); ok && m.accepts(w, v) {
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

// without returns w and that the other ways of an exclusive choice are refused,
// so that the search looks for what refuses them.
func (w view) without(options []alternative, chosen *jsonschema.Schema) view {
	for _, o := range options {
		if other := o.add[0]; other != chosen {
			w = append(w[:len(w):len(w)], &jsonschema.Schema{DraftVersion: 2020, Location: other.Location + "/not", Not: other, Extensions: other.Extensions})
		}
	}
	return w
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
			if ok && m.accepts(w, v) {
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
		if m.accepts(w, v) {
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
