package native

import (
	"errors"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// RequestError says what in a native request is wrong. It is a
// ValidationException to whoever sent it.
type RequestError struct {
	Field  string // "messages.0.content.1.text"; empty for the body as a whole
	Reason string
}

// Error words the problem as Bedrock does.
func (e *RequestError) Error() string {
	where := "#"
	if e.Field != "" {
		where += "/" + strings.ReplaceAll(e.Field, ".", "/")
	}
	return "Malformed input request: " + where + ": " + e.Reason + ", please reformat your input and try again."
}

func bad(field, reason string) error { return &RequestError{Field: field, Reason: reason} }

// missing is the error of a member that must be there.
func missing(field, name string) error {
	return bad(field, "required key ["+name+"] not found")
}

// extraneous is the error of a member that has no place in Converse and
// cannot be left out without changing what the request means.
func extraneous(field, name string) error {
	return bad(field, "extraneous key ["+name+"] is not permitted")
}

// read decodes a part of a request; at is where that part stands.
func read(data []byte, v any, at string) error {
	err := bedrock.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*bedrock.DecodeError](err); ok {
		return bad(join(at, e.Field), e.Reason)
	}
	return bad(at, err.Error())
}

func join(at, field string) string {
	switch {
	case at == "":
		return field
	case field == "":
		return at
	}
	return at + "." + field
}
