package structured

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

// Each case gives a schema, a value of it, the value's lowered form, and the
// transforms that must be named.
func TestPlanLowersAndLifts(t *testing.T) {
	for _, c := range []struct {
		profile             Profile
		schema, value, down string
		transforms          string
	}{
		{
			OpenAIStrict(), `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a"]}`,
			`{"a":"x"}`, `{"a":"x","b":null}`, "close object, optional to nullable",
		},
		{
			Bedrock(), `{"type":"object","additionalProperties":{"type":"integer"}}`,
			`{"x":1,"y":2}`, `{"value":[{"key":"x","value":1},{"key":"y","value":2}]}`, "map to list of key and value, wrap root",
		},
		{
			Bedrock(), `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":{"type":"string"}}`,
			`{"a":1,"b":"x"}`, `{"a":1,"other_members":[{"key":"b","value":"x"}]}`, "map to list of key and value",
		},
		{Bedrock(), `{"type":"array","items":{"type":"integer"}}`, `[1]`, `{"value":[1]}`, "wrap root"},
		{Bedrock(), `{"type":"object","properties":{"any":{}},"additionalProperties":false}`, `{"any":{"x":[1]}}`, `{"any":"{\"x\":[1]}"}`, "JSON as text"},
		{
			Bedrock(), `{"type":"object","properties":{"$id":{"type":"string"},"a b":{"type":"string"}},"additionalProperties":false}`,
			`{"$id":"1","a b":"2"}`, `{"_id":"1","a_b":"2"}`, "rename member",
		},
		{
			Bedrock(), `{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":3}},"required":["n"],"additionalProperties":false}`,
			`{"n":2}`, `{"n":2}`, "range as enum",
		},
		{
			Bedrock(), `{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"string"}},"required":["k","x"],"additionalProperties":false},{"type":"string"}]}`,
			`{"k":"a","x":"y"}`, `{"value":{"k":"a","x":"y"}}`, "oneOf to anyOf, wrap root",
		},
		{
			Bedrock(), `{"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"kid":{"$ref":"#/$defs/t"}},"required":["v"],"additionalProperties":false}}}`,
			`{"v":1,"kid":{"v":2,"kid":{"v":3,"kid":{"v":4,"kid":{"v":5,"kid":{"v":6}}}}}}`, `{"kid":{"kid":{"kid":{"kid":{"kid":"{\"v\":6}","v":5},"v":4},"v":3},"v":2},"v":1}`, "cut recursion",
		},
		{
			Bedrock(), `{"type":"object","properties":{"e":{"enum":[{"a":1},[2]]}},"required":["e"],"additionalProperties":false}`,
			`{"e":[2]}`, `{"e":"[2]"}`, "enum as text",
		},
		{
			LlamaCPP(), `{"type":"object","properties":{"a":{"type":"string"}},"patternProperties":{"^x":{"type":"integer"}}}`,
			`{"a":"1","x1":2,"free":true}`, `{"a":"1","free":true,"x1":2}`, "",
		},
		{Full(), `{"type":"object","not":{"required":["a"]}}`, `{"b":1}`, `{"b":1}`, ""},
	} {
		s := mustCompile(t, c.schema)
		plan, err := s.Plan(c.profile)
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
			continue
		}
		lowered, err := Compile(plan.Schema())
		if err != nil {
			t.Errorf("%s: %v in %s", c.schema, err, plan.Schema())
			continue
		}
		v := parse(t, c.value)
		down := plan.Down(v)
		if got := plainJSON(down); got != c.down {
			t.Errorf("%s: down of %s is %s, want %s", c.profile.Name, c.value, got, c.down)
		}
		if found := lowered.Validate(down); found != nil {
			t.Errorf("%s refuses %s: %v", plan.Schema(), plainJSON(down), found)
		}
		if up := plan.Up(down); !equalValues(up, v) {
			t.Errorf("up of %s is %s", plainJSON(down), plainJSON(up))
		}
		var names []string
		for _, tr := range plan.Transforms {
			names = append(names, tr.Name)
			if tr.Reason == "" || tr.Effect == "" || tr.Count == 0 {
				t.Errorf("%+v", tr)
			}
		}
		if c.transforms != "" {
			for _, want := range strings.Split(c.transforms, ", ") {
				if !strings.Contains(strings.Join(names, ", "), want) {
					t.Errorf("%s: transforms %v, want %s", c.schema, names, want)
				}
			}
		}
	}
}

