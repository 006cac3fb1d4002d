package structured

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/maskbench"
)

// planFigures is what the suite says about one profile.
type planFigures struct {
	schemas, plans             int
	valid, carried, restored   int
	invalid, refused           int
	complaints, lost, accepted []string
}

func measurePlans(t *testing.T, p Profile) planFigures {
	var f planFigures
	for _, c := range maskbench.Load(t) {
		s, err := Compile(c.Schema)
		if err != nil {
			continue
		}
		f.schemas++
		plan, err := s.Plan(p)
		if err != nil {
			f.complaints = append(f.complaints, fmt.Sprintf("%s: %v", c.Name, err))
			continue
		}
		lowered, err := Compile(plan.Schema())
		if err != nil {
			f.complaints = append(f.complaints, fmt.Sprintf("%s: lowered schema: %v", c.Name, err))
			continue
		}
		if odd := outside(p, lowered.doc); odd != "" {
			f.complaints = append(f.complaints, fmt.Sprintf("%s: lowered schema has %s", c.Name, odd))
			continue
		}
		f.plans++
		for i, in := range c.Tests {
			v, err := parseExact(string(in.Data), defaultMaxDepth)
			if err != nil {
				continue
			}
			name := fmt.Sprintf("%s/%d", c.Name, i)
			down := plan.Down(v)
			taken := lowered.Validate(down)
			if !in.Valid {
				f.invalid++
				if len(taken) > 0 {
					f.refused++
				} else {
					f.accepted = append(f.accepted, fmt.Sprintf("%s %s: %v", name, in.Description, s.Validate(v)))
				}
				continue
			}
			f.valid++
			if len(taken) > 0 {
				f.lost = append(f.lost, fmt.Sprintf("%s: %v", name, taken[:min(3, len(taken))]))
				continue
			}
			f.carried++
			up := plan.Up(down)
			if found := s.Validate(up); found != nil {
				f.complaints = append(f.complaints, fmt.Sprintf("%s: up of down is invalid: %v", name, found[:min(3, len(found))]))
			} else if equalValues(up, v) {
				f.restored++
			}
		}
	}
	return f
}

// outside names the first thing in a lowered schema that the profile does not
// take, "" if there is none. It knows the subset by itself, independently of
// the lowering.
func outside(p Profile, doc any) string {
	if p.Name == "full" {
		return ""
	}
	optional, unions := 0, 0
	var found string
	complain := func(format string, args ...any) {
		if found == "" {
			found = fmt.Sprintf(format, args...)
		}
	}
	allowed := []string{"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "$ref", "$defs", "description", "pattern", "format", "minItems"}
	if p.Name != "bedrock" {
		allowed = append(allowed, "maxItems", "minimum", "maximum")
	}
	if p.Name == "openai-strict" {
		allowed = append(allowed, "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
	}
	if p.Name == "llama.cpp" {
		allowed = append(allowed, "minLength", "maxLength")
	}
	root, _ := doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	var walk func(v any, at string)
	walk = func(v any, at string) {
		s, ok := v.(map[string]any)
		if !ok {
			return
		}
		for k := range s {
			if !slices.Contains(allowed, k) && !(k == "not" && len(s) == 1) {
				complain("%s at %s", k, at)
			}
		}
		if _, ok := s["anyOf"]; ok {
			unions++
		}
		if list, ok := s["type"].([]any); ok && len(list) > 1 {
			unions++
		}
		if m := s["minItems"]; m != nil && p.Name == "bedrock" && plainJSON(m) != "1" {
			complain("minItems %v", m)
		}
		if properties, ok := s["properties"].(map[string]any); ok {
			required, _ := s["required"].([]any)
			optional += len(properties) - len(required)
			if a := s["additionalProperties"]; a != false && !p.OpenObjects {
				complain("open object at %s", at)
			}
			for name, sub := range properties {
				if p.PlainNames && !isPlainName(name) {
					complain("name %q", name)
				}
				walk(sub, at+"/"+name)
			}
		}
		for _, k := range []string{"items", "additionalProperties"} {
			walk(s[k], at+"/"+k)
		}
		list, _ := s["anyOf"].([]any)
		for _, sub := range list {
			walk(sub, at+"/anyOf")
		}
	}
	walk(doc, "")
	for name, d := range defs {
		walk(d, "$defs/"+name)
	}
	if p.MaxOptional >= 0 && optional > p.MaxOptional {
		complain("%d optional members", optional)
	}
	if p.MaxUnions >= 0 && unions > p.MaxUnions {
		complain("%d unions", unions)
	}
	if !p.Recursion && cyclic(defs) {
		complain("recursion")
	}
	if p.RootObject && root["type"] != "object" {
		complain("a root that is no object")
	}
	return found
}

func cyclic(defs map[string]any) bool {
	state := map[string]int{}
	var visit func(v any) bool
	visit = func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/$defs/")
				if state[name] == 1 || state[name] == 0 && func() bool {
					state[name] = 1
					cycle := visit(defs[name])
					state[name] = 2
					return cycle
				}() {
					return true
				}
			}
			for _, e := range v {
				if visit(e) {
					return true
				}
			}
		case []any:
			for _, e := range v {
				if visit(e) {
					return true
				}
			}
		}
		return false
	}
	for _, d := range defs {
		if visit(d) {
			return true
		}
	}
	return false
}

func TestSuitePlans(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			f := measurePlans(t, p)
			t.Logf("%d of %d schemas planned; %d of %d valid instances carried, %d restored exactly; %d of %d invalid ones refused (%.1f %%)",
				f.plans, f.schemas, f.carried, f.valid, f.restored, f.refused, f.invalid, 100*float64(f.refused)/float64(max(f.invalid, 1)))
			for _, c := range f.complaints {
				t.Error(c)
			}
			// What is lost to narrowing are members that the schema allows
			// without naming them.
			if len(f.lost)*10 > f.valid {
				t.Errorf("%d of %d valid instances cannot be given", len(f.lost), f.valid)
			}
			if testing.Verbose() {
				for _, c := range f.lost[:min(len(f.lost), 5)] {
					t.Log("lost: ", c)
				}
				for _, c := range f.accepted[:min(len(f.accepted), 5)] {
					t.Log("accepted: ", c)
				}
			}
			if f.plans*100 < f.schemas*95 {
				t.Errorf("only %d of %d schemas have a plan", f.plans, f.schemas)
			}
			if maskbench.Long() && p.Name == "bedrock" && f.refused*100 < f.invalid*90 {
				t.Errorf("only %d of %d invalid instances refused", f.refused, f.invalid)
			}
		})
	}
}
