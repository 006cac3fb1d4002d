package outcrop_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// misbehaviours are replies that rules of the simulator give in the place of
// good ones. Those that are got over are followed by a valid value when they
// come once; a stream that has delivered parts of another value may not be,
// since the simulator writes no patches.
var misbehaviours = map[string]struct {
	reply    string
	recovers bool
}{
	"text ends in the middle":    {`{malformed: json}`, true},
	"breaks the schema":          {`{malformed: schema}`, true},
	"tool input breaks schema":   {`{toolUse: {name: construct_output}, malformed: toolInput}`, true},
	"empty tool input":           {`{toolUse: {name: construct_output, input: {}}}`, true},
	"another tool":               {`{toolUse: {name: no_such_tool, input: {a: 1}}}`, true},
	"no content":                 {`{malformed: empty}`, true},
	"no last event":              {`{malformed: noMetadata}`, false},
	"prose":                      {`{text: "I would rather talk about the weather, which is fine."}`, true},
	"prose around JSON":          {`{text: 'Sure! Here you are: {"a": 1} Let me know.'}`, true},
	"null":                       {`{text: "null"}`, true},
	"another type":               {`{text: "[[[1, 2], {}], true]"}`, true},
	"every member a string":      {`{text: '{"name": "7", "id": "x", "items": "none", "value": "true"}'}`, true},
	"another language":           {`{text: "{'name': None, 'ok': True,}"}`, true},
	"deep nesting":               {`{text: "` + strings.Repeat("[", 600) + `"}`, true},
	"a number beyond all ranges": {`{text: "1e999999"}`, true},
	"control characters":         {`{text: "\u0000\u0001{\u0002"}`, true},
	"markup":                     {`{text: "<a><b>1</a></b>"}`, true},
	"XML with entities":          {`{text: "<!DOCTYPE x [<!ENTITY e 'e'>]><root>&e;</root>"}`, true},
	"only a fence":               {"{text: \"```json\\n```\"}", true},
	"only thoughts":              {`{text: "<think>what could it be", reasoning: "hm"}`, true},
	"a patch":                    {`{text: '[{"op": "remove", "path": ""}, {"op": "add", "path": "/x/y", "value": 1}]'}`, true},
	"a refusal":                  {`{text: "I will not.", stopReason: content_filtered}`, false},
	"a guardrail":                {`{text: "Blocked.", stopReason: guardrail_intervened}`, false},
	"cut":                        {`{text: '{"na', stopReason: max_tokens}`, true},
	"cut before it began":        {`{malformed: empty, stopReason: max_tokens}`, true},
	"context full":               {`{malformed: json, stopReason: model_context_window_exceeded}`, true},
	"malformed output":           {`{malformed: json, stopReason: malformed_model_output}`, true},
	"malformed tool use":         {`{malformed: toolInput, stopReason: malformed_tool_use}`, true},
	"throttled":                  {`{error: {code: ThrottlingException, message: slow down}}`, false},
	"unavailable":                {`{error: {code: ServiceUnavailableException, message: not now}}`, false},
	"model error":                {`{error: {code: ModelErrorException, message: broken}}`, false},
	"model timeout":              {`{error: {code: ModelTimeoutException, message: too slow}}`, false},
	"access denied":              {`{error: {code: AccessDeniedException, message: not yours}}`, false},
	"invalid request":            {`{error: {code: ValidationException, message: grammar too large}}`, false},
	"stream lost":                {`{cut: {after: 3, code: ModelStreamErrorException, message: lost}}`, false},
	"stream ends silently":       {`{cut: {after: 2}}`, false},
}

// shapes are schemas of every kind that Construct meets.
var shapes = map[string]string{
	"flat":        `{"title":"person","type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}}}`,
	"closed":      `{"title":"p","type":"object","additionalProperties":false,"required":["id"],"properties":{"id":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},"tags":{"type":"array","items":{"type":"string"},"maxItems":3}}}`,
	"nested":      `{"title":"order","type":"object","required":["items"],"properties":{"items":{"type":"array","minItems":2,"items":{"type":"object","required":["sku","n"],"properties":{"sku":{"enum":["a","b"]},"n":{"type":"integer","minimum":1}}}}}}`,
	"map":         `{"title":"counts","type":"object","minProperties":1,"additionalProperties":{"type":"integer"}}`,
	"list":        `{"title":"list","type":"array","minItems":1,"items":{"type":"number","exclusiveMinimum":0}}`,
	"union":       `{"title":"shape","oneOf":[{"type":"object","required":["radius"],"properties":{"radius":{"type":"number"}}},{"type":"object","required":["side"],"properties":{"side":{"type":"number"}}}]}`,
	"enumeration": `{"title":"colour","enum":["red","green",7]}`,
	"boolean":     `{"title":"yes","type":"boolean"}`,
	"text":        `{"title":"text","type":"string","minLength":12}`,
	"formats":     `{"title":"contact","type":"object","required":["mail","born"],"properties":{"mail":{"type":"string","format":"email"},"born":{"type":"string","format":"date"}}}`,
	"recursive":   `{"title":"tree","$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"children":{"type":"array","items":{"$ref":"#/$defs/n"}}}}}}`,
	"conditional": `{"title":"c","type":"object","required":["kind"],"properties":{"kind":{"enum":["a","b"]}},"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"],"properties":{"x":{"type":"integer"}}}}`,
}

