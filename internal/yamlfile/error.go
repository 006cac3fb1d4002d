package yamlfile

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
)

// Error says what is wrong in a file, and where.
type Error struct {
	File    string
	Line    int // from 1; 0 when the file as a whole is meant
	Message string
}

// Error is one line: file, line, message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// plain is the library's error without its excerpt of the file.
func plain(name, kind string, err error) error {
	y, ok := errors.AsType[yaml.Error](err)
	if !ok || y.GetToken() == nil || y.GetToken().Position == nil {
		return &Error{File: name, Message: "not " + kind + " in YAML"}
	}
	return &Error{File: name, Line: y.GetToken().Position.Line, Message: y.GetMessage()}
}
