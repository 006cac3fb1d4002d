package structured

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// maxReAsk bounds how many places one instruction asks for, and maxSnippet how
// much of a value or a subschema it quotes.
const (
	maxReAsk   = 24
	maxSnippet = 400
)

// ReAsk returns the instruction that asks a model to mend a value: it names
// the failing places only and asks for a JSON Patch, which costs a fraction of
// the whole value. It returns "" when there are no violations.
func (s *Schema) ReAsk(v any, found []Violation) string {
	if len(found) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("The JSON you gave does not keep to the schema in these places:\n")
	for _, f := range found[:min(len(found), maxReAsk)] {
		b.WriteString("- " + f.String() + "\n")
		tokens, err := splitPointer(f.Path)
		if err != nil {
			continue
		}
		if now, there := lookup(v, tokens); there && !f.Missing && len(tokens) > 0 {
			b.WriteString("  now: " + snippet(plainJSON(now)) + "\n")
		}
		if f.Unwanted {
			b.WriteString("  remove it or give it its proper name\n")
		} else if wanted := s.subschemaText(tokens); wanted != "" && len(tokens) > 0 {
			b.WriteString("  schema: " + wanted + "\n")
		}
	}
	if len(found) > maxReAsk {
		fmt.Fprintf(&b, "- and %d more places\n", len(found)-maxReAsk)
	}
	b.WriteString("Answer with a JSON Patch (RFC 6902) that mends exactly these places and nothing else, " +
		"as one JSON array without any other text, for example:\n")
	b.WriteString(exampleOperations(found))
	b.WriteString("\n")
	return b.String()
}

// exampleOperations shows the form of the answer with the first places.
func exampleOperations(found []Violation) string {
	var ops []string
	for _, f := range found[:min(len(found), 2)] {
		switch {
		case f.Unwanted:
			ops = append(ops, `{"op":"remove","path":`+plainJSON(f.Path)+`}`)
		case f.Missing:
			ops = append(ops, `{"op":"add","path":`+plainJSON(f.Path)+`,"value":...}`)
		default:
			ops = append(ops, `{"op":"replace","path":`+plainJSON(f.Path)+`,"value":...}`)
		}
	}
	return "[" + strings.Join(ops, ",") + "]"
}

func snippet(text string) string {
	if len(text) <= maxSnippet {
		return text
	}
	return strings.ToValidUTF8(text[:maxSnippet], "") + "..."
}

// subschemaText quotes the schema's own words for a place, "" where they are
// too long to help.
func (s *Schema) subschemaText(tokens []string) string {
	g := guideOf(s.root)
	for _, t := range tokens {
		next := g.member(t)
		if i, ok := arrayIndex(t); ok && len(next) == 0 {
			next = g.item(i)
		}
		g = next
	}
	var parts []string
	for _, sub := range g {
		at, err := splitPointer(fragment(sub.Location))
		if err != nil {
			continue
		}
		raw, ok := lookup(s.doc, at)
		if room := maxSnippet; !ok || !hasRoom(raw, &room) {
			continue
		}
		if text := plainJSON(raw); len(text) <= maxSnippet && !strings.Contains(text, `"$ref"`) {
			parts = append(parts, text)
		}
	}
	text := strings.Join(slices.Compact(parts), " and ")
	if len(text) > 2*maxSnippet {
		return ""
	}
	return text
}

// hasRoom tells whether the JSON of a value may fit into so many bytes. It stops
// where they are used up, so a large value costs no more.
func hasRoom(v any, room *int) bool {
	*room--
	switch v := v.(type) {
	case string:
		*room -= len(v)
	case map[string]any:
		for name, e := range v {
			if *room -= len(name); *room < 0 || !hasRoom(e, room) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !hasRoom(e, room) {
				return false
			}
		}
	}
	return *room >= 0
}

// patchSchema describes the answer to ReAsk.
var patchSchema = sync.OnceValue(func() *Schema {
	s, err := Compile([]byte(`{
		"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/operation"}}, {"$ref": "#/$defs/operation"}],
		"$defs": {"operation": {
			"type": "object",
			"properties": {
				"op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
				"path": {"type": "string"},
				"from": {"type": "string"},
				"value": {}
			},
			"required": ["op", "path"],
			"additionalProperties": false
		}}
	}`))
	if err != nil {
		panic("structured: the schema of a patch does not compile: " + err.Error())
	}
	return s
})

// Answer reads the reply to ReAsk: a patch, which is applied to the value as a
// whole or not at all, or a whole new value. A patch was asked for, so what
// reads as one is taken for one unless only the other reading is valid. The
// outcome is validated; the error is a *ReadError or a *PatchError, and base is
// never modified.
func (s *Schema) Answer(base any, text string) (*Reading, error) {
	patched, patchErr := s.answerPatch(base, text)
	if patchErr == nil && patched.Valid() {
		return patched, nil
	}
	whole, wholeErr := s.Read(text)
	switch {
	case wholeErr == nil && whole.Valid():
		return whole, nil
	case patchErr == nil:
		return patched, nil
	case !errors.Is(patchErr, errNoPatch):
		return nil, patchErr
	case wholeErr != nil:
		return nil, wholeErr
	}
	return whole, nil
}

var errNoPatch = errors.New("the reply is no patch")

func (s *Schema) answerPatch(base any, text string) (*Reading, error) {
	answer, err := patchSchema().Read(text)
	switch {
	case err != nil || len(answer.Violations) > 0:
		return nil, errNoPatch
	case answer.Truncated:
		return nil, &ReadError{Kind: Truncated, Message: "the patch stops early", Offset: len(text)}
	}
	patch, err := PatchFrom(answer.Value)
	if err != nil {
		return nil, err
	}
	v, err := patch.Apply(base)
	if err != nil {
		return nil, err
	}
	return s.reading(v, answer.Repairs, false), nil
}
