package structured

import (
	"errors"
	"strings"
	"testing"
)

func TestPromptIsStableAndChecked(t *testing.T) {
	s := mustCompile(t, personSchema)
	examples := []Example{{Input: "Ann, 7", Output: map[string]any{"age": 7, "name": "Ann"}}}
	first, err := s.Prompt(JSON, examples)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := mustCompile(t, personSchema).Prompt(JSON, examples)
		if err != nil || again != first {
			t.Fatalf("%v\n%s\n%s", err, first, again)
		}
	}
	for _, want := range []string{`{"title":"Person","type":"object","properties":{"name":{"type":"string"},"age"`, "Input: Ann, 7\nAnswer: {\"name\":\"Ann\",\"age\":7}"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s in\n%s", want, first)
		}
	}
	var ee *ExampleError
	if _, err := s.Prompt(JSON, []Example{{Output: map[string]any{"name": 1}}}); !errors.As(err, &ee) || ee.Index != 0 {
		t.Error(err)
	}
	if _, err := s.Prompt("yaml", nil); err == nil {
		t.Error("yaml is taken")
	}
}

func TestPromptShowsXML(t *testing.T) {
	s := mustCompile(t, orderSchema)
	text, err := s.Prompt(XML, []Example{{Input: "seven", Output: map[string]any{"id": 7}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `Answer: <s:order xmlns:s="urn:shop" id="7"/>`) {
		t.Errorf("got\n%s", text)
	}
	if _, err := mustCompile(t, `{"type":"object"}`).Prompt(XML, nil); !errors.Is(err, ErrNoRootName) {
		t.Error(err)
	}
}

func TestLintSpeaksOfCost(t *testing.T) {
	s := mustCompile(t, `{"type":"object","properties":{
		"kind":{"const":"order"},
		"note":{"type":"string"},
		"list":{"type":"array","items":{"$ref":"#"}},
		"any":{},
		"id":{"type":"integer"}
	}}`)
	r := s.Lint()
	got := map[AdviceKind]string{}
	for _, a := range r.Advice {
		got[a.Kind] = a.Path
	}
	for kind, path := range map[AdviceKind]string{
		Unneeded: "/properties/kind", UnboundedText: "/properties/note", UnboundedList: "/properties/list",
		LooseType: "/properties/any", OpenObject: "", Recursive: "", NoDescription: "/properties/id",
	} {
		if at, ok := got[kind]; !ok || kind != NoDescription && at != path {
			t.Errorf("%s: %q, %v; have %v", kind, at, ok, r.Advice)
		}
	}
	if r.ExpectedTokens < 5 || r.ExpectedTokens > 500 {
		t.Errorf("%d tokens expected", r.ExpectedTokens)
	}
	if len(r.Plans) != len(Profiles()) || !r.Plans[0].Identity || len(r.Plans[1].Transforms) == 0 {
		t.Errorf("%+v", r.Plans)
	}
}
