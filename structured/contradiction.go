package structured

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Contradiction tells where a schema asks for what no value can be, such as a
// minLength above the maxLength or a required member that is itself
// impossible. It is a proof where it finds one, and finds none where the
// contradiction is hidden in a regular expression, in exclusions or beyond its
// bound of steps, or where a pattern takes too long to match: nil does not promise that a value exists.
//
// It is worked out once for a schema and costs about as much as an instance.
// Safe for concurrent use.
func (s *Schema) Contradiction() *SchemaError {
	s.contradictory.Do(func() {
		p := prover{order: s.order, steps: 20_000, open: map[string]bool{}, possible: map[string]bool{}}
		s.contradiction = p.refute(s.rules)
	})
	return s.contradiction
}

// prover looks for a reason why a view has no value. Values are finite, so a
// view that needs itself to be possible first is not: a view that is open,
// under proof further up, counts as impossible. What turns out possible under
// that assumption is possible without it and is remembered; the opposite is
// not, since it may rest on the assumption.
type prover struct {
	order    map[string][]string
	steps    int
	open     map[string]bool
	possible map[string]bool
}

// refute returns why the view has no value, or nil when it may have one.
func (p *prover) refute(w view) *SchemaError {
	key := w.key()
	if p.steps--; p.steps < 0 || p.possible[key] || outOfSight(w) {
		return nil
	}
	if p.open[key] {
		return refuted(w, "refers back to itself through what it requires, so a value would never end")
	}
	p.open[key] = true
	defer delete(p.open, key)
	why := p.reason(w)
	if why == nil {
		p.possible[key] = true
	}
	return why
}

// outOfSight tells whether the view holds keywords whose meaning depends on
// more than the view shows.
func outOfSight(w view) bool {
	return slices.ContainsFunc(w, func(s *jsonschema.Schema) bool {
		return s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.DynamicRef != nil || s.RecursiveRef != nil
	})
}

const neverSatisfied = "can never be satisfied: "

func refuted(w view, format string, args ...any) *SchemaError {
	at := ""
	if len(w) > 0 {
		at = fragment(w[0].Location)
	}
	return &SchemaError{Path: at, Kind: SchemaImpossible, Message: neverSatisfied + fmt.Sprintf(format, args...)}
}

func (p *prover) reason(w view) *SchemaError {
	for _, s := range w {
		if s.Bool != nil && !*s.Bool {
			return refuted(viewOf(s), "it is false")
		}
		if s.Not != nil && viewOf(s.Not).free() {
			return refuted(viewOf(s.Not), "it excludes every value")
		}
	}
	if values, ok := w.values(); ok {
		possible := func(v any) bool {
			ok, known := w.judge(v)
			return ok || !known
		}
		if !slices.ContainsFunc(values, possible) {
			return refuted(w, "none of the values of enum and const is allowed by the rest")
		}
		return nil
	}
	if why := p.branches(w); why != nil {
		return why
	}
	return p.types(w)
}

// branches looks for a union all of whose branches are impossible here. One
// that the view already holds is decided.
func (p *prover) branches(w view) *SchemaError {
	for _, s := range w {
		for _, union := range []struct {
			keyword string
			list    []*jsonschema.Schema
		}{{"anyOf", s.AnyOf}, {"oneOf", s.OneOf}} {
			var first *SchemaError
			for _, branch := range union.list {
				if slices.Contains(w, branch) {
					first = nil
					break
				}
				why := p.refute(w.with(branch))
				if why == nil {
					first = nil
					break
				}
				if first == nil {
					first = why
				}
			}
			if first != nil {
				return refuted(viewOf(s), "no branch of its %s is possible; the first: %s at %s", union.keyword, strings.TrimPrefix(first.Message, neverSatisfied), shownPath(first.Path))
			}
		}
	}
	return nil
}

// types looks for a type whose values are possible.
func (p *prover) types(w view) *SchemaError {
	types, _ := w.types()
	types = withoutInteger(types)
	if len(types) == 0 {
		return refuted(w, "its types leave none")
	}
	var first *SchemaError
	for _, typ := range types {
		why := p.ofType(w, typ)
		if why == nil {
			return nil
		}
		if first == nil {
			first = why
		}
	}
	return first
}

func (p *prover) ofType(w view, typ string) *SchemaError {
	switch typ {
	case "object":
		return p.object(w)
	case "array":
		return p.array(w)
	case "string":
		if n := w.length(); n.high >= 0 && n.low > n.high {
			return refuted(w, "minLength %d is above maxLength %d", n.low, n.high)
		}
	case "integer":
		return numeric(w, true)
	case "number":
		return numeric(w, false)
	}
	return nil
}

func numeric(w view, whole bool) *SchemaError {
	low, high := w.numberRange()
	if low.value == nil || high.value == nil {
		return nil
	}
	order := low.value.Cmp(high.value)
	if order > 0 || order == 0 && (low.exclusive || high.exclusive) {
		return refuted(w, "no number lies between its minimum %s and its maximum %s", decimal(low.value), decimal(high.value))
	}
	if !whole {
		return nil
	}
	next := gridUp(low.value, big.NewRat(1, 1))
	if !above(next, low) {
		next.Add(next, big.NewRat(1, 1))
	}
	if !under(next, high) {
		return refuted(w, "no integer lies between its minimum %s and its maximum %s", decimal(low.value), decimal(high.value))
	}
	return nil
}

func (p *prover) object(w view) *SchemaError {
	size, required := w.size(), w.required()
	if size.high >= 0 && size.low > size.high {
		return refuted(w, "minProperties %d is above maxProperties %d", size.low, size.high)
	}
	if size.high >= 0 && len(required) > size.high {
		return refuted(w, "it requires %d members and allows %d", len(required), size.high)
	}
	for _, s := range w {
		if s.Not != nil && onlyRequires(s.Not) && !slices.ContainsFunc(s.Not.Required, func(name string) bool { return !slices.Contains(required, name) }) {
			return refuted(viewOf(s.Not), "it excludes the members %q, which are required", s.Not.Required)
		}
	}
	for _, name := range required {
		child, declared := w.member(name)
		if child.never() && !declared {
			return refuted(w, "it requires the member %q, which its additionalProperties forbid", name)
		}
		if why := p.refute(child); why != nil {
			return why
		}
	}
	return nil
}

// onlyRequires tells whether a subschema asks for members and for nothing else.
func onlyRequires(s *jsonschema.Schema) bool {
	without := *s
	without.Required = nil
	return len(s.Required) > 0 && s.Bool == nil && s.Ref == nil && len(s.AllOf) == 0 && onlyRefers(&without)
}

func (p *prover) array(w view) *SchemaError {
	count := w.count()
	if count.high >= 0 && count.low > count.high {
		return refuted(w, "minItems %d is above maxItems %d", count.low, count.high)
	}
	for i := range min(count.low, w.tuple()+1) {
		if why := p.refute(w.item(i)); why != nil {
			return why
		}
	}
	return nil
}

// shownPath is a pointer as a message shows it: the root has an empty one.
func shownPath(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}
