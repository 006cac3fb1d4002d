package cassette

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// fields takes the members of one part of a file by name, and remembers the
// first thing that was wrong and which names it knows. A nil part has nothing.
type fields struct {
	name    string // of the part, with a dot; "" at the top
	members []member
	known   []string
	err     error
}

func (f *fields) find(name string) *member {
	if f == nil {
		return nil
	}
	f.known = append(f.known, name)
	for i := range f.members {
		if f.members[i].name == name {
			return &f.members[i]
		}
	}
	return nil
}

// under is the part of a name; nil when there is none.
func (f *fields) under(name string) *fields {
	m := f.find(name)
	if m == nil {
		return nil
	}
	if m.value != "" {
		f.check(name, errors.New("it has to have members"))
	}
	return &fields{name: name + ".", members: m.members}
}

func (f *fields) text(name string) string {
	m := f.find(name)
	if m == nil {
		return ""
	}
	if len(m.members) > 0 {
		f.check(name, errors.New("it has to be a value"))
	}
	return m.value
}

func (f *fields) table(name string) map[string]string {
	m := f.find(name)
	if m == nil || len(m.members) == 0 {
		return nil
	}
	values := make(map[string]string, len(m.members))
	for _, entry := range m.members {
		if len(entry.members) > 0 {
			f.check(name+"."+entry.name, errors.New("it has to be a value"))
		}
		values[entry.name] = entry.value
	}
	return values
}

func (f *fields) flag(name string) bool {
	text := f.text(name)
	if text != "" && text != "true" && text != "false" {
		f.check(name, errors.New("it has to be true or false"))
	}
	return text == "true"
}

func (f *fields) span(name string) time.Duration {
	text := f.text(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		f.check(name, fmt.Errorf("%.32q is no duration, such as 1.5s", text))
	}
	return d
}

// body is a body in whichever form it was written.
func (f *fields) body() []byte {
	indented, text, coded := f.text("body"), f.text("text"), f.text("base64")
	switch {
	case indented != "":
		var compact bytes.Buffer
		f.check("body", json.Compact(&compact, []byte(indented)))
		return compact.Bytes()
	case text != "":
		return []byte(text)
	case coded != "":
		decoded, err := base64.StdEncoding.DecodeString(coded)
		f.check("base64", err)
		return decoded
	}
	return nil
}

func (f *fields) check(name string, err error) {
	if f != nil && f.err == nil && err != nil {
		f.err = fmt.Errorf("%s%s: %w", f.name, name, err)
	}
}

// end is what was wrong; also a member that nobody has asked for.
func (f *fields) end() error {
	if f == nil {
		return nil
	}
	for _, m := range f.members {
		known := false
		for _, name := range f.known {
			known = known || name == m.name
		}
		if !known {
			f.check(m.name, errors.New("there is no such member"))
		}
	}
	return f.err
}
