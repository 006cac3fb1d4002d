package outcrop_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func openLocal() *local.Local {
	m, err := local.Open("", local.Config{ModelID: sonnet})
	if err != nil {
		log.Fatal(err)
	}
	return m
}

func ExampleManager_Construct() {
	ctx := context.Background()
	m := openLocal()
	defer m.Close(ctx)
	response, err := m.Construct(ctx, &bedrock.ConstructRequest{
		Prompt: "Extract: John Doe is 42",
		Schema: bedrock.Document(`{"type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}}}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.Text, response.Trace.Strategy)
	// Output: {"name":"John Doe","age":42} native
}

func ExampleConstructInto() {
	ctx := context.Background()
	m := openLocal()
	defer m.Close(ctx)
	type Person struct {
		Name string `json:"name"`
		Age  int    `json:"age" jsonschema:"age in years"`
	}
	person, _, err := outcrop.ConstructInto[Person](ctx, m.Manager, &bedrock.ConstructRequest{Prompt: "Extract: John Doe is 42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(person.Name, person.Age)
	// Output: John Doe 42
}

func ExampleManager_Construct_xml() {
	ctx := context.Background()
	m := openLocal()
	defer m.Close(ctx)
	response, err := m.Construct(ctx, &bedrock.ConstructRequest{
		Prompt: "Extract: John Doe is 42",
		Format: bedrock.ConstructFormatXML,
		Schema: bedrock.Document(`{
			"type": "object", "xml": {"name": "person"}, "required": ["name", "age"],
			"properties": {"name": {"type": "string"}, "age": {"type": "integer", "xml": {"attribute": true}}}
		}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.Text)
	// Output: <person age="42"><name>John Doe</name></person>
}

func ExampleManager_ConstructStream() {
	ctx := context.Background()
	m := openLocal()
	defer m.Close(ctx)
	stream, err := m.ConstructStream(ctx, &bedrock.ConstructRequest{
		Prompt: "Extract: John Doe is 42",
		Schema: bedrock.Document(`{"type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}}}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for event, err := range stream.Events() {
		if err != nil {
			log.Fatal(err)
		}
		out, err := event.Constructed()
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case out.Result != nil:
			fmt.Println("result", out.Result.Text)
		case out.Partial.Open == nil:
			fmt.Println(out.Partial.Path, string(out.Partial.Value))
		}
	}
	// Output:
	// /name "John Doe"
	// /age 42
	// result {"name":"John Doe","age":42}
}

// When no attempt validates, the error holds the value that came closest and
// what every attempt cost.
func ExampleManager_Construct_failure() {
	ctx := context.Background()
	m := openLocal()
	defer m.Close(ctx)
	_, err := m.Construct(ctx, &bedrock.ConstructRequest{
		Prompt:          "Extract: John Doe is 42",
		Schema:          bedrock.Document(`{"type":"object","required":["name","age"],"properties":{"name":{"type":"string"},"age":{"type":"integer"}}}`),
		InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: new(8)}, // too few
	})
	if failure, ok := errors.AsType[*bedrock.SchemaFailure](err); ok {
		fmt.Println(string(failure.PartialOutput), len(failure.Attempts), "attempts")
	}
	// Output: {"name":"John Doe"} 3 attempts
}
