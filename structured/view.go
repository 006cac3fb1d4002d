package structured

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// view is what a schema demands of one value: the list of all subschemas that
// apply to it together, with $ref and allOf followed. Reading, planning and
// making instances all walk views, so that references, merged schemas and the
// differences between drafts are understood in this one file.
//
// A view never contains the same subschema twice and keeps the order in which
// the subschemas were met.
type view []*jsonschema.Schema

// viewOf returns the view of one subschema.
func viewOf(list ...*jsonschema.Schema) view {
	var w view
	for _, s := range list {
		w = w.grown(s)
	}
	return w
}

// with returns w plus everything s demands of the same value.
func (w view) with(s *jsonschema.Schema) view {
	if s == nil || slices.Contains(w, s) {
		return w
	}
	return w[:len(w):len(w)].grown(s)
}

// grown is with for a view that nobody else holds: it may grow in place.
func (w view) grown(s *jsonschema.Schema) view {
	if s == nil || slices.Contains(w, s) {
		return w
	}
	w = append(w, s)
	for _, next := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, dynamicTarget(s)} {
		w = w.grown(next)
	}
	for _, next := range s.AllOf {
		w = w.grown(next)
	}
	// Not not is the thing itself, where neither says anything else.
	if s.Not != nil && s.Not.Not != nil && onlyExcludes(s.Not) {
		w = w.grown(s.Not.Not)
	}
	return w
}

// onlyExcludes tells whether a subschema consists of not alone.
func onlyExcludes(s *jsonschema.Schema) bool {
	without := *s
	without.Not = nil
	return s.Ref == nil && len(s.AllOf) == 0 && s.RecursiveRef == nil && s.DynamicRef == nil && onlyRefers(&without)
}

// dynamicTarget takes a $dynamicRef for its static target. The validator
// resolves it by scope, so values made from a view are validated afterwards.
func dynamicTarget(s *jsonschema.Schema) *jsonschema.Schema {
	if s.DynamicRef == nil {
		return nil
	}
	return s.DynamicRef.Ref
}

// accepts tells whether every subschema of the view accepts the value.
func (w view) accepts(v any) bool {
	ok, _ := w.judge(v)
	return ok
}

// judge is accepts that also tells whether the answer is known.
func (w view) judge(v any) (ok, known bool) {
	for _, s := range w {
		if ok, known := judge(s, v); !ok {
			return false, known
		}
	}
	return true, true
}

// never tells whether the view holds the schema false.
func (w view) never() bool {
	for _, s := range w {
		if s.Bool != nil && !*s.Bool {
			return true
		}
	}
	return false
}

// free tells whether the view demands nothing at all.
func (w view) free() bool {
	for _, s := range w {
		if s.Bool == nil && !onlyRefers(s) {
			return false
		}
		if s.Bool != nil && !*s.Bool {
			return false
		}
	}
	return true
}

// onlyRefers tells whether a subschema says nothing beyond $ref and allOf,
// which the view has followed.
func onlyRefers(s *jsonschema.Schema) bool {
	return s.Types == nil && s.Enum == nil && s.Const == nil && s.Not == nil &&
		len(s.AnyOf) == 0 && len(s.OneOf) == 0 && s.If == nil && s.Format == nil &&
		s.MaxProperties == nil && s.MinProperties == nil && len(s.Required) == 0 &&
		s.PropertyNames == nil && len(s.Properties) == 0 && len(s.PatternProperties) == 0 &&
		(s.AdditionalProperties == nil || s.AdditionalProperties == true) &&
		len(s.Dependencies) == 0 && len(s.DependentRequired) == 0 && len(s.DependentSchemas) == 0 &&
		s.UnevaluatedProperties == nil && s.MinItems == nil && s.MaxItems == nil && !s.UniqueItems &&
		s.Contains == nil && s.Items == nil && s.AdditionalItems == nil && len(s.PrefixItems) == 0 &&
		s.Items2020 == nil && s.UnevaluatedItems == nil && s.MinLength == nil && s.MaxLength == nil &&
		s.Pattern == nil && s.Maximum == nil && s.Minimum == nil && s.ExclusiveMaximum == nil &&
		s.ExclusiveMinimum == nil && s.MultipleOf == nil
}

// allTypes lists the types in the order values of them are tried.
var allTypes = []string{"object", "array", "string", "integer", "number", "boolean", "null"}

