package structured

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"sync"
)

// Effect says what a transform does to the set of accepted values.
type Effect string

// The effects of a transform.
const (
	// Narrowing: what the lowered schema accepts, the full one accepts too;
	// some valid values can no longer be given.
	Narrowing Effect = "narrowing"
	// Widening: the lowered schema also accepts values that the full schema
	// refuses; validation afterwards finds them.
	Widening Effect = "widening"
	// Reshaping: the same values in another form, undone by Up.
	Reshaping Effect = "reshaping"
)

// Transform is one kind of change a plan made to the schema.
type Transform struct {
	Name   string `json:"name"`
	Effect Effect `json:"effect"`
	// Path is the JSON Pointer into the schema of the first place it was
	// applied to, Count how many places there were.
	Path  string `json:"path"`
	Count int    `json:"count"`
	// Reason says why it was needed.
	Reason string `json:"reason"`
}

// Plan is a schema lowered to what a back-end takes, and the way back. It is
// safe for concurrent use.
type Plan struct {
	// Profile is what the plan was made for.
	Profile Profile
	// Transforms lists what was changed, by name; empty when nothing was.
	Transforms []Transform

	full    *Schema
	root    *shape // nil for an identity
	lowered []byte
	reader  func() *Schema // the lowered schema, compiled at first use
}

// maxPlans is how many plans a schema keeps; there are seven profiles.
const maxPlans = 8

// Plan lowers the schema to a profile. It costs a few times what Compile
// costs, so the schema keeps its plans.
func (s *Schema) Plan(p Profile) (*Plan, error) {
	s.planning.Lock()
	for _, plan := range s.plans {
		if reflect.DeepEqual(plan.Profile, p) {
			s.planning.Unlock()
			return plan, nil
		}
	}
	s.planning.Unlock()
	plan, err := s.plan(p) // two callers may both make it, rather than wait
	if err != nil {
		return nil, err
	}
	s.planning.Lock()
	defer s.planning.Unlock()
	if len(s.plans) < maxPlans {
		s.plans = append(s.plans, plan)
	}
	return plan, nil
}

func (s *Schema) plan(p Profile) (*Plan, error) {
	if p.Verbatim {
		return &Plan{Profile: p, full: s, lowered: []byte(s.text), reader: func() *Schema { return s }}, nil
	}
	for unroll := p.Unroll; ; unroll-- {
		l := &lowering{schema: s, profile: p, memo: map[string]*shape{}, log: map[Transform]*Transform{}}
		root := l.shape(s.rules, decisions{})
		u := &unroller{lowering: l, levels: unroll, memo: map[unrollKey]*shape{}}
		root = u.unroll(root)
		if p.RootObject && root.kind != objectShape {
			l.note("wrap root", Reshaping, s.rules, "the back-end wants an object at the root")
			root = &shape{kind: wrapShape, view: s.rules, item: root}
		}
		if p.MaxNodes > 0 && u.nodes > p.MaxNodes {
			if unroll > 0 {
				continue
			}
			root = l.prune(root)
		}
		l.ration(root)
		plan := &Plan{Profile: p, Transforms: l.transforms(), full: s, root: root, lowered: emit(root)}
		plan.reader = sync.OnceValue(func() *Schema {
			lowered, err := compile(plan.lowered, s.config)
			if err != nil {
				return s // larger than the limits: the full schema guides as well
			}
			return lowered
		})
		return plan, nil
	}
}

// Schema returns the lowered schema's text, draft 2020-12 unless the profile
// is verbatim.
func (p *Plan) Schema() json.RawMessage { return slices.Clone(json.RawMessage(p.lowered)) }

// Up turns a value of the lowered schema into one of the full schema. A value
// that does not have the lowered form is carried over as far as it goes;
// validate what comes out against the full schema, as always.
func (p *Plan) Up(v any) any {
	if p.root == nil {
		return v
	}
	return newLifter().up(p.root, v)
}

// Down turns a value of the full schema into the lowered form, for examples.
// What the lowered form has no place for is left where it is, so the lowered
// schema refuses it.
func (p *Plan) Down(v any) any {
	if p.root == nil {
		return v
	}
	return newLifter().down(p.root, v)
}

// Read turns the reply to a request that carried the lowered schema into a
// value of the full schema: tolerant reading, Up, validation. A model that
// answered in the full schema's own shape is understood too.
func (p *Plan) Read(text string) (*Reading, error) {
	r, err := p.reader().Read(text)
	if err != nil || p.root == nil {
		return r, err
	}
	up := p.full.reading(p.Up(r.Value), r.Repairs, r.Truncated)
	if len(up.Violations) > 0 && len(p.full.Validate(r.Value)) == 0 {
		return p.full.reading(r.Value, r.Repairs, r.Truncated), nil
	}
	return up, nil
}

// Reshapes tells whether the lowered form differs from the full one, so that
// parts of a reply cannot be shown before it is complete: stream with
// Schema.Stream only where it does not.
func (p *Plan) Reshapes() bool {
	return slices.ContainsFunc(p.Transforms, func(t Transform) bool {
		return t.Effect == Reshaping && t.Name != "length as pattern" && t.Name != "range as enum"
	})
}

// Identity tells whether the schema was left as it is.
func (p *Plan) Identity() bool { return p.root == nil }

// note counts a transform; the first place keeps its name.
func (l *lowering) note(name string, effect Effect, at view, reason string) {
	key := Transform{Name: name, Effect: effect}
	if t := l.log[key]; t != nil {
		t.Count++
		return
	}
	path := ""
	if len(at) > 0 {
		path = fragment(at[0].Location)
	}
	l.log[key] = &Transform{Name: name, Effect: effect, Path: path, Count: 1, Reason: reason}
}

func (l *lowering) transforms() []Transform {
	var list []Transform
	for _, t := range l.log {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Transform) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Effect, b.Effect))
	})
	return list
}
