package clients_test

import (
	"math"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/testengine"
)

// readingSchema leaves the tiny model no text of its own: its bytes need not be
// UTF-8. It bounds no number, since some clients leave bounds out of what they
// send.
var readingSchema = params{
	"type": "object", "title": "reading", "required": []string{"count", "unit", "open"}, "additionalProperties": false,
	"properties": params{
		"count": params{"type": "integer"},
		"unit":  params{"enum": []string{"stone", "pebble"}},
		"open":  params{"type": "boolean"},
	},
}

// TestFrameworksOnEngine: the frameworks, the program and a real llama-server
// in a row. The programs keep their model id. The model's words mean nothing, so what is looked at is what must
// hold of any reply.
func TestFrameworksOnEngine(t *testing.T) {
	t.Parallel()
	need(t, "node")
	engine := testengine.Start(t)
	s := serveKeys(t, "--config", "none", "--backend", "llama", "--set", "backends.llama.kind=openai",
		"--set", "backends.llama.baseUrl="+engine.URL+"/v1", "--set", "backends.llama.engine=llama.cpp",
		"--set", "backends.llama.model="+engine.Model)
	for _, f := range frameworks {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			p := node(t, f.script, nil)
			p.configure(t, signed(s.url))
			f.onEngine(t, p)
		})
	}
}

func (f *framework) onEngine(t *testing.T, p *program) {
	// Without chance, so that a reply and its stream are the same.
	ask := func(words string) params {
		return params{"modelId": modelID, "words": words, "maxTokens": 200, "temperature": 0}
	}
	t.Run("text and stream", func(t *testing.T) {
		whole := result[reply](t, p, "converse", ask("Say hello to Oslo"))
		streamed := result[reply](t, p, "converseStream", ask("Say hello to Oslo"))
		if whole.Text == "" || whole.Text != streamed.Text {
			t.Errorf("the reply is %q, its stream %q", whole.Text, streamed.Text)
		}
		if whole.StopReason != f.endTurn || streamed.StopReason != f.endTurn {
			t.Errorf("stop reasons %s and %s", whole.StopReason, streamed.StopReason)
		}
		if n := whole.Usage.OutputTokens; n == 0 || n != streamed.Usage.OutputTokens || whole.Usage.InputTokens == 0 {
			t.Errorf("usage %+v, of the stream %+v", whole.Usage, streamed.Usage)
		}
		if len(streamed.Events) < 6 {
			t.Errorf("the stream came in %d parts", len(streamed.Events))
		}
	})
	t.Run("tool", func(t *testing.T) {
		r := result[reply](t, p, "tools", ask("Weather in Paris?"))
		if city, ok := r.Input["city"].(string); r.FirstStop != f.toolUse || r.Tool != "get_weather" || !ok || city == "" {
			t.Errorf("%s: %s(%v)", r.FirstStop, r.Tool, r.Input)
		}
		if r.StopReason == "" {
			t.Error("nothing came of the tool's result")
		}
	})
	t.Run("object", func(t *testing.T) {
		asked := ask("Take a reading")
		asked["schema"] = readingSchema
		r := result[struct{ Object map[string]any }](t, p, "object", asked)
		count, ok := r.Object["count"].(float64)
		_, said := r.Object["open"].(bool)
		if unit := r.Object["unit"]; len(r.Object) != 3 || !ok || count != math.Trunc(count) || !said || unit != "stone" && unit != "pebble" {
			t.Errorf("%v does not keep to the schema", r.Object)
		}
	})
}
