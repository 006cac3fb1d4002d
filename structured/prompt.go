package structured

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Format is the notation a model is asked to answer in.
type Format string

// The formats.
const (
	JSON Format = "json"
	XML  Format = "xml"
)

// Example is a pair of an input text and the value it stands for.
type Example struct {
	Input  string
	Output any // as Normalize takes it
}

// ExampleError tells that an example given to Prompt is not valid itself.
type ExampleError struct {
	Index      int
	Violations []Violation
}

func (e *ExampleError) Error() string {
	return fmt.Sprintf("examples[%d].output does not keep to the schema: %s", e.Index, e.Violations[0])
}

// Prompt returns the text that tells a model what to answer: the schema, the
// rules of the format, and examples, each checked against the schema first.
// Equal input gives equal bytes, so back-ends can cache the prefix. Errors are
// *ExampleError and, for XML, ErrNoRootName.
func (s *Schema) Prompt(format Format, examples []Example) (string, error) {
	values := make([]any, len(examples))
	for i, e := range examples {
		v, err := Normalize(e.Output)
		if err != nil {
			return "", fmt.Errorf("examples[%d].output: %w", i, err)
		}
		if found := s.Validate(v); found != nil {
			return "", &ExampleError{Index: i, Violations: found}
		}
		values[i] = v
	}
	var b strings.Builder
	switch format {
	case JSON, "":
		b.WriteString("Answer with one JSON value that keeps to the JSON Schema below, and with nothing else: " +
			"no explanation, no code fence, no comments. Use only members that the schema names. " +
			"Where something is not known and the member is optional, leave the member out.\n\n" + schemaMark)
		b.WriteString(compactSchema(s.doc, s.order))
	case XML:
		skeleton, err := s.xmlSkeleton()
		if err != nil {
			return "", err
		}
		b.WriteString("Answer with one XML element of the form below, and with nothing else: no explanation, no code fence. " +
			"Repeat an element where the JSON Schema has an array. Leave an element out where something optional is not known.\n\n" + schemaMark)
		b.WriteString(compactSchema(s.doc, s.order))
		b.WriteString("\n\nForm of the XML:\n" + skeleton)
	default:
		return "", fmt.Errorf("format %q is neither json nor xml", format)
	}
	for i, v := range values {
		out := string(s.Encode(v))
		if format == XML {
			text, err := s.EncodeXML(v)
			if err != nil {
				return "", err
			}
			out = string(text)
		}
		fmt.Fprintf(&b, "\n\nExample %d\nInput: %s\nAnswer: %s", i+1, examples[i].Input, out)
	}
	b.WriteString("\n")
	return b.String(), nil
}

// schemaMark stands before the schema in a prompt.
const schemaMark = "JSON Schema:\n"

// PromptSchema finds the schema and the format in a text that Prompt made, or
// in one of the same manner: a line "JSON Schema:" and the schema below it. The
// simulator answers by it.
func PromptSchema(text string) (schema json.RawMessage, format Format, ok bool) {
	before, after, found := strings.Cut(text, schemaMark)
	if !found || json.NewDecoder(strings.NewReader(after)).Decode(&schema) != nil {
		return nil, "", false
	}
	format = JSON
	if strings.Contains(before, "XML element") {
		format = XML
	}
	return schema, format, true
}

// xmlSkeleton shows the XML form with a made-up value.
func (s *Schema) xmlSkeleton() (string, error) {
	if _, err := s.rootName(); err != nil {
		return "", err
	}
	v, err := s.Instance(Hints{}, 1)
	if err != nil {
		return "(as the schema says)", nil //nolint:nilerr // a schema without an example is shown without one
	}
	text, err := s.EncodeXML(v)
	return string(text), err
}

// compactSchema renders a schema without white space, its members in their own
// order, and without what a model has no use for.
func compactSchema(doc any, order map[string][]string) string {
	var render func(v any, at string) any
	render = func(v any, at string) any {
		switch v := v.(type) {
		case map[string]any:
			var out object
			for _, name := range order[at] {
				if (name == "$schema" || name == "$comment" || name == "$id") && isText(v[name]) {
					continue
				}
				out = append(out, field{name, render(v[name], at+"/"+escapePointer(name))})
			}
			return orEmpty(out)
		case []any:
			out := make([]any, len(v))
			for i, e := range v {
				out[i] = render(e, fmt.Sprintf("%s/%d", at, i))
			}
			return out
		}
		return v
	}
	return plainJSON(render(doc, ""))
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}
