package simulator_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// scripted is a simulator with the rules of a YAML text.
func scripted(t *testing.T, yaml string) *simulator.Backend {
	t.Helper()
	rules, err := simulator.ParseRules("rules.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return simulate(t, simulator.Config{Rules: rules})
}

func TestRulesMatch(t *testing.T) {
	b := scripted(t, `
rules:
  - name: order
    match: {regex: '(?i)order (\d+)'}
    reply: {text: Order $1 is on its way.}
  - name: greeting
    match: {text: HELLO, model: anthropic.*haiku*}
    reply: {text: "Hello: it costs 5$."}
  - name: later
    match: {turn: 2}
    reply: {text: The second turn.}
  - name: offered
    match: {tool: get_weather, toolResult: false}
    reply: {toolUse: {name: get_weather, input: {city: Oslo, days: 3, exact: true, tags: [a, b]}}}
`)
	for prompt, want := range map[string]string{
		"Where is order 66?": "Order 66 is on its way.",
		"Oh, hello there":    "Hello: it costs 5$.",
	} {
		if got := converse(t, b, ask(prompt)).Output.Message.Text(); got != want {
			t.Errorf("%q: %q, want %q", prompt, got, want)
		}
	}
	other := ask("hello")
	other.ModelID = "amazon.nova-lite-v1:0"
	if got := converse(t, b, other).Output.Message.Text(); strings.Contains(got, "costs") {
		t.Errorf("a rule for another model applied: %q", got)
	}
	second := ask("One.")
	reply := bedrock.UserText("Two.")
	reply.Role = bedrock.ConversationRoleAssistant
	second.Messages = append(second.Messages, reply, bedrock.UserText("Three."))
	if got := converse(t, b, second).Output.Message.Text(); got != "The second turn." {
		t.Errorf("turn 2: %q", got)
	}
	tool := ask("Anything.")
	tool.ToolConfig = weather("auto")
	r := converse(t, b, tool)
	if r.StopReason != bedrock.StopReasonToolUse || string(r.Output.Message.Content[0].ToolUse.Input) != `{"city":"Oslo","days":3,"exact":true,"tags":["a","b"]}` {
		t.Errorf("%s %+v", r.StopReason, r.Output.Message.Content[0].ToolUse)
	}
	var names []string
	for _, r := range b.Requests() {
		names = append(names, r.Rule)
	}
	if got := strings.Join(names, " "); !strings.HasSuffix(got, " later offered") || len(names) != 5 {
		t.Errorf("the log names the rules %q", got)
	}
}

// A rule can fail twice and then let the call through, which is what a test
// of retries wants.
func TestRulesInSequence(t *testing.T) {
	b := scripted(t, `
rules:
  - match: {text: flaky}
    replies:
      - error: {code: ThrottlingException, message: slow down}
      - error: {code: ServiceUnavailableException, message: not now}
      - {}
  - match: {text: circle}
    replies: [{text: one}, {text: two}]
    cycle: true
  - match: {text: once}
    times: 1
    reply: {text: just once}
`)
	if e := refused(t, b, ask("flaky")); e.Code != bedrock.CodeThrottling || !e.Retryable || e.Message != "slow down" {
		t.Errorf("first: %+v", e)
	}
	if e := refused(t, b, ask("flaky")); e.Code != bedrock.CodeServiceUnavailable {
		t.Errorf("second: %+v", e)
	}
	for range 2 {
		if r := converse(t, b, ask("flaky")); !strings.Contains(r.Output.Message.Text(), "flaky") {
			t.Errorf("then: %s", r.Output.Message.Text())
		}
	}
	var said []string
	for range 3 {
		said = append(said, converse(t, b, ask("circle")).Output.Message.Text())
	}
	if got := strings.Join(said, " "); got != "one two one" {
		t.Errorf("in a circle: %s", got)
	}
	if got := converse(t, b, ask("once")).Output.Message.Text(); got != "just once" {
		t.Errorf("once: %s", got)
	}
	if got := converse(t, b, ask("once")).Output.Message.Text(); got == "just once" {
		t.Error("twice")
	}
}

func TestRulesDelayAndThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := scripted(t, `
rules:
  - match: {model: "anthropic.*"}
    throttle: {requests: 2, per: 1m}
  - match: {text: slow}
    reply: {delay: 1500ms}
`)
		begin := time.Now()
		converse(t, b, ask("slow"))
		if took := time.Since(begin); took != 1500*time.Millisecond {
			t.Errorf("the delay took %v", took)
		}
		converse(t, b, ask("fast"))
		if e := refused(t, b, ask("fast")); e.Code != bedrock.CodeThrottling || !e.Retryable {
			t.Errorf("the third call: %+v", e)
		}
		other := ask("fast")
		other.ModelID = "amazon.nova-lite-v1:0"
		converse(t, b, other)
		time.Sleep(30 * time.Second)
		converse(t, b, ask("fast"))
		if e := refused(t, b, ask("fast")); e.Code != bedrock.CodeThrottling {
			t.Errorf("half a minute lets one call through, not two: %+v", e)
		}
	})
}

