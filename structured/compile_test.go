package structured

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestCompileNamesTheDefect(t *testing.T) {
	for _, c := range []struct {
		schema, path, message string
		kind                  SchemaErrorKind
	}{
		{`{"type": "objet"}`, "/type", "must be", SchemaDefect},
		{`{"properties": {"a": {"minLength": -1}}}`, "/properties/a/minLength", "at least 0", SchemaDefect},
		{`{"properties": {"a": {"pattern": "("}}}`, "/properties/a/pattern", "regular expression", SchemaDefect},
		{`{"properties": {"a": {"$ref": "#/$defs/b"}}}`, "/properties/a/$ref", "not there", SchemaDangles},
		{`{"items": {"$ref": "https://example.com/s.json"}}`, "/items/$ref", "never fetched", SchemaRemote},
		{`{"items": {"$ref": "other.json#/a"}}`, "/items/$ref", "never fetched", SchemaRemote},
		{`{"$schema": "https://example.com/draft"}`, "/$schema", "never fetched", SchemaRemote},
		{`{"$ref": "#"}`, "", "leads back", SchemaDefect},
		{`{"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}`, "/$defs/a", "leads back", SchemaDefect},
		{`{"type": "object"`, "", "JSON", SchemaSyntax},
		{`7`, "", "object or a boolean", SchemaSyntax},
		{`"{"`, "", "JSON", SchemaSyntax},
		{strings.Repeat(`{"not":`, 600) + `{}` + strings.Repeat(`}`, 600), "", "nesting", SchemaSyntax},
		{`{"description": "` + strings.Repeat("x", 1<<20) + `"}`, "", "limit", SchemaTooBig},
		{`{"anyOf": [` + strings.Repeat("true, ", 100_000) + `true]}`, "", "objects and booleans", SchemaTooBig},
		{`{"anyOf": [` + strings.Repeat("{}, ", 100_000) + `{}]}`, "", "objects and booleans", SchemaTooBig},
		{doubling(40), "", "more than", SchemaTooBig},
		{strings.Repeat(`{"properties": {"`+strings.Repeat("k", 4000)+`": `, 250) + `{}` + strings.Repeat(`}}`, 250), "", "names are too long", SchemaTooBig},
	} {
		_, err := Compile([]byte(c.schema))
		var se *SchemaError
		if !errors.As(err, &se) {
			t.Errorf("%.100s: %v", c.schema, err)
			continue
		}
		if c.message != "more than" && se.Path != c.path || se.Kind != c.kind || !strings.Contains(se.Message, c.message) {
			t.Errorf("%.100s: %+v", c.schema, se)
		}
	}
}

// doubling is a small schema whose last definition combines 2^n subschemas.
func doubling(n int) string {
	defs := []string{`"d0": {"type": "string"}`}
	for i := 1; i <= n; i++ {
		defs = append(defs, fmt.Sprintf(`"d%d": {"anyOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]}`, i, i-1, i-1))
	}
	return fmt.Sprintf(`{"$ref": "#/$defs/d%d", "$defs": {%s}}`, n, strings.Join(defs, ","))
}

// What a schema combines for one value multiplies with the parts of the value:
// together they are bounded.
func TestValidateRefusesTooManyChecks(t *testing.T) {
	s := mustCompile(t, strings.Replace(doubling(9), `{"$ref": "#/$defs/d9"`, `{"items": {"$ref": "#/$defs/d9"}`, 1))
	list := func(n int) any { return parse(t, `["a"`+strings.Repeat(`, "a"`, n-1)+`]`) }
	if found := s.Validate(list(100)); found != nil {
		t.Errorf("100 items: %v", found)
	}
	if found := s.Validate(list(100_000)); len(found) != 1 || !strings.Contains(found[0].Message, "too many parts") {
		t.Errorf("100,000 items: %v", found)
	}
}

func TestCompileTakesEveryDraftAndForm(t *testing.T) {
	for _, c := range []struct{ schema, valid, invalid string }{
		{`{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true}`, `2`, `1`},
		{`{"minimum": 1, "exclusiveMinimum": true}`, `2`, `1`},
		{`{"items": [{"type": "string"}], "additionalItems": false}`, `["a"]`, `["a", 1]`},
		{`{"$schema": "http://json-schema.org/draft-06/schema#", "const": 1}`, `1`, `2`},
		{`{"$schema": "http://json-schema.org/draft-07/schema#", "if": {"type": "string"}, "then": {"minLength": 2}}`, `"ab"`, `"a"`},
		{`{"$schema": "https://json-schema.org/draft/2019-09/schema", "unevaluatedProperties": false, "properties": {"a": true}}`, `{"a": 1}`, `{"b": 1}`},
		{`{"prefixItems": [{"type": "string"}], "items": false}`, `["a"]`, `["a", 1]`},
		{`{"format": "date"}`, `"2026-02-28"`, `"2026-02-30"`},
		{`{"pattern": "^(?!x)[a-z]+$"}`, `"ab"`, `"xb"`},
		{`{"pattern": "^\\u00e9$"}`, `"é"`, `"e"`},
		{`"{\"type\": \"string\"}"`, `"a"`, `1`},
		{
			`{"$ref": "#/$defs/node", "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "integer"}}}}}`,
			`{"next": {"next": {"v": 1}}}`, `{"next": {"next": {"v": "1"}}}`,
		},
		{`true`, `1`, ``},
		{`false`, ``, `1`},
	} {
		s, err := Compile([]byte(c.schema))
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		if c.valid != "" {
			if found, err := s.ValidateJSON([]byte(c.valid)); err != nil || found != nil {
				t.Errorf("%s: %s: %v %v", c.schema, c.valid, found, err)
			}
		}
		if c.invalid != "" {
			if found, err := s.ValidateJSON([]byte(c.invalid)); err != nil || found == nil {
				t.Errorf("%s: %s is accepted, %v", c.schema, c.invalid, err)
			}
		}
	}
}

