package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// object keeps the order of its members, as a map would not.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := encode(m.key)
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is JSON without escapes for HTML, which make comments unreadable.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// schemaOf is the JSON Schema of the settings.
func schemaOf(types map[string][]setting) []byte {
	root := object{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"$id", "https://outcrop.dev/outcrop.schema.json"},
		{"title", "outcrop.yaml"},
	}
	root = append(root, structSchema(types, "File")...)
	text, err := encode(root)
	if err != nil {
		panic(err) // strings, numbers and truth values only
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		panic(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func structSchema(types map[string][]setting, name string) object {
	var properties object
	for _, s := range types[name] {
		properties = append(properties, member{s.key, append(object{{"description", s.text}}, valueSchema(types, s)...)})
	}
	// A key without a value is as if it were not there.
	return object{{"type", []string{"object", "null"}}, {"additionalProperties", false}, {"properties", properties}}
}

func valueSchema(types map[string][]setting, s setting) object {
	if elem, ok := strings.CutPrefix(s.kind, "map[string]"); ok {
		return object{{"type", []string{"object", "null"}}, {"additionalProperties", elemSchema(types, elem)}}
	}
	if elem, ok := strings.CutPrefix(s.kind, "[]"); ok {
		return object{{"type", []string{"array", "null"}}, {"items", elemSchema(types, elem)}}
	}
	if _, ok := types[s.kind]; ok {
		return structSchema(types, s.kind)
	}
	schema := scalarSchema(s.kind)
	if known := strings.Fields(s.tag.Get("enum")); len(known) > 0 {
		schema = object{{"enum", known}}
	}
	if low, err := strconv.ParseFloat(s.tag.Get("min"), 64); err == nil {
		schema = append(schema, member{"minimum", low})
	}
	if value, ok := s.tag.Lookup("default"); ok {
		schema = append(schema, member{"default", typed(s.kind, value)})
	}
	return schema
}

func elemSchema(types map[string][]setting, kind string) object {
	if _, ok := types[kind]; ok {
		return structSchema(types, kind)
	}
	return scalarSchema(kind)
}

func scalarSchema(kind string) object {
	switch kind {
	case "int", "int64":
		return object{{"type", "integer"}}
	case "float64":
		return object{{"type", "number"}}
	case "bool":
		return object{{"type", "boolean"}}
	case "time.Duration":
		return object{{"type", "string"}, {"pattern", `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`}}
	case "Bytes":
		return object{{"type", []string{"integer", "string"}}, {"pattern", "^[0-9]+ *([KMG]i?B|B)?$"}}
	}
	return object{{"type", []string{"string", "number", "boolean"}}}
}

func typed(kind, value string) any {
	switch kind {
	case "int", "int64", "float64", "bool":
		return json.RawMessage(value)
	}
	return value
}