func TestPlanReadsReplies(t *testing.T) {
	s := mustCompile(t, `{"type":"object","properties":{"a":{"type":"integer"},"m":{"type":"object","additionalProperties":{"type":"integer"}}},"required":["a"],"additionalProperties":false}`)
	plan, err := s.Plan(OpenAIStrict())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Reshapes() {
		t.Error("a map became a list")
	}
	for _, c := range []struct{ text, want string }{
		{"```json\n{'a': 1, 'm': [{'key': 'x', 'value': 2},]}\n```", `{"a":1,"m":{"x":2}}`},
		{`{"a": 1, "m": null}`, `{"a":1}`},
		{`{"a": 1, "m": {"x": 2}}`, `{"a":1,"m":{"x":2}}`}, // not lowered at all
	} {
		r, err := plan.Read(c.text)
		if err != nil || !r.Valid() || plainJSON(r.Value) != c.want {
			t.Errorf("%s: %+v, %v", c.text, r, err)
		}
	}
	if r, err := plan.Read(`{"a": "1", "m": null}`); err != nil || len(r.Violations) != 1 || r.Violations[0].Path != "/a" {
		t.Errorf("%+v, %v", r, err)
	}
}

// Beyond the limits nothing is lost: optional members and unions take forms
// that need neither.
func TestPlanKeepsToTheLimits(t *testing.T) {
	var members, values []string
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		members = append(members, `"`+string(c)+`":{"type":["string","integer"]}`)
		if c != 'k' {
			values = append(values, `"`+string(c)+`":"v"`)
		}
	}
	s := mustCompile(t, `{"type":"object","properties":{`+strings.Join(members, ",")+`},"additionalProperties":false}`)
	plan, err := s.Plan(Bedrock())
	if err != nil {
		t.Fatal(err)
	}
	lowered, err := Compile(plan.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if odd := outside(Bedrock(), lowered.doc); odd != "" {
		t.Error(odd)
	}
	v := parse(t, `{`+strings.Join(values, ",")+`}`)
	down := plan.Down(v)
	if found := lowered.Validate(down); found != nil {
		t.Errorf("%v", found)
	}
	if up := plan.Up(down); !equalValues(up, v) {
		t.Errorf("up is %s", plainJSON(up))
	}
}

// Many unions of one value would multiply to 3^40 forms.
func TestPlanBoundsProducts(t *testing.T) {
	var unions []string
	for i := range 40 {
		unions = append(unions, fmt.Sprintf(`{"anyOf":[{"required":["a%d"]},{"properties":{"b%d":{"type":"string"}}},{"properties":{"c%d":{"type":"string"}}}]}`, i, i, i))
	}
	s := mustCompile(t, `{"type":"object","allOf":[`+strings.Join(unions, ",")+`]}`)
	for _, p := range Profiles() {
		plan, err := s.Plan(p)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(plan.Schema()); n > 1<<18 {
			t.Errorf("%s: the lowered schema has %d bytes", p.Name, n)
		}
	}
}

// What a plan's back-end may answer, lifted, is what the full schema takes or
// what validation finds: instances of the lowered schema never get lost in Up.
func TestSuiteUpNeverFails(t *testing.T) {
	valid, total := 0, 0
	for i, c := range maskbench.Load(t) {
		if i%4 != 0 {
			continue
		}
		s, err := Compile(c.Schema)
		if err != nil {
			continue
		}
		for _, p := range []Profile{Bedrock(), OpenAIStrict()} {
			plan, err := s.Plan(p)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			lowered, err := Compile(plan.Schema())
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			v, err := lowered.Instance(Hints{}, 3)
			if err != nil {
				continue
			}
			total++
			if s.Validate(plan.Up(v)) == nil {
				valid++
			}
		}
	}
	t.Logf("%d of %d made answers are valid after Up", valid, total)
	if valid*2 < total {
		t.Errorf("only %d of %d", valid, total)
	}
}
