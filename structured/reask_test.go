package structured

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestReAskNamesOnlyTheFailingPlaces(t *testing.T) {
	s := mustCompile(t, personSchema)
	v := parse(t, `{"name":"John","age":"x","extra":1,"tags":[{"id":1},{}]}`)
	text := s.ReAsk(v, s.Validate(v))
	for _, want := range []string{"/age: must be of type integer", `now: "x"`, "/extra: is not a member", "/tags/1/id: is required", "RFC 6902"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "/name") || strings.Contains(text, "John") {
		t.Errorf("speaks of what is right:\n%s", text)
	}
	if s.ReAsk(v, nil) != "" {
		t.Error("asks without a reason")
	}
}

func TestAnswerTakesPatchOrWholeValue(t *testing.T) {
	s := mustCompile(t, personSchema)
	base := parse(t, `{"name":"John","age":"x"}`)
	for _, text := range []string{
		`[{"op":"replace","path":"/age","value":42}]`,
		"Here is the patch:\n```json\n[{'op': 'replace', 'path': '/age', 'value': 42},]\n```",
		`{"op":"replace","path":"/age","value":42}`,
		`{"name":"John","age":42}`,
	} {
		r, err := s.Answer(base, text)
		if err != nil || !r.Valid() || plainJSON(r.Value) != `{"age":42,"name":"John"}` {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	var pe *PatchError
	if _, err := s.Answer(base, `[{"op":"replace","path":"/years","value":42}]`); !errors.As(err, &pe) {
		t.Errorf("error is %v", err)
	}
	var re *ReadError
	if _, err := s.Answer(base, `I am sorry.`); !errors.As(err, &re) {
		t.Errorf("error is %v", err)
	}
	if plainJSON(base) != `{"age":"x","name":"John"}` {
		t.Error("the base was modified")
	}
}

// spoil replaces one scalar of a value by one that its schema refuses.
func spoil(s *Schema, v any, rng *rand.Rand) (any, bool) {
	var paths []string
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range sortedKeys(v) {
				walk(v[k], at+"/"+escapePointer(k))
			}
		case []any:
			for i, e := range v {
				walk(e, at+"/"+string(rune('0'+i%10)))
			}
		default:
			paths = append(paths, at)
		}
	}
	walk(v, "")
	rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	for _, p := range paths {
		for _, bad := range []any{map[string]any{"wrong": true}, json.Number("-1.5"), nil} {
			out, err := Patch{{Op: "replace", Path: p, Value: bad}}.Apply(v)
			if err == nil && s.Validate(out) != nil {
				return out, true
			}
		}
	}
	return nil, false
}

// The answer to a re-ask, given as the smallest patch, costs a fraction of the
// whole document.
func TestSuitePatchSavesTokens(t *testing.T) {
	patchTokens, fullTokens, documents := 0, 0, 0
	for i, d := range suiteDocuments(t) {
		bad, ok := spoil(d.schema, d.value, rand.New(rand.NewPCG(uint64(i), 9)))
		if !ok {
			continue
		}
		answer := plainJSON(Diff(bad, d.value))
		r, err := d.schema.Answer(bad, answer)
		if err != nil || !r.Valid() {
			t.Errorf("%s: %v %+v", d.name, err, r)
			continue
		}
		documents++
		patchTokens += roughTokens(answer)
		fullTokens += roughTokens(string(d.schema.Encode(d.value)))
	}
	t.Logf("%d documents: patches %d tokens, whole documents %d (%.1f %%)", documents, patchTokens, fullTokens, 100*float64(patchTokens)/float64(fullTokens))
	if patchTokens*4 > fullTokens {
		t.Error("patches cost more than a quarter of the documents")
	}
}
