package structured

import (
	"errors"
	"testing"
)

func TestInstanceTakesHintsFromThePrompt(t *testing.T) {
	for _, c := range []struct{ schema, prompt, want string }{
		{
			`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}`,
			"Extract: John Doe is 42", `{"age":42,"name":"John Doe"}`,
		},
		{
			`{"type":"object","properties":{"city":{"type":"string"},"temperature":{"type":"number"},"unit":{"enum":["celsius","fahrenheit"]}},"required":["city","temperature","unit"]}`,
			"It is 21.5 degrees celsius, city: Paris.", `{"city":"Paris","temperature":21.5,"unit":"celsius"}`,
		},
		{
			`{"type":"object","properties":{"email":{"type":"string","format":"email"},"homepage":{"type":"string","format":"uri"},"born":{"type":"string","format":"date"}},"required":["email","homepage","born"]}`,
			"Write to ann@example.org, see https://example.org/ann. Born on 1990-04-01.", `{"born":"1990-04-01","email":"ann@example.org","homepage":"https://example.org/ann"}`,
		},
		{`{"type":"object","properties":{"active":{"type":"boolean"}},"required":["active"]}`, "active: no", `{"active":false}`},
		{
			`{"type":"object","properties":{"firstName":{"type":"string"},"lastName":{"type":"string"}},"required":["firstName","lastName"]}`,
			"The customer is Grace Hopper.", `{"firstName":"Grace","lastName":"Hopper"}`,
		},
	} {
		s := mustCompile(t, c.schema)
		v, err := s.Instance(HintsFrom(c.prompt), 1)
		if err != nil {
			t.Errorf("%s: %v", c.prompt, err)
			continue
		}
		if got := plainJSON(v); got != c.want {
			t.Errorf("%s: got %s, want %s", c.prompt, got, c.want)
		}
	}
}

func TestInstanceSatisfiesHardSchemas(t *testing.T) {
	for _, schema := range []string{
		`{"type":"integer","minimum":7,"maximum":20,"multipleOf":6}`,
		`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.5}`,
		`{"type":"number","multipleOf":0.25,"minimum":0.6,"maximum":0.8}`,
		`{"type":"integer","maximum":-3}`,
		`{"type":"string","pattern":"^[A-Z]{3}-\\d{4}$"}`,
		`{"type":"string","pattern":"^(?=.*\\d)(?=.*[a-z]).{8,}$"}`,
		`{"type":"string","minLength":40,"maxLength":41,"pattern":"^[a-f0-9]+$"}`,
		`{"type":"array","uniqueItems":true,"minItems":3,"items":{"enum":["a","b","c"]}}`,
		`{"type":"array","contains":{"const":7},"minItems":2,"items":{"type":"integer"}}`,
		`{"type":"object","minProperties":3,"propertyNames":{"pattern":"^x-[a-z]+$"}}`,
		`{"type":"object","patternProperties":{"^n_":{"type":"integer"}},"additionalProperties":false,"minProperties":2}`,
		`{"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"],"not":{"required":["a"]}}]}`,
		`{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},"else":{"required":["y"]},"type":"object"}`,
		`{"not":{"type":["object","array","string","number"]}}`,
		`{"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["kids"]}}}`,
		`{"type":"object","required":["card"],"properties":{"card":{"type":"string"}},"dependentRequired":{"card":["address"]}}`,
		`{"allOf":[{"properties":{"a":{"minimum":3}}},{"properties":{"a":{"maximum":3,"type":"integer"}},"required":["a"]}],"type":"object"}`,
		`{"prefixItems":[{"const":1},{"type":"string"}],"items":false,"minItems":2,"type":"array"}`,
		`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"unevaluatedProperties":false}`,
	} {
		s := mustCompile(t, schema)
		for seed := range uint64(5) {
			v, err := s.Instance(Hints{}, seed)
			if err != nil {
				t.Errorf("%s, seed %d: %v", schema, seed, err)
				continue
			}
			if found := s.Validate(v); found != nil {
				t.Errorf("%s: %s: %v", schema, plainJSON(v), found)
			}
		}
	}
}

func TestInstanceFollowsTheSeed(t *testing.T) {
	s := mustCompile(t, personSchema)
	a, _ := s.Instance(Hints{}, 5)
	b, _ := s.Instance(Hints{}, 5)
	if plainJSON(a) != plainJSON(b) {
		t.Errorf("%s and %s", plainJSON(a), plainJSON(b))
	}
	different := false
	for seed := range uint64(10) {
		c, _ := s.Instance(Hints{}, seed)
		different = different || plainJSON(c) != plainJSON(a)
	}
	if !different {
		t.Error("every seed gives the same")
	}
	if _, err := mustCompile(t, `{"type":"string","const":1}`).Instance(Hints{}, 1); !errors.Is(err, ErrNoInstance) {
		t.Error(err)
	}
}

func TestInstanceRefusesEndlessTexts(t *testing.T) {
	for _, schema := range []string{
		`{"type": "string", "minLength": 9000000000000000000}`,
		`{"type": "string", "pattern": "^a*$", "minLength": 9000000000000000000}`,
		`{"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "format": "email", "minLength": 9000000000000000000}}}`,
	} {
		s := mustCompile(t, schema)
		if _, err := s.Instance(Hints{}, 1); !errors.Is(err, ErrNoInstance) {
			t.Errorf("%s: %v", schema, err)
		}
	}
}
