package awscli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Message is a request as the service takes it.
type Message struct {
	Operation *bedrock.Operation
	Labels    map[string]string // of the path
	Query     url.Values
	Header    map[string]string
	Body      []byte
}

// Message is the request that the line asks for.
func (l *Line) Message() (*Message, error) {
	m := &Message{Operation: l.Command.Operation, Labels: map[string]string{}, Query: url.Values{}, Header: map[string]string{}}
	for option, member := range map[string]string{"page-size": "maxResults", "starting-token": "nextToken"} {
		if value := l.Options[option]; value != "" && l.Command.has(member) {
			m.Query.Set(member, value)
		}
	}
	body, hasBody := map[string]any{}, false
	for i := range l.Command.Members {
		member := &l.Command.Members[i]
		value, given := l.Values[member.Name]
		hasBody = hasBody || member.In == "body"
		if !given {
			continue
		}
		switch member.In {
		case "uri":
			m.Labels[member.Key] = fmt.Sprint(value)
		case "query":
			m.Query.Set(member.Key, fmt.Sprint(value))
		case "header":
			m.Header[member.Key] = fmt.Sprint(value)
		case "blob":
			m.Body, _ = value.([]byte)
		default:
			body[member.Name] = value
		}
	}
	if !hasBody {
		return m, nil
	}
	var err error
	m.Body, err = json.Marshal(body)
	return m, err
}

// Skeleton is the form of the command's request, with empty values, as
// --cli-input-json takes it.
func (c *Command) Skeleton() ([]byte, error) {
	form := map[string]any{}
	for _, m := range c.Members {
		form[m.Name] = emptyValue(m.Type, 0)
	}
	return json.Marshal(form)
}

// maxSkeletonDepth ends the form of types that hold themselves.
const maxSkeletonDepth = 8

func emptyValue(t reflect.Type, depth int) any {
	t = base(t)
	switch kindOf(t) {
	case reflect.Slice:
		if depth == maxSkeletonDepth {
			return []any{}
		}
		return []any{emptyValue(t.Elem(), depth+1)}
	case reflect.Map:
		return map[string]any{"KeyName": emptyValue(t.Elem(), depth+1)}
	case reflect.Struct:
		form := map[string]any{}
		for _, name := range fieldNames(t) {
			if inner, ok := fieldType(t, name); ok && depth < maxSkeletonDepth {
				form[name] = emptyValue(inner, depth+1)
			}
		}
		return form
	case reflect.Float64:
		return 0
	case reflect.Bool:
		return true
	case reflect.Interface:
		return map[string]any{}
	}
	if t == bytesType {
		return base64.StdEncoding.EncodeToString(nil)
	}
	return ""
}
