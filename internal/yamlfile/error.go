package yamlfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

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
func plain(name, kind string, data []byte, err error) error {
	y, ok := errors.AsType[yaml.Error](err)
	if !ok || y.GetToken() == nil || y.GetToken().Position == nil {
		return &Error{File: name, Message: "not " + kind + " in YAML"}
	}
	line, message := y.GetToken().Position.Line, y.GetMessage()
	if strings.Contains(message, "not allowed in this context") {
		line, message = likely(data, line, message)
	}
	if strings.Contains(message, "'\t'") {
		message = "there is a tab where YAML takes spaces only"
	}
	return &Error{File: name, Line: line, Message: message}
}

// unquoted is a value that YAML takes for something else.
var unquoted = regexp.MustCompile("(?:^|[:-])[ \t]+([*@%`])")

// likely is what somebody most likely did where the library finds something out
// of place: they left quotes out, there or in the line before, which it has read
// as an alias; or the line is not indented as its neighbours.
func likely(data []byte, line int, message string) (int, string) {
	lines := strings.Split(string(data), "\n")
	for _, at := range []int{line, line - 1} {
		if at < 1 || at > len(lines) {
			continue
		}
		if found := unquoted.FindStringSubmatch(lines[at-1]); found != nil {
			return at, `a value that begins with ` + found[1] + ` has to be quoted, as in "` + found[1] + `"`
		}
	}
	return line, message + "; is the line indented as those around it?"
}
