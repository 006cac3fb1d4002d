package structured

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// once validates against a schema that refers back to itself. The validator
// looks at a part of a value once for each way that leads there, and in such a
// schema the ways multiply with each level of nesting: where two branches of a
// union go on into the same member, a value of 40 levels takes 2^40 steps. once
// keeps what was found of a part under a subschema, so that it is looked at
// once for each of them.
//
// It has a compiled schema of its own, in which each way into a part leads
// through a stand-in that knows what was found. Parts are told apart by where
// they lie in memory, so one value is validated at a time.
type once struct {
	own map[*jsonschema.Schema]*jsonschema.Schema // by the subschema that views hold

	mu    sync.Mutex
	found map[part]error // of the value that is being validated
}

// part is an object or an array, under a subschema.
type part struct {
	schema *jsonschema.Schema
	container
}

// container tells objects and arrays apart by where they lie in memory, for as
// long as the value that holds them is there.
type container struct {
	at     uintptr
	length int
}

func containerOf(v any) (container, bool) {
	switch v.(type) {
	case map[string]any, []any:
		value := reflect.ValueOf(v)
		return container{value.Pointer(), value.Len()}, true
	}
	return container{}, false
}

// partError is what is wrong with a part.
type partError struct {
	err   *jsonschema.ValidationError
	found []Violation // when somebody has asked
}

func (e *partError) Error() string { return "a part does not keep to its subschema" }

// violations are what is wrong, with pointers from the part on. They are worked
// out once, as several ways may lead to the part.
func (e *partError) violations() []Violation {
	if e.found == nil {
		e.found = violations(e.err, maxPart)
	}
	return e.found
}

// maxPart bounds the violations that are kept of one part.
const maxPart = 256

// maxUnrolled is how many places a schema has at the most, with its references
// written out, without a once: no part is met more often than that.
const maxUnrolled = 1 << 12

// wantsOnce tells whether a schema needs a once. One with propertyNames does as
// well: of names the validator reports a place that it has left since.
func wantsOnce(root *jsonschema.Schema, all []*jsonschema.Schema) bool {
	return repeats(root) || slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.PropertyNames != nil })
}

// repeats tells whether parts of a value may be met beyond maxUnrolled times.
func repeats(root *jsonschema.Schema) bool {
	const open = -1
	sizes := map[*jsonschema.Schema]int{}
	var size func(s *jsonschema.Schema) int
	size = func(s *jsonschema.Schema) int {
		switch n := sizes[s]; {
		case n == open:
			return maxUnrolled + 1 // it refers back to itself
		case n > 0:
			return n
		}
		sizes[s] = open
		total := 1
		for _, next := range append(inPlace(s), below(s)...) {
			total = min(total+size(next), maxUnrolled+1)
		}
		sizes[s] = total
		return total
	}
	return size(root) > maxUnrolled
}

// validateOnce has the schema validate by a once from now on. One whose dynamic
// references may mean several things, by the way that led there, is left as it
// is: what is validated apart does not know the way.
func (s *Schema) validateOnce() error {
	own, err := compileDoc(s.doc, s.config)
	if err != nil {
		return asSchemaError(err, s.doc)
	}
	all := everySubschema(own)
	if slices.ContainsFunc(all, isDynamic) && severalResources(s.doc, all) {
		return nil
	}
	o := &once{own: map[*jsonschema.Schema]*jsonschema.Schema{}}
	o.pair(s.root, own)
	stands := map[*jsonschema.Schema]*jsonschema.Schema{}
	for _, sub := range all {
		makeStatic(sub)
		replaceBelow(sub, func(part *jsonschema.Schema) *jsonschema.Schema { return o.standIn(stands, part) })
	}
	return nil
}

// pair finds each subschema's counterpart and marks it, so that check finds its
// way back.
func (o *once) pair(s, own *jsonschema.Schema) {
	if o.own[s] != nil {
		return
	}
	o.own[s] = own
	s.Extensions = append(s.Extensions, o)
	these, those := append(inPlace(s), below(s)...), append(inPlace(own), below(own)...)
	for i := range these {
		o.pair(these[i], those[i])
	}
}