func TestRulesCutStreams(t *testing.T) {
	b := scripted(t, `
rules:
  - {match: {text: broken}, reply: {cut: {after: 3, code: ModelStreamErrorException, message: lost}}}
  - {match: {text: silent}, reply: {cut: {after: 3}}}
  - {match: {text: unpriced}, reply: {malformed: noMetadata}}
`)
	read := func(prompt string) (types []string, err error) {
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, ask(prompt)))
		if err != nil {
			t.Fatal(err)
		}
		for event, err := range reply.Stream.Events() {
			if err != nil {
				return types, err
			}
			types = append(types, event.Type())
		}
		return types, nil
	}
	types, err := read("broken")
	var e *outcrop.Error
	if len(types) != 3 || !errors.As(err, &e) || e.Code != bedrock.CodeModelStreamError || e.Message != "lost" {
		t.Errorf("broken: %v, %v", types, err)
	}
	if types, err = read("silent"); len(types) != 3 || err != nil {
		t.Errorf("silent: %v, %v", types, err)
	}
	if types, err = read("unpriced"); err != nil || types[len(types)-1] != "messageStop" {
		t.Errorf("unpriced: %v, %v", types, err)
	}
}

func TestRulesSpoilReplies(t *testing.T) {
	b := scripted(t, `
rules:
  - {match: {text: half}, reply: {malformed: json}}
  - {match: {text: wrong}, reply: {malformed: schema}}
  - {match: {text: nothing}, reply: {malformed: empty}}
  - {match: {text: refuse}, reply: {text: I will not., stopReason: content_filtered}}
  - {match: {text: badtool}, reply: {toolUse: {name: get_weather}, malformed: toolInput}}
`)
	const schema = `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`
	compiled, err := structured.Compile([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	structure := func(prompt string) string {
		req := ask(prompt)
		req.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
			Type: bedrock.OutputFormatTypeJSONSchema, Structure: bedrock.OutputFormatStructure{JSONSchema: &bedrock.JSONSchemaDefinition{Schema: schema}},
		}}
		return converse(t, b, req).Output.Message.Text()
	}
	if text := structure("half of it"); text == "" || bedrock.Document(text).IsValid() {
		t.Errorf("half a JSON: %s", text)
	}
	text := structure("wrong value")
	if v, err := compiled.ValidateJSON([]byte(text)); err != nil || len(v) == 0 {
		t.Errorf("JSON that breaks the schema: %s: %v %v", text, v, err)
	}
	if r := converse(t, b, ask("nothing")); len(r.Output.Message.Content) != 0 {
		t.Errorf("no content: %+v", r.Output.Message.Content)
	}
	if r := converse(t, b, ask("refuse")); r.StopReason != bedrock.StopReasonContentFiltered || r.Output.Message.Text() != "I will not." {
		t.Errorf("a refusal: %s %s", r.StopReason, r.Output.Message.Text())
	}
	req := ask("badtool")
	req.ToolConfig = weather("auto")
	use := converse(t, b, req).Output.Message.Content[0].ToolUse
	tool, err := structured.Compile(req.ToolConfig.Tools[0].ToolSpec.InputSchema.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := tool.ValidateJSON(use.Input); err != nil || len(v) == 0 {
		t.Errorf("a tool input that breaks the schema: %s", use.Input)
	}
}

// A rules file is read again when it has changed, and while it is broken
// calls say so.
func TestRulesFileIsReloaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC).Add(age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("rules: [{reply: {text: one}}]", 0)
	b := simulate(t, simulator.Config{RulesFile: file})
	if got := converse(t, b, ask("Hi.")).Output.Message.Text(); got != "one" {
		t.Errorf("at first: %s", got)
	}
	write("rules: [{reply: {text: two}}]", time.Second)
	if got := converse(t, b, ask("Hi.")).Output.Message.Text(); got != "two" {
		t.Errorf("changed: %s", got)
	}
	write("rules:\n  - reply: {txet: three}\n", 2*time.Second)
	for range 2 {
		if e := refused(t, b, ask("Hi.")); !strings.Contains(e.Message, "rules.yaml:2: rules.0.reply.txet: unknown key") {
			t.Errorf("broken: %v", e)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if e := refused(t, b, ask("Hi.")); !strings.Contains(e.Message, "cannot be read") {
		t.Errorf("gone: %v", e)
	}
	write("", 3*time.Second)
	converse(t, b, ask("Hi."))
	if _, err := simulator.New(simulator.Config{RulesFile: filepath.Join(t.TempDir(), "none.yaml")}); err == nil {
		t.Error("a missing file was accepted at the start")
	}
}

func TestRulesErrorsNameThePlace(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"rules:\n- match: {regex: '('}\n  reply: {}", "f.yaml:2: rules.0.match.regex: missing closing ): `(`"},
		{"rules:\n- reply: {}\n  throttle: {requests: 1}", "f.yaml:2: rules.0: expected one of reply, replies and throttle, found 2 of them"},
		{"rules:\n- name: x", "f.yaml:2: rules.0: expected one of reply, replies and throttle, found 0 of them"},
		{"rules:\n- replies: []", "f.yaml:2: rules.0: replies is empty"},
		{"rules:\n- reply:\n    error: {code: Oops}", `f.yaml:3: rules.0.reply.error.code: "Oops" is no error code of Bedrock, such as ThrottlingException or ModelErrorException`},
		{"rules:\n- reply:\n    error: {message: x}", "f.yaml:3: rules.0.reply.error: code is missing"},
		{"rules:\n- reply:\n    delay: soon", "f.yaml:3: rules.0.reply.delay: expected a duration up to 1h0m0s, such as 200ms or 2s"},
		{"rules:\n- times: 0\n  reply: {}", "f.yaml:2: rules.0.times: expected a whole number from 1 on"},
		{"rules:\n- reply: {malformed: most}", `f.yaml:2: rules.0.reply.malformed: "most" is none of json, schema, toolInput, toolJSON, empty, noMetadata`},
		{"rules:\n- reply: {toolUse: [{name: a, input: [1]}]}", "f.yaml:2: rules.0.reply.toolUse.0.input: expected a mapping: the input of a tool is an object"},
		{"rules:\n- reply: {text: [a]}", "f.yaml:2: rules.0.reply.text: expected a text"},
		{"ruels: []", "f.yaml:1: ruels: unknown key; did you mean rules?"},
		{"rules: 7", "f.yaml:1: rules: expected a list"},
		{"just words", "f.yaml:1: expected a mapping with the keys rules"},
		{"---\nrules: []\n---\nrules: []", "f.yaml:4: a second document; one file is one document"},
		{"rules: " + strings.Repeat("[", 1_000_000), "f.yaml: not a rules file in YAML"},
		{"rules:\n- reply: {text: \"unclosed\n", "f.yaml:2: "},
	} {
		_, err := simulator.ParseRules("f.yaml", []byte(c.yaml))
		var e *simulator.RulesError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.yaml, err, c.want)
		}
	}
}

