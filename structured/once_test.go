package structured

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

// multiplying are schemas whose recursion meets each member by several ways,
// with a value of n levels.
var multiplying = map[string]struct {
	schema string
	value  func(n int) string
}{
	"a union": {
		`{"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["c"]}]}`,
		func(n int) string { return strings.Repeat(`{"a": `, n) + `1` + strings.Repeat(`}`, n) },
	},
	"an exclusive union of nodes": {
		`{"$ref": "#/$defs/node", "$defs": {"node": {"oneOf": [
			{"type": "object", "properties": {"op": {"const": "add"}, "left": {"$ref": "#/$defs/node"}}, "required": ["op", "left"]},
			{"type": "object", "properties": {"op": {"const": "mul"}, "left": {"$ref": "#/$defs/node"}}, "required": ["op", "left"]},
			{"type": "integer"}]}}}`,
		func(n int) string {
			return strings.Repeat(`{"op": "mul", "left": `, n) + `1` + strings.Repeat(`}`, n)
		},
	},
	"an exclusion": {
		`{"not": {"anyOf": [{"items": {"$ref": "#"}, "minItems": 2}, {"items": {"$ref": "#"}, "maxItems": 0}]}}`,
		func(n int) string { return strings.Repeat(`[`, n) + `1` + strings.Repeat(`]`, n) },
	},
	"definitions one below the other": {
		func() string {
			var defs []string
			for i := range 40 {
				next := fmt.Sprintf(`{"properties": {"a": {"$ref": "#/$defs/d%d"}}}`, i+1)
				defs = append(defs, fmt.Sprintf(`"d%d": {"allOf": [%s, %s]}`, i, next, next))
			}
			return `{"$ref": "#/$defs/d0", "$defs": {"d40": {"type": "string"}, ` + strings.Join(defs, ", ") + `}}`
		}(),
		func(n int) string { return strings.Repeat(`{"a": `, n) + `1` + strings.Repeat(`}`, n) },
	},
	"a reference by anchor": {
		`{"$dynamicAnchor": "n", "anyOf": [{"properties": {"a": {"$dynamicRef": "#n"}}, "required": ["b"]}, {"properties": {"a": {"$dynamicRef": "#n"}}, "required": ["c"]}]}`,
		func(n int) string { return strings.Repeat(`{"a": `, n) + `1` + strings.Repeat(`}`, n) },
	},
	"a recursive reference": {
		`{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true,
			"anyOf": [{"properties": {"a": {"$recursiveRef": "#"}}, "required": ["b"]}, {"properties": {"a": {"$recursiveRef": "#"}}, "required": ["c"]}]}`,
		func(n int) string { return strings.Repeat(`{"a": `, n) + `1` + strings.Repeat(`}`, n) },
	},
}

// A part that many ways lead to is validated once: each of these would take
// years.
func TestRecursionDoesNotMultiply(t *testing.T) {
	for name, c := range multiplying {
		t.Run(name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			v, err := parseExact(c.value(40), defaultMaxDepth)
			if err != nil {
				t.Fatal(err)
			}
			valid := name == "an exclusive union of nodes" || name == "an exclusion"
			if found := s.Validate(v); valid != (found == nil) {
				t.Errorf("found %v", found)
			}
			if s.rules.accepts(v) != valid {
				t.Error("the view disagrees")
			}
		})
	}
}

// Nor does lifting: each branch of a union that a value may belong to is tried.
func TestLiftingDoesNotMultiply(t *testing.T) {
	c := multiplying["an exclusive union of nodes"]
	s := mustCompile(t, c.schema)
	v, err := parseExact(c.value(40), defaultMaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Profile{OpenAIStrict(), LlamaCPP(), ToolInput()} {
		p.MaxDepth = 0
		plan, err := s.Plan(p)
		if err != nil {
			t.Fatal(err)
		}
		if up := plan.Up(plan.Down(v)); !equalValues(up, v) {
			t.Errorf("%s: %s", p.Name, plainJSON(up))
		}
	}
}

// sameFindings checks that what is found does not depend on how it is looked
// for.
func sameFindings(t *testing.T, name, schema string, texts ...string) {
	t.Helper()
	s := mustCompile(t, schema)
	plain, err := compileDoc(s.doc, s.config)
	if err != nil {
		t.Fatal(name, err)
	}
	if len(s.root.Extensions) == 0 {
		if err := s.validateOnce(); err != nil {
			t.Fatal(name, err)
		}
	}
	for _, text := range texts {
		v, err := parseExact(text, defaultMaxDepth)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, want := s.Validate(v), s.validate(plain, v); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %.200s: found\n%v, without once\n%v", name, text, got, want)
		}
	}
}