// Whatever a back-end does, once or always: what Construct returns validates,
// and everything else is a typed error that carries what there was.
func TestConstructWithstandsMisbehaviour(t *testing.T) {
	valid, failed, recovered := 0, 0, 0
	for name, wrong := range misbehaviours {
		for shape, text := range shapes {
			schema, err := structured.Compile([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, once := range []bool{true, false} {
				for _, how := range ways {
					t.Run(fmt.Sprintf("%s/%s/once=%v/%s", name, shape, once, how), func(t *testing.T) {
						response, err := misled(t, wrong.reply, once, text, how)
						switch {
						case err == nil && response == nil:
							t.Error("neither value nor error")
						case err == nil:
							valid++
							if once {
								recovered++
							}
							checkConstructed(t, schema, response, how)
						default:
							failed++
							checkConstructFailure(t, err)
							if once && wrong.recovers && !how.stream {
								t.Errorf("one bad reply was not got over: %v", err)
							}
						}
					})
				}
			}
		}
	}
	t.Logf("%d kinds over %d schemas: %d values, all valid (%d after one bad reply); %d typed errors", len(misbehaviours), len(shapes), valid, recovered, failed)
}

// ways are how a value is asked for: strategy, format, and whether it streams.
var ways = []way{
	{"auto", "json", false}, {"tool", "json", false}, {"prompt", "xml", false}, {"auto", "json", true}, {"tool", "json", true},
}

type way struct {
	strategy bedrock.ConstructStrategy
	format   bedrock.ConstructFormat
	stream   bool
}

func (w way) String() string { return fmt.Sprintf("%s-%s-stream=%v", w.strategy, w.format, w.stream) }

// misled asks a simulator that misbehaves, once or always.
func misled(t *testing.T, reply string, once bool, schema string, how way) (*bedrock.ConstructResponse, error) {
	rule := "rules: [{reply: " + reply + "}]"
	if once {
		rule = "rules: [{times: 1, reply: " + reply + "}]"
	}
	rules, err := simulator.ParseRules("rules.yaml", []byte(rule))
	if err != nil {
		t.Fatal(err)
	}
	backend, err := simulator.New(simulator.Config{Rules: rules, LogSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	m := manager(t, backend)
	req := &bedrock.ConstructRequest{Prompt: "Write one.", Schema: bedrock.Document(schema), Strategy: how.strategy, Format: how.format}
	if !how.stream {
		return m.Construct(t.Context(), req)
	}
	stream, err := m.ConstructStream(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return lastOf(t, stream)
}

// lastOf reads a stream to its end. What it delivers must be in the result.
func lastOf(t *testing.T, stream *outcrop.Stream) (*bedrock.ConstructResponse, error) {
	defer stream.Close()
	delivered := map[string]string{}
	for event, err := range stream.Events() {
		if err != nil {
			return nil, err
		}
		out, err := event.Constructed()
		if err != nil {
			t.Fatal(err)
		}
		if out.Result != nil {
			checkDelivered(t, out.Result.Output, delivered)
			return out.Result, nil
		}
		if out.Partial.Open == nil {
			delivered[out.Partial.Path] = string(out.Partial.Value)
		}
	}
	return nil, nil
}

func checkDelivered(t *testing.T, output bedrock.Document, delivered map[string]string) {
	t.Helper()
	value, err := structured.Normalize(json.RawMessage(output))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range delivered {
		part, ok := structured.Lookup(value, path)
		wanted, err := structured.Normalize(json.RawMessage(want))
		if err != nil {
			t.Fatal(err)
		}
		if !ok || fmt.Sprint(part) != fmt.Sprint(wanted) {
			t.Errorf("%s was delivered as %s and is %v", path, want, part)
		}
	}
}

func checkConstructed(t *testing.T, schema *structured.Schema, r *bedrock.ConstructResponse, how way) {
	t.Helper()
	if found, err := schema.ValidateJSON(r.Output); err != nil || found != nil {
		t.Errorf("%s does not validate: %v %v", r.Output, found, err)
	}
	if how.format == bedrock.ConstructFormatXML {
		if reading, err := schema.ReadXML(r.Text); err != nil || !reading.Valid() {
			t.Errorf("%s does not read back: %v", r.Text, err)
		}
	} else if r.Text != string(r.Output) {
		t.Errorf("text %s, output %s", r.Text, r.Output)
	}
	if len(r.Trace.Attempts) == 0 || r.Usage.TotalTokens == 0 {
		t.Errorf("trace %+v, usage %+v", r.Trace, r.Usage)
	}
}

// checkConstructFailure checks that an error is typed and priced, and carries
// what was done and the value that came closest, where there was one.
func checkConstructFailure(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Usage == nil || e.Message == "" || e.Code == bedrock.CodeInternalServer {
		t.Fatalf("%#v", err)
	}
	failure, ok := errors.AsType[*bedrock.SchemaFailure](err)
	if ok != (e.Code == bedrock.CodeSchemaValidation) {
		t.Fatalf("%s with a cause of %T", e.Code, e.Cause)
	}
	if ok && (len(failure.Attempts) == 0 || len(failure.Errors) == 0 || string(failure.PartialOutput) != string(e.Partial)) {
		t.Errorf("%+v", failure)
	}
	if len(e.Partial) > 0 && !json.Valid(e.Partial) {
		t.Errorf("the partial result %s is no JSON", e.Partial)
	}
}