// FuzzParseRules looks for files that crash the parser, and for rules that it
// accepts and that crash a call.
func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{
		"rules: [{reply: {text: one}}]",
		"rules:\n  - match: {model: a*b, text: x, regex: 'a(b)', tool: t, turn: 1, toolResult: true, stream: false}\n    times: 2\n    replies: [{text: $1, reasoning: r}, {error: {code: ModelErrorException}}]\n    cycle: true",
		"rules:\n  - reply: {toolUse: {name: t, input: {a: [1, 2.5, null, true, {b: c}]}}, stopReason: tool_use, malformed: toolInput, cut: {after: 2}}",
		"rules:\n  - throttle: {requests: 1, per: 1m}\n",
		"rules: &a\n  - *a\n", "? [a]\n: b", "rules: !!seq [!!map {reply: |\n  x}]", "\xff", "rules:\n-", "rules: {<<: *x}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := simulator.ParseRules("f.yaml", data)
		if err != nil {
			var e *simulator.RulesError
			if !errors.As(err, &e) || e.File != "f.yaml" || e.Message == "" || e.Line < 0 {
				t.Fatalf("the error names no place: %#v", err)
			}
			return
		}
		b := simulate(t, simulator.Config{Rules: rules, Clock: noClock{}})
		req := ask("ab order 7")
		req.ToolConfig = weather("auto")
		for range 3 {
			reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, req))
			if err != nil {
				var e *outcrop.Error
				if !errors.As(err, &e) {
					t.Fatalf("%v", err)
				}
				continue
			}
			for range reply.Stream.Events() {
			}
		}
	})
}