func TestOnceFindsWhatTheValidatorFinds(t *testing.T) {
	for name, c := range multiplying {
		sameFindings(t, name, c.schema, c.value(0), c.value(1), c.value(5), `{"a": {"a": [], "b": {}}, "b": 1}`,
			`{"op": "add", "left": {"op": "div", "left": 1}}`, `[[1, 2], [[3]]]`)
	}
	sameFindings(t, "many keywords", `{"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}, "patternProperties": {"^x": {"$ref": "#/$defs/n"}},
		"additionalProperties": {"type": ["object", "array", "string"]}, "items": {"$ref": "#/$defs/n"}, "contains": {"required": ["next"]},
		"if": {"required": ["x1"]}, "then": {"minProperties": 2}, "unevaluatedItems": false}}, "$ref": "#/$defs/n"}`,
		`{"next": {"x1": {"y": 1}}, "z": 2}`, `[{"next": [1]}, {"x1": {}}]`, `{"next": [[]], "x": {"x1": [{}]}}`, `{"z": "a"}`)
}

func TestSuiteOnceFindsWhatTheValidatorFinds(t *testing.T) {
	for _, c := range maskbench.Load(t) {
		if _, err := Compile(c.Schema); err != nil || strings.Contains(string(c.Schema), `"propertyNames"`) {
			continue // of names the validator says a wrong place
		}
		var texts []string
		for _, in := range c.Tests {
			texts = append(texts, string(in.Data))
		}
		sameFindings(t, c.Name, string(c.Schema), texts...)
	}
}

// A dynamic reference means what the way to it says, where there are several
// resources.
func TestDynamicReferencesKeepTheirMeaning(t *testing.T) {
	for schema, texts := range map[string]map[string]bool{
		`{"$id": "https://example.com/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": false, "$defs": {
			"tree": {"$id": "tree", "$dynamicAnchor": "node", "properties": {"children": {"type": "array", "items": {"$dynamicRef": "#node"}}}}}}`: {
			`{"children": [{"children": []}]}`: true, `{"children": [{"daat": 1}]}`: false,
		},
		`{"$ref": "https://json-schema.org/draft/2020-12/schema"}`: {
			`{"$defs": {"a": {"items": {"type": "string"}}}}`: true, `{"$defs": {"a": {"items": {"type": 1}}}}`: false,
		},
		`{"$ref": "http://json-schema.org/draft-07/schema#"}`: {
			`{"properties": {"a": {"items": {"type": "string"}}}}`: true, `{"properties": {"a": {"items": {"type": 1}}}}`: false,
		},
	} {
		s := mustCompile(t, schema)
		for text, valid := range texts {
			v, err := parseExact(text, defaultMaxDepth)
			if err != nil {
				t.Fatal(err)
			}
			if found := s.Validate(v); valid != (found == nil) {
				t.Errorf("%s: %s: found %v", schema, text, found)
			}
		}
	}
}

// The validator keeps the place of a wrong name in memory that it uses again
// for the members that follow.
func TestWrongNamesAreFoundWhereTheyStand(t *testing.T) {
	s := mustCompile(t, `{"additionalProperties": {"additionalProperties": {"propertyNames": {"pattern": "^x"}}}}`)
	v, err := parseExact(`{"a": {"b": {"y": 1}, "c": {"x": 1}, "d": {"x": 1}}, "e": {"f": {"x": 1}}, "g": {"h": {"x": 1}}}`, defaultMaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // it goes through maps
		if found := s.Validate(v); len(found) != 1 || found[0].Path != "/a/b/y" {
			t.Fatalf("found %v", found)
		}
	}
}

func TestOnceIsSafeForConcurrentUse(t *testing.T) {
	s := mustCompile(t, multiplying["a union"].schema)
	var group sync.WaitGroup
	for n := range 8 {
		v, err := parseExact(multiplying["a union"].value(n), defaultMaxDepth)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for range 50 {
				if valid := s.Validate(v) == nil; valid != (n == 0) {
					t.Errorf("%d levels: %v", n, valid)
				}
			}
		})
	}
	group.Wait()
}