func TestViolationsOfAUnionAtTheRoot(t *testing.T) {
	for schema, want := range map[string]string{
		`{"oneOf": [{"type": "object"}]}`:                                          "(the whole value): must be of type object, is number",
		`{"anyOf": [{"const": 2}, {"minimum": 5}]}`:                                "(the whole value): must be at least 5 (closest of 2 forms, any of which must match)",
		`{"anyOf": [{"anyOf": [{"const": 2}, {"const": 3}]}, {"type": "string"}]}`: "(the whole value): must be exactly 2 (closest of 2 forms, any of which must match)",
		`{"anyOf": [{"const": 2}, {"const": 3}]}`:                                  "(the whole value): must be exactly 2 (closest of 2 forms, any of which must match)",
	} {
		if found := mustCompile(t, schema).Validate(json.Number("1")); len(found) != 1 || found[0].String() != want {
			t.Errorf("%s: %v", schema, found)
		}
	}
}

func TestViolationsAreStableAndBounded(t *testing.T) {
	c := NewCompiler(Config{MaxViolations: 5})
	s, err := c.Compile([]byte(`{"items": {"type": "integer"}}`))
	if err != nil {
		t.Fatal(err)
	}
	list := make([]any, 20)
	for i := range list {
		list[i] = "x"
	}
	first := s.Validate(list)
	if len(first) != 5 || first[2].Path != "/2" {
		t.Fatalf("%v", first)
	}
	s = mustCompile(t, personSchema)
	v := parse(t, `{"z":1,"y":2,"x":3,"age":-1,"tags":[{},{"id":"a"}],"mood":"odd"}`)
	want := fmt.Sprint(s.Validate(v))
	for range 50 {
		if got := fmt.Sprint(s.Validate(v)); got != want {
			t.Fatalf("%s\n%s", got, want)
		}
	}
	const expected = `[/age: must be at least 0 /mood: must be one of "good", "bad" /name: is required and missing ` +
		`/tags/0/id: is required and missing /tags/1/id: must be of type integer, is string ` +
		`/x: is not a member the schema allows /y: is not a member the schema allows /z: is not a member the schema allows]`
	if want != expected {
		t.Errorf("got %s", want)
	}
}

func TestSlowPatternIsAViolationNotAnAcceptance(t *testing.T) {
	c := NewCompiler(Config{PatternTimeout: 1})
	// The look-ahead keeps RE2 away; the nested repetition never ends.
	s, err := c.Compile([]byte(`{"not": {"pattern": "^(?=a)(a+)+$"}}`))
	if err != nil {
		t.Fatal(err)
	}
	found := s.Validate(strings.Repeat("a", 4000) + "!")
	if len(found) != 1 || !strings.Contains(found[0].Message, "too long") {
		t.Errorf("%v", found)
	}
}

func TestCompilerKeepsTheSchemasUsedLast(t *testing.T) {
	c := NewCompiler(Config{CacheSize: 2})
	text := func(i int) []byte { return fmt.Appendf(nil, `{"const": %d}`, i) }
	get := func(i int) *Schema {
		s, err := c.Compile(text(i))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two := get(1), get(2)
	if get(1) != one {
		t.Error("not kept")
	}
	get(3) // pushes 2 out
	if get(1) != one || get(2) == two {
		t.Error("the wrong one was dropped")
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				s, err := c.Compile(text((i + j) % 5))
				if err != nil || s.Validate(json.Number(fmt.Sprint((i+j)%5))) != nil {
					t.Error("wrong schema from the cache")
				}
			}
		})
	}
	wg.Wait()
	if c.used.Len() > 2 || len(c.byKey) != c.used.Len() {
		t.Errorf("%d kept, %d keys", c.used.Len(), len(c.byKey))
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(personSchema)
	f.Add(orderSchema)
	f.Add(doubling(3))
	f.Add(`{"$dynamicRef":"#a","$defs":{"x":{"$dynamicAnchor":"a"}}}`)
	f.Add(`{"oneOf":[{"items":{"$ref":"#"}},{"type":["string","null"]}],"if":{"minLength":2},"then":{"pattern":"^(?=a)"}}`)
	f.Fuzz(func(t *testing.T, schema string) {
		s, err := Compile([]byte(schema))
		if err != nil {
			var se *SchemaError
			if !errors.As(err, &se) {
				t.Fatalf("error is a %T", err)
			}
			return
		}
		for _, p := range Profiles() {
			plan, err := s.Plan(p)
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(plan.Schema()) && !p.Verbatim {
				t.Fatalf("lowered schema is no JSON: %s", plan.Schema())
			}
		}
		if v, err := s.Instance(Hints{}, 1); err == nil && s.Validate(v) != nil {
			t.Fatal("invalid instance")
		}
	})
}
