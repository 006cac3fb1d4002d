package structured_test

import (
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop/structured"
)

const person = `{
	"title": "Person",
	"type": "object",
	"properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
	"required": ["name", "age"],
	"additionalProperties": false
}`

func compile(schema string) *structured.Schema {
	s, err := structured.NewCompiler(structured.Config{}).Compile([]byte(schema))
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func ExampleSchema_Read() {
	s := compile(person)
	r, err := s.Read("Sure:\n```json\n{name: 'John', 'age': 42,}\n```")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(s.Encode(r.Value)), r.Valid())
	for _, repair := range r.Repairs {
		fmt.Println(repair.Kind)
	}
	_, err = s.Read(`{"name": "John", "age": 42} or maybe {"name": "John", "age": 43}`)
	fmt.Println(err)
	// Output:
	// {"name":"John","age":42} true
	// text around the value removed
	// unquoted member name quoted
	// single quotes replaced
	// single quotes replaced
	// trailing comma removed
	// code fence removed
	// reply has more than one meaning: it holds 2 different values (byte 37)
}

func ExampleCompile() {
	_, err := structured.Compile([]byte(`{"properties": {"age": {"type": "int"}}}`))
	fmt.Println(err)
	// Output:
	// schema at /properties/age/type: must be one of "array", "boolean", "integer", "null", "number", "object", "string"
}

func ExampleSchema_Plan() {
	s := compile(`{"type": "object", "properties": {"scores": {"type": "object", "additionalProperties": {"type": "number"}}}}`)
	plan, err := s.Plan(structured.OpenAIStrict())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(plan.Schema()))
	for _, t := range plan.Transforms {
		fmt.Println(t.Name, "-", t.Effect)
	}
	answer, _ := structured.Normalize(map[string]any{"scores": []any{map[string]any{"key": "ann", "value": 7}}})
	fmt.Println(string(s.Encode(plan.Up(answer))))
	// Output:
	// {"type":"object","properties":{"scores":{"anyOf":[{"type":"array","items":{"type":"object","properties":{"key":{"type":"string"},"value":{"type":"number"}},"required":["key","value"],"additionalProperties":false}},{"type":"null"}]}},"required":["scores"],"additionalProperties":false}
	// close object - narrowing
	// map to list of key and value - reshaping
	// optional to nullable - reshaping
	// {"scores":{"ann":7}}
}

func ExampleSchema_ReAsk() {
	s := compile(person)
	r, _ := s.Read(`{"name": "John", "age": "forty-two"}`)
	fmt.Print(s.ReAsk(r.Value, r.Violations))
	mended, err := s.Answer(r.Value, `[{"op":"replace","path":"/age","value":42}]`)
	fmt.Println(string(s.Encode(mended.Value)), err)
	// Output:
	// The JSON you gave does not keep to the schema in these places:
	// - /age: must be of type integer, is string
	//   now: "forty-two"
	//   schema: {"minimum":0,"type":"integer"}
	// Answer with a JSON Patch (RFC 6902) that mends exactly these places and nothing else, as one JSON array without any other text, for example:
	// [{"op":"replace","path":"/age","value":...}]
	// {"name":"John","age":42} <nil>
}

func ExampleSchema_Stream() {
	stream := compile(person).Stream()
	for _, delta := range []string{`{"name": "Jo`, `hn", "ag`, `e": 42`, `}`} {
		for _, u := range stream.Feed(delta) {
			fmt.Printf("%s %v %t %q\n", u.Path, u.Value, u.Open, u.Text)
		}
	}
	r, err := stream.Close()
	fmt.Println(r.Valid(), err)
	// Output:
	// /name <nil> true "Jo"
	// /name John false ""
	// /age 42 false ""
	// true <nil>
}

func ExampleSchema_Instance() {
	s := compile(person)
	v, err := s.Instance(structured.HintsFrom("Extract: John Doe is 42"), 1)
	fmt.Println(string(s.Encode(v)), err)
	// Output: {"name":"John Doe","age":42} <nil>
}

func ExampleSchema_EncodeXML() {
	s := compile(person)
	r, err := s.ReadXML("Here you are: <Person><name>John</name><age>42</age></Person>")
	if err != nil {
		log.Fatal(err)
	}
	text, err := s.EncodeXML(r.Value)
	fmt.Println(string(text), err)
	// Output: <Person><name>John</name><age>42</age></Person> <nil>
}