// types returns the types all subschemas allow, in the order of allTypes, and
// whether any of them restricts the type. "integer" is listed beside "number".
func (w view) types() (types []string, restricted bool) {
	types = allTypes
	for _, s := range w {
		if s.Types == nil || s.Types.IsEmpty() {
			continue
		}
		restricted = true
		want := s.Types.ToStrings()
		types = slices.DeleteFunc(slices.Clone(types), func(t string) bool {
			return !slices.Contains(want, t) && !(t == "integer" && slices.Contains(want, "number"))
		})
	}
	return types, restricted
}

// values returns the values that enum and const leave, and whether there is
// such a restriction.
func (w view) values() ([]any, bool) {
	var values []any
	restricted := false
	narrow := func(list []any) {
		if !restricted {
			values, restricted = slices.Clone(list), true
			return
		}
		values = slices.DeleteFunc(values, func(v any) bool {
			return !slices.ContainsFunc(list, func(e any) bool { return equalValues(v, e) })
		})
	}
	for _, s := range w {
		if s.Const != nil {
			narrow([]any{*s.Const})
		}
		if s.Enum != nil {
			narrow(s.Enum.Values)
		}
	}
	return values, restricted
}

// required returns the names every object needs, sorted by first mention.
func (w view) required() []string {
	var names []string
	for _, s := range w {
		for _, name := range s.Required {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// names returns the member names that the view's properties mention, in the
// order of the schema's text.
func (w view) names(order map[string][]string) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range w {
		if len(s.Properties) == 0 {
			continue
		}
		listed := order[fragment(s.Location)+"/properties"]
		if len(listed) != len(s.Properties) {
			listed = slices.Sorted(maps.Keys(s.Properties))
		}
		for _, name := range listed {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// member returns what the view demands of the member of that name. declared
// tells whether the name or a pattern for it is mentioned.
func (w view) member(name string) (child view, declared bool) {
	for _, s := range w {
		if s.Bool != nil {
			continue
		}
		matched := false
		if p, ok := s.Properties[name]; ok {
			child, matched = child.with(p), true
		}
		for _, pattern := range sortedPatterns(s.PatternProperties) {
			if matches(pattern, name) {
				child, matched = child.with(s.PatternProperties[pattern]), true
			}
		}
		if matched {
			declared = true
			continue
		}
		switch additional := s.AdditionalProperties.(type) {
		case bool:
			if !additional {
				child = child.with(falseSchema)
			}
		case *jsonschema.Schema:
			child = child.with(additional)
		}
	}
	for _, s := range w {
		if s.UnevaluatedProperties != nil && !declared {
			child = child.with(s.UnevaluatedProperties)
		}
	}
	return child, declared
}

// closed tells whether the view forbids members it does not declare.
func (w view) closed() bool {
	for _, s := range w {
		if allowed, ok := s.AdditionalProperties.(bool); ok && !allowed {
			return true
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && viewOf(sub).never() {
			return true
		}
		if s.UnevaluatedProperties != nil && viewOf(s.UnevaluatedProperties).never() {
			return true
		}
	}
	return false
}

// patterns returns the patterns of patternProperties with their schemas.
func (w view) patterns() []patternMember {
	var list []patternMember
	for _, s := range w {
		for _, p := range sortedPatterns(s.PatternProperties) {
			list = append(list, patternMember{p, s.PatternProperties[p]})
		}
	}
	return list
}

type patternMember struct {
	pattern jsonschema.Regexp
	schema  *jsonschema.Schema
}

// item returns what the view demands of the item at index i.
func (w view) item(i int) view {
	var child view
	for _, s := range w {
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			child = child.with(items)
		case []*jsonschema.Schema:
			if i < len(items) {
				child = child.with(items[i])
				continue
			}
			switch additional := s.AdditionalItems.(type) {
			case bool:
				if !additional {
					child = child.with(falseSchema)
				}
			case *jsonschema.Schema:
				child = child.with(additional)
			}
		}
		switch {
		case i < len(s.PrefixItems):
			child = child.with(s.PrefixItems[i])
		case s.Items2020 != nil:
			child = child.with(s.Items2020)
		case s.UnevaluatedItems != nil && s.Contains == nil:
			child = child.with(s.UnevaluatedItems)
		}
	}
	return child
}

// tuple returns the number of leading items that have schemas of their own.
func (w view) tuple() int {
	n := 0
	for _, s := range w {
		n = max(n, len(s.PrefixItems))
		if items, ok := s.Items.([]*jsonschema.Schema); ok {
			n = max(n, len(items))
		}
	}
	return n
}

// bound is a limit of a range; nil value means none.
type bound struct {
	value     *big.Rat
	exclusive bool
}

// numberRange returns the tightest lower and upper limits.
func (w view) numberRange() (low, high bound) {
	raise := func(v *big.Rat, exclusive bool) {
		if v == nil {
			return
		}
		if low.value == nil || v.Cmp(low.value) > 0 || v.Cmp(low.value) == 0 && exclusive {
			low = bound{v, exclusive}
		}
	}
	lower := func(v *big.Rat, exclusive bool) {
		if v == nil {
			return
		}
		if high.value == nil || v.Cmp(high.value) < 0 || v.Cmp(high.value) == 0 && exclusive {
			high = bound{v, exclusive}
		}
	}
	for _, s := range w {
		raise(s.Minimum, false)
		raise(s.ExclusiveMinimum, true)
		lower(s.Maximum, false)
		lower(s.ExclusiveMaximum, true)
	}
	return low, high
}

// multiples returns every multipleOf of the view.
func (w view) multiples() []*big.Rat {
	var list []*big.Rat
	for _, s := range w {
		if s.MultipleOf != nil {
			list = append(list, s.MultipleOf)
		}
	}
	return list
}

// span is a pair of counts; high is -1 when there is no upper limit.
type span struct{ low, high int }

func (r *span) narrow(low, high *int) {
	if low != nil {
		r.low = max(r.low, *low)
	}
	if high != nil && (r.high < 0 || *high < r.high) {
		r.high = *high
	}
}

// length is the allowed number of characters.
func (w view) length() span {
	r := span{0, -1}
	for _, s := range w {
		r.narrow(s.MinLength, s.MaxLength)
	}
	return r
}

// count is the allowed number of items.
func (w view) count() span {
	r := span{0, -1}
	for _, s := range w {
		r.narrow(s.MinItems, s.MaxItems)
	}
	return r
}

// size is the allowed number of members.
func (w view) size() span {
	r := span{0, -1}
	for _, s := range w {
		r.narrow(s.MinProperties, s.MaxProperties)
	}
	return r
}

// unique tells whether items must not repeat.
func (w view) unique() bool {
	return slices.ContainsFunc(w, func(s *jsonschema.Schema) bool { return s.UniqueItems })
}

// stringPatterns returns the patterns of a string's content.
func (w view) stringPatterns() []jsonschema.Regexp {
	var list []jsonschema.Regexp
	for _, s := range w {
		if s.Pattern != nil {
			list = append(list, s.Pattern)
		}
	}
	return list
}

// formats returns the names of the formats the validator asserts.
func (w view) formats() []string {
	var list []string
	for _, s := range w {
		if s.Format != nil && !slices.Contains(list, s.Format.Name) {
			list = append(list, s.Format.Name)
		}
	}
	return list
}

// description returns the first description or title found.
func (w view) description() string {
	for _, s := range w {
		if s.Description != "" {
			return s.Description
		}
	}
	for _, s := range w {
		if s.Title != "" {
			return s.Title
		}
	}
	return ""
}

// key identifies a view by the identity of its subschemas.
func (w view) key() string {
	var b strings.Builder
	for _, s := range w {
		b.WriteString(s.Location)
		b.WriteByte(' ')
	}
	return b.String()
}

var falseSchema = func() *jsonschema.Schema {
	no := false
	return &jsonschema.Schema{DraftVersion: 2020, Location: "false", Bool: &no}
}()

// matches is MatchString that takes a pattern out of time for no match.
func matches(p jsonschema.Regexp, s string) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, timeout := r.(patternTimeout); !timeout {
				panic(r)
			}
			ok = false
		}
	}()
	return p.MatchString(s)
}

func sortedPatterns(m map[jsonschema.Regexp]*jsonschema.Schema) []jsonschema.Regexp {
	if len(m) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(m), func(a, b jsonschema.Regexp) int {
		return strings.Compare(a.String(), b.String())
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// number makes the JSON number of an exact value, with at most 30 fraction
// digits.
func number(r *big.Rat) json.Number {
	return json.Number(decimal(r))
}
