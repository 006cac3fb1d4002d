package structured

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// inPlace returns the subschemas that s applies to the same value.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.Ref, s.RecursiveRef, dynamicTarget(s), s.Not, s.If, s.Then, s.Else}
	list = append(list, s.AllOf...)
	list = append(list, s.AnyOf...)
	list = append(list, s.OneOf...)
	for _, name := range sortedKeys(s.DependentSchemas) {
		list = append(list, s.DependentSchemas[name])
	}
	for _, name := range sortedKeys(s.Dependencies) {
		if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
			list = append(list, sub)
		}
	}
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}

// below returns the subschemas that s applies to parts of the value.
func below(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems}
	for _, name := range sortedKeys(s.Properties) {
		list = append(list, s.Properties[name])
	}
	for _, p := range sortedPatterns(s.PatternProperties) {
		list = append(list, s.PatternProperties[p])
	}
	for _, any := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch sub := any.(type) {
		case *jsonschema.Schema:
			list = append(list, sub)
		case []*jsonschema.Schema:
			list = append(list, sub...)
		}
	}
	list = append(list, s.PrefixItems...)
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}

// everySubschema returns all subschemas reachable from root, root first.
func everySubschema(root *jsonschema.Schema) []*jsonschema.Schema {
	seen := map[*jsonschema.Schema]bool{root: true}
	list := []*jsonschema.Schema{root}
	for i := 0; i < len(list); i++ {
		for _, next := range append(inPlace(list[i]), below(list[i])...) {
			if !seen[next] {
				seen[next] = true
				list = append(list, next)
			}
		}
	}
	return list
}
