package structured

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

func TestContradictionsAreFoundWhereTheyStand(t *testing.T) {
	cases := []struct{ name, schema, path, message string }{
		{"false", `false`, "", "it is false"},
		{"lengths", `{"type":"string","minLength":5,"maxLength":2}`, "", "minLength 5 is above maxLength 2"},
		{"range", `{"type":"object","required":["age"],"properties":{"age":{"type":"number","minimum":3,"exclusiveMaximum":3}}}`, "/properties/age", "no number lies between its minimum 3 and its maximum 3"},
		{"integers", `{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}`, "", "no integer lies"},
		{"items", `{"type":"array","minItems":3,"maxItems":1}`, "", "minItems 3 is above maxItems 1"},
		{"item", `{"type":"array","minItems":1,"items":{"enum":[]}}`, "/items", "none of the values"},
		{"forbidden", `{"type":"object","required":["a"],"properties":{"b":{}},"additionalProperties":false}`, "", `requires the member "a"`},
		{"required false", `{"type":"object","required":["a"],"properties":{"a":false}}`, "/properties/a", "it is false"},
		{"too many", `{"type":"object","required":["a","b"],"maxProperties":1}`, "", "requires 2 members and allows 1"},
		{"types", `{"allOf":[{"type":"string"},{"type":"integer"}]}`, "", "its types leave none"},
		{"enum", `{"type":"string","enum":["a","b"],"minLength":2}`, "", "none of the values of enum"},
		{"not", `{"not":{}}`, "/not", "excludes every value"},
		{"union", `{"anyOf":[{"type":"string","minLength":2,"maxLength":1},false]}`, "", "no branch of its anyOf"},
		{"union against the rest", `{"type":"integer","oneOf":[{"type":"string"},{"type":"array"}]}`, "", "no branch of its oneOf"},
		{"excluded", `{"type":"object","required":["a","b"],"not":{"required":["b"]}}`, "/not", "excludes the members"},
		{"endless", `{"$defs":{"n":{"type":"object","required":["next"],"properties":{"next":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, "/$defs/n/properties/next", "never end"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			why := s.Contradiction()
			if why == nil {
				t.Fatal("no contradiction was found")
			}
			if why.Path != c.path || !strings.Contains(why.Message, c.message) || why.Kind != SchemaImpossible {
				t.Errorf("at %q: %s (%s)", why.Path, why.Message, why.Kind)
			}
			if v, err := s.Instance(Hints{}, 1); err == nil {
				t.Errorf("and yet %v is valid", v)
			}
		})
	}
}

func TestNoContradictionIsClaimedOfWhatHasAValue(t *testing.T) {
	for _, text := range []string{
		`true`, `{}`,
		`{"type":"object","properties":{"a":false}}`,
		`{"type":"array","items":false}`,
		`{"type":"array","items":{"type":"array","minItems":2,"maxItems":1}}`,
		`{"type":["string","null"],"minLength":3,"maxLength":1}`,
		`{"anyOf":[false,{"type":"null"}]}`,
		`{"$defs":{"n":{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/n"}]}}}},"$ref":"#/$defs/n"}`,
		`{"type":"number","minimum":3,"maximum":3}`,
		`{"anyOf":[{"properties":{"a":true},"required":["a"]}],"unevaluatedProperties":false,"required":["a"]}`,
	} {
		if why := mustCompile(t, text).Contradiction(); why != nil {
			t.Errorf("%s: %v", text, why)
		}
	}
	found := 0
	for _, c := range maskbench.Load(t) {
		s, err := Compile(c.Schema)
		if err != nil {
			continue
		}
		if why := s.Contradiction(); why != nil {
			found++
			if c.Satisfiable() {
				t.Errorf("%s has a valid value: %v", c.Name, why)
			}
			t.Log(c.Name, why)
		}
	}
	t.Logf("%d contradictions", found)
}
