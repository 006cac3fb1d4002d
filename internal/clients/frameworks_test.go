package clients_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// framework is a library over Bedrock that people use in an SDK's place.
type framework struct {
	name, script string

	endTurn, toolUse string // what it calls the stop reasons
	notFound         string // the class of the error for a model that nobody has
	objects, embeds  bool   // it has cases for them
}

var frameworks = []framework{
	{name: "anthropic-bedrock-sdk", script: "anthropic.mjs", endTurn: "end_turn", toolUse: "tool_use", notFound: "BadRequestError"},
	{name: "vercel-ai-sdk", script: "vercel.mjs", endTurn: "stop", toolUse: "tool-calls", notFound: "AI_APICallError", objects: true, embeds: true},
	{name: "langchain", script: "langchain.mjs", endTurn: "end_turn", toolUse: "tool_use", notFound: bedrock.CodeValidation, objects: true, embeds: true},
}

// TestFrameworks runs the frameworks against a server that verifies each
// signature: their ways of signing and of escaping model ids differ.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	need(t, "node")
	s := serveKeys(t)
	want := expected(t)
	for _, f := range frameworks {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			p := node(t, f.script, nil)
			p.configure(t, signed(s.url))
			f.calls(t, p, want)
			t.Run("unknown model", func(t *testing.T) {
				e := refused(t, p, "converse", params{"modelId": "anthropic.no-such-model-v1:0", "words": "hi"})
				if e.Class != f.notFound && e.Name != f.notFound || e.Status != 400 || !strings.Contains(e.Message, "model identifier is invalid") {
					t.Errorf("%+v", e)
				}
				if !requestID.MatchString(e.RequestID) {
					t.Errorf("request id %q", e.RequestID)
				}
			})
			t.Run("wrong secret", func(t *testing.T) {
				p.configure(t, signed(s.url).with("AWS_SECRET_ACCESS_KEY", "wrong"))
				e := refused(t, p, "converse", params{"modelId": modelID, "words": question})
				if e.Status != 403 || !strings.Contains(e.Message, "signature") {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

func (f *framework) calls(t *testing.T, p *program, want *bedrock.ConverseResponse) {
	for name, id := range map[string]string{"model": modelID, "profile": profileID, "profile-arn": profileARN} {
		t.Run("converse-"+name, func(t *testing.T) {
			f.check(t, result[reply](t, p, "converse", params{"modelId": id, "words": question}), want)
		})
	}
	t.Run("stream", func(t *testing.T) {
		r := result[reply](t, p, "converseStream", params{"modelId": modelID, "words": question})
		f.check(t, r, want)
		if len(r.Events) < 6 {
			t.Errorf("the stream came in %d parts", len(r.Events))
		}
	})
	t.Run("tools", func(t *testing.T) {
		r := result[reply](t, p, "tools", params{"modelId": modelID, "words": weather})
		if r.FirstStop != f.toolUse || r.Tool != "get_weather" || r.Input["city"] != "Paris" {
			t.Errorf("%s: %s(%v)", r.FirstStop, r.Tool, r.Input)
		}
		if r.StopReason != f.endTurn || !strings.Contains(r.Text, "clear") {
			t.Errorf("after the tool's result: %s, %q", r.StopReason, r.Text)
		}
	})
	if f.objects {
		t.Run("object", func(t *testing.T) {
			r := result[struct{ Object json.RawMessage }](t, p, "object", params{"modelId": modelID, "words": "Extract the person: Ada is 36 years old."})
			var person struct {
				Name string
				Age  int
			}
			if err := json.Unmarshal(r.Object, &person); err != nil || person.Name != "Ada" || person.Age != 36 {
				t.Errorf("%s, error %v", r.Object, err)
			}
		})
	}
	if f.embeds {
		t.Run("embed", func(t *testing.T) {
			r := result[struct{ Vectors []int }](t, p, "embed", params{"modelId": "amazon.titan-embed-text-v2:0", "texts": []string{"a rock", "a stone"}})
			if !slices.Equal(r.Vectors, []int{1024, 1024}) {
				t.Errorf("vectors of %v numbers", r.Vectors)
			}
		})
	}
}

func (f *framework) check(t *testing.T, r reply, want *bedrock.ConverseResponse) {
	t.Helper()
	if r.Text != textOf(want) || r.StopReason != f.endTurn || r.Usage.OutputTokens != want.Usage.OutputTokens || r.Usage.InputTokens != want.Usage.InputTokens {
		t.Errorf("%q, %s, usage %+v; the library says %q, %+v", r.Text, r.StopReason, r.Usage, textOf(want), want.Usage)
	}
}
