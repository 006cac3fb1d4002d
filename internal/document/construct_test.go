package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/structured"
)

const person = `{"title":"person","type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}},"required":["name","age"],"additionalProperties":false}`

// stubborn is a model that never keeps to a schema.
const stubborn = "rules: [{reply: {text: I would rather not.}}]"

// violations are the places where a JSON text does not keep to a schema.
func (p *probe) violations(schema, text string) []structured.Violation {
	p.Helper()
	s, err := structured.Compile(json.RawMessage(schema))
	p.must(err)
	v, err := structured.Normalize(json.RawMessage(text))
	p.must(err)
	return s.Validate(v)
}

// valid tells whether a person keeps to the schema.
func (p *probe) valid(text string) bool {
	p.Helper()
	return len(p.violations(person, text)) == 0
}

var constructed = []check{
	{"The Construct API provides a way", func(p *probe, _ Item) {
		o := p.outcrop("construct", "--schema", person, "Extract: John Doe is 42")
		p.holds(p.valid(o.stdout), "JSON that validates")
		o = p.outcrop("construct", "--schema", person, "--format", "xml", "Extract: John Doe is 42")
		p.holds(strings.Contains(o.stdout, "<name>John Doe</name>"), "XML")
	}},
	{"When you need consistent, structured data", func(p *probe, _ Item) {
		first := p.outcrop("construct", "--schema", person, "Extract: John Doe is 42")
		second := p.outcrop("construct", "--schema", person, "Extract: Ada is 36 years old")
		for _, o := range []outcome{first, second} {
			p.holds(p.valid(o.stdout), "different prompts, one structure")
		}
	}},
	{"Applications requiring JSON or XML outputs", func(p *probe, _ Item) {
		o := p.outcrop("construct", "--schema", person, "--format", "json", "Extract: John Doe is 42")
		p.holds(json.Valid([]byte(o.stdout)), "JSON, and nothing else, on standard output")
		o = p.outcrop("construct", "--schema", person, "--format", "xml", "Extract: John Doe is 42")
		p.holds(strings.HasPrefix(strings.TrimSpace(o.stdout), "<"), "XML, and nothing else")
	}},
	{"Integration with databases or APIs", func(p *probe, _ Item) {
		p.write("letters.csv", "letter\nJohn Doe is 42\nAda is 36\n")
		o := p.outcrop("construct", "--schema", person, "--input", "letters.csv", "Extract:")
		p.holds(strings.Count(strings.TrimSpace(o.stdout), "\n") == 1 && strings.Count(o.stdout, `"output"`) == 2, "rows of a table in, one JSON line for each out")
	}},
	{"Cases where output validation is critical", func(p *probe, _ Item) {
		p.write("rules.yaml", stubborn)
		o := p.fails("--rules", "rules.yaml", "construct", "--schema", person, "Extract: John Doe is 42")
		p.holds(o.code == 6, "what does not validate is no success: exit code 6")
	}},
	{"python: def construct_structured_output", func(p *probe, i Item) {
		o := p.python(i.Text + `
reply = construct_structured_output("` + modelID + `", "Extract: John Doe is 42", json.loads('` + person + `'))
print(json.dumps(reply["output"]))
`)
		p.holds(p.valid(o.stdout) && strings.Contains(o.stdout, "John Doe"), "structured output matching the schema")
	}},
	{"May have specific quota limits separate", func(p *probe, _ Item) {
		states := separate(p, quota.PoolID{Model: modelID}, quota.PoolID{Model: modelID, Method: "construct"})
		p.holds(states[1] == quota.Refused && states[2] == quota.Admitted, "construct can have a pool of its own")
	}},
	{"Optimize by designing minimal schemas", func(p *probe, _ Item) {
		minimal := p.lint(person)
		wide := p.lint(`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},"biography":{"type":"string"},"notes":{"type":"string"},"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}},"required":["street","city"]}},"required":["name","age","biography","notes","address"]}`)
		p.holds(minimal.ExpectedTokens*2 < wide.ExpectedTokens, "%d expected output tokens instead of %d", minimal.ExpectedTokens, wide.ExpectedTokens)
	}},
	{"Consider response size when designing schemas", func(p *probe, _ Item) {
		open := p.lint(`{"type":"object","properties":{"items":{"type":"array","items":{"type":"string"}}},"required":["items"]}`)
		p.holds(strings.Contains(open.text, "items"), "lint names the place without a bound")
		p.holds(open.ExpectedTokens > 0, "and says what a response takes: %d tokens", open.ExpectedTokens)
	}},
	{"Design precise schemas", func(p *probe, _ Item) {
		wrong := p.violations(person, `{"name":"Ada","age":-1,"extra":true}`)
		p.ran(`structured.Validate({"name":"Ada","age":-1,"extra":true})`, "%v", wrong)
		p.holds(len(wrong) == 2, "a precise schema tells a negative age and an unknown member from what is expected")
		p.holds(slices.ContainsFunc(wrong, func(v structured.Violation) bool { return v.Path == "/age" }), "each by its place")
		vague := p.lint(`{"type":"object","properties":{"names":{"type":"array","items":{"type":"string","maxLength":20}}}}`)
		p.holds(strings.Contains(vague.text, "unbounded-list") && strings.Contains(vague.text, "/properties/names"), "outcrop construct --lint names what is not precise")
		o := p.fails("construct", "--schema", `{"type":"strin"}`, "Extract.")
		p.holds(strings.Contains(o.stderr, "type"), "a schema that is none is refused by its place")
	}},
	{"Include examples in prompts", func(p *probe, _ Item) {
		p.write("examples.json", `[{"input":"Bob is 7","output":{"name":"Bob","age":7}}]`)
		p.write("wrong.json", `[{"input":"Bob is 7","output":{"name":"Bob"}}]`)
		with := p.outcrop("construct", "--schema", person, "--strategy", "prompt", "--examples", "examples.json", "--json", "Extract: John Doe is 42")
		without := p.outcrop("construct", "--schema", person, "--strategy", "prompt", "--json", "Extract: John Doe is 42")
		a, b := into[bedrock.ConstructResponse](p, with.stdout), into[bedrock.ConstructResponse](p, without.stdout)
		p.holds(a.Usage.InputTokens > b.Usage.InputTokens, "the examples reach the model: %d input tokens instead of %d", a.Usage.InputTokens, b.Usage.InputTokens)
		o := p.fails("construct", "--schema", person, "--examples", "wrong.json", "Extract: John Doe is 42")
		p.holds(strings.Contains(o.stderr, "examples"), "an example that is itself wrong is refused")
	}},
	{"Implement validation", func(p *probe, _ Item) {
		m := p.manager(local.Config{Simulator: p.rules(`rules: [{replies: [{malformed: schema}, {}]}]`)})
		r, err := m.Construct(p.Context(), &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42", Schema: []byte(person)})
		p.ran("m.Construct, of a model that breaks the schema at first", "error %v", err)
		if p.holds(err == nil, "a model that breaks the schema is asked again") {
			p.note(" ", fmt.Sprintf("%s after %d attempts", r.Text, len(r.Trace.Attempts)))
			p.holds(len(r.Trace.Attempts) > 1 && len(r.Trace.Attempts[0].Errors) > 0, "the first reply was validated, and refused")
			p.holds(p.valid(string(r.Output)), "what is returned validates")
		}
	}},
	{"Create fallback mechanisms", func(p *probe, _ Item) {
		const other = "amazon.nova-pro-v1:0"
		m := p.manager(local.Config{Simulator: p.rules(`rules: [{match: {model: "anthropic.*"}, reply: {text: '{"name":"John Doe","age":-1}'}}]`)})
		_, err := m.Construct(p.Context(), &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42", Schema: []byte(person), MaxAttempts: ptr(5)})
		failure, ok := errors.AsType[*bedrock.SchemaFailure](err)
		p.ran("m.Construct of a model that never complies", "%v", err)
		if p.holds(ok && outcrop.AsError(err).Code == bedrock.CodeSchemaValidation, "a failure is an error with a name of its own") {
			p.holds(len(failure.Attempts) == 5, "after as many attempts as maxAttempts says: %d", len(failure.Attempts))
			p.holds(len(failure.Errors) == 1 && strings.Contains(string(failure.PartialOutput), "John Doe"), "with the value that came closest, %s, and what is wrong with it", failure.PartialOutput)
		}
		r, err := m.Construct(p.Context(), &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42", Schema: []byte(person), FallbackModelIDs: []string{other}, MaxAttempts: ptr(6)})
		p.ran("the same with fallbackModelIds", "error %v", err)
		p.holds(err == nil && r.Trace.ModelID == other, "another model takes over: %s", other)
	}},
}

type linted struct {
	ExpectedTokens int
	text           string
}

func (p *probe) lint(schema string) linted {
	p.Helper()
	o := p.outcrop("construct", "--schema", schema, "--lint", "--json")
	l := into[linted](p, o.stdout)
	l.text = o.stdout
	return l
}