func isDynamic(s *jsonschema.Schema) bool { return s.RecursiveRef != nil || s.DynamicRef != nil }

// makeStatic makes dynamic references plain ones, which they are where there is
// one resource.
func makeStatic(s *jsonschema.Schema) {
	for _, target := range []*jsonschema.Schema{s.RecursiveRef, dynamicTarget(s)} {
		if target != nil {
			s.AllOf = append(s.AllOf, target)
		}
	}
	s.RecursiveRef, s.DynamicRef = nil, nil
}

// severalResources tells whether subschemas come from several documents, or
// their document has an $id beside the root's.
func severalResources(doc any, all []*jsonschema.Schema) bool {
	for _, s := range all {
		if !strings.HasPrefix(s.Location, rootURL+"#") {
			return true
		}
	}
	members, _ := doc.(map[string]any)
	for _, below := range members {
		if hasID(below) {
			return true
		}
	}
	return false
}

func hasID(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if isText(v["$id"]) {
			return true
		}
		for _, e := range v {
			if hasID(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasID)
	}
	return false
}

// standIn is a schema that asks for what was found of another one.
func (o *once) standIn(stands map[*jsonschema.Schema]*jsonschema.Schema, sub *jsonschema.Schema) *jsonschema.Schema {
	if len(inPlace(sub))+len(below(sub)) == 0 {
		return sub // it leads nowhere
	}
	if stands[sub] == nil {
		stands[sub] = &jsonschema.Schema{
			DraftVersion: sub.DraftVersion, Location: sub.Location,
			Format: &jsonschema.Format{Validate: func(v any) error { return o.look(sub, v) }},
		}
	}
	return stands[sub]
}

// replaceBelow replaces the subschemas that s applies to parts of the value.
func replaceBelow(s *jsonschema.Schema, f func(*jsonschema.Schema) *jsonschema.Schema) {
	for _, sub := range []**jsonschema.Schema{&s.UnevaluatedProperties, &s.Contains, &s.Items2020, &s.UnevaluatedItems} {
		if *sub != nil {
			*sub = f(*sub)
		}
	}
	for name, sub := range s.Properties {
		s.Properties[name] = f(sub)
	}
	for pattern, sub := range s.PatternProperties {
		s.PatternProperties[pattern] = f(sub)
	}
	for i, sub := range s.PrefixItems {
		s.PrefixItems[i] = f(sub)
	}
	for _, any := range []*any{&s.AdditionalProperties, &s.Items, &s.AdditionalItems} {
		switch sub := (*any).(type) {
		case *jsonschema.Schema:
			*any = f(sub)
		case []*jsonschema.Schema:
			for i := range sub {
				sub[i] = f(sub[i])
			}
		}
	}
}

// look validates a part, or knows what came of it.
func (o *once) look(sub *jsonschema.Schema, v any) error {
	at, ok := containerOf(v)
	if !ok {
		return partErrorOf(sub.Validate(v))
	}
	key := part{sub, at}
	if err, ok := o.found[key]; ok {
		return err
	}
	err := partErrorOf(sub.Validate(v))
	o.found[key] = err
	return err
}

func partErrorOf(err error) error {
	if verr, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return &partError{err: verr}
	}
	return err
}

// check validates a whole value.
func (o *once) check(s *jsonschema.Schema, v any) error {
	own := o.own[s]
	if own == nil { // made by view.without
		own = &jsonschema.Schema{DraftVersion: s.DraftVersion, Location: s.Location, Not: o.own[s.Not]}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.found = map[part]error{}
	defer func() { o.found = nil }()
	return own.Validate(v)
}

// Validate makes a once an extension of the subschemas that views hold, where
// check finds it. It is never asked.
func (o *once) Validate(*jsonschema.ValidatorContext, any) {}

// check validates a value against a subschema.
func check(s *jsonschema.Schema, v any) error {
	for _, e := range s.Extensions {
		if o, ok := e.(*once); ok {
			return o.check(s, v)
		}
	}
	return s.Validate(v)
}
