package awscli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

var (
	documentType = reflect.TypeFor[bedrock.Document]()
	timeType     = reflect.TypeFor[time.Time]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// base is the type behind pointers.
func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// kindOf is the kind of a member's value; a document is an Interface, a time a
// String.
func kindOf(t reflect.Type) reflect.Kind {
	switch t = base(t); t {
	case documentType:
		return reflect.Interface
	case timeType, bytesType:
		return reflect.String
	}
	switch k := t.Kind(); k {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		return reflect.Float64
	default:
		return k
	}
}

// composed tells whether a member is a list, a map or a structure.
func composed(t reflect.Type) bool {
	return slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.Struct}, kindOf(t))
}

// fill gives the members their values: those of --cli-input-json, and over
// them those of the flags.
func (l *Line) fill(given map[string][]string) error {
	if text := l.Options["cli-input-json"]; text != "" {
		if err := l.inputJSON(text); err != nil {
			return fmt.Errorf("--cli-input-json: %w", err)
		}
	}
	for _, m := range l.Command.Members {
		texts, ok := given[m.Flag]
		if !ok {
			continue
		}
		value, err := l.value(&m, texts)
		if err != nil {
			return fmt.Errorf("--%s: %w", m.Flag, err)
		}
		l.Values[m.Name] = value
	}
	if l.Skeleton {
		return nil
	}
	var missing []string
	for _, m := range l.Command.Members {
		if _, there := l.Values[m.Name]; m.Required && !there {
			missing = append(missing, "--"+m.Flag)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the following arguments are required: %s", strings.Join(missing, ", "))
	}
	return nil
}

func (l *Line) inputJSON(text string) error {
	text, _, err := paramFile(text)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := decode(text, &values); err != nil {
		return err
	}
	for name, value := range values {
		i := slices.IndexFunc(l.Command.Members, func(m Member) bool { return m.Name == name })
		if i < 0 {
			return fmt.Errorf("%s has no member %q", l.Command.Operation.Name, name)
		}
		m := &l.Command.Members[i]
		if err := check(m.Type, value, name); err != nil {
			return err
		}
		if s, ok := value.(string); ok && m.In == "blob" {
			if value, err = l.blob(s); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		l.Values[name] = value
	}
	return nil
}

// value reads a member from the texts of its flag.
func (l *Line) value(m *Member, texts []string) (any, error) {
	text, raw, err := paramFile(texts[0])
	if err != nil {
		return nil, err
	}
	if base(m.Type) == bytesType {
		if raw {
			return []byte(text), nil
		}
		return l.blob(text)
	}
	if !composed(m.Type) {
		return scalar(m.Type, text)
	}
	if isJSON(text) {
		if len(texts) > 1 {
			return nil, fmt.Errorf("one JSON value is expected, and %q follows it", texts[1])
		}
		var value any
		if err := decode(text, &value); err != nil {
			return nil, err
		}
		return value, check(m.Type, value, m.Name)
	}
	texts[0] = text
	return shorthand(m.Type, texts, m.Name)
}

// isJSON tells how a structure's text is written.
func isJSON(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

// paramFile is the contents of the file that a value names by file:// or
// fileb://, or the value itself. raw tells that the bytes count as they are.
func paramFile(value string) (text string, raw bool, err error) {
	name, raw := strings.CutPrefix(value, "fileb://")
	if !raw {
		var named bool
		if name, named = strings.CutPrefix(value, "file://"); !named {
			return value, false, nil
		}
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", false, fmt.Errorf("the file it names cannot be read: %w", err)
	}
	return string(content), raw, nil
}

// blob is the bytes of a blob's text. Without --cli-binary-format both of the
// AWS CLI's readings are taken: base64, as its version 2 wants, and where that
// is none the text itself, as version 1 does.
func (l *Line) blob(text string) ([]byte, error) {
	if l.format == "raw-in-base64-out" {
		return []byte(text), nil
	}
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil && l.format == "base64" {
		return nil, fmt.Errorf("is no base64 (%w); with --cli-binary-format raw-in-base64-out the text itself is sent", err)
	}
	if err != nil {
		return []byte(text), nil //nolint:nilerr // said above
	}
	return bytes, nil
}

// scalar reads a number, a yes or no, a document or a text.
func scalar(t reflect.Type, text string) (any, error) {
	switch kindOf(t) {
	case reflect.Float64:
		var n json.Number
		if err := json.Unmarshal([]byte(strings.TrimSpace(text)), &n); err != nil || n == "" {
			return nil, fmt.Errorf("%q is no number", text)
		}
		return n, nil
	case reflect.Bool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return text == "true", nil
	case reflect.Interface:
		var value any
		if decode(text, &value) == nil {
			return value, nil
		}
		if isJSON(text) {
			return nil, decode(text, &value)
		}
	}
	return text, nil
}

// decode reads one JSON value and nothing after it; numbers keep their digits.
func decode(text string, value any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(value); err != nil {
		return fmt.Errorf("is not valid JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // a decoder returns io.EOF itself; More passes over a bracket too many
		return fmt.Errorf("is not valid JSON: something follows the value at byte %d", d.InputOffset())
	}
	return nil
}

// check refuses members that a type does not have; they would be sent, and
// nobody would say that they mean nothing.
func check(t reflect.Type, value any, path string) error {
	t = base(t)
	if t == documentType || t == bytesType || t == timeType {
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			inner, err := inside(t, name, path)
			if err != nil {
				return err
			}
			if err := check(inner, v, path+"."+name); err != nil {
				return err
			}
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return fmt.Errorf("%s is a list, and is to be a %s", path, word(t))
		}
		for i, v := range value {
			if err := check(t.Elem(), v, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	default:
		if composed(t) && value != nil {
			return fmt.Errorf("%s is %v, and is to be a %s", path, value, word(t))
		}
	}
	return nil
}

// inside is the type of a member of a structure or a map.
func inside(t reflect.Type, name, path string) (reflect.Type, error) {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), nil
	case reflect.Struct:
		if inner, ok := fieldType(t, name); ok {
			return inner, nil
		}
		return nil, fmt.Errorf("unknown parameter in %s: %q; there are: %s", path, name, strings.Join(fieldNames(t), ", "))
	}
	return nil, fmt.Errorf("%s has the member %q, and is to be a %s", path, name, word(t))
}

// word is a type in plain words.
func word(t reflect.Type) string {
	switch kindOf(t) {
	case reflect.Slice:
		return "list"
	case reflect.Map, reflect.Struct:
		return "structure"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Interface:
		return "JSON value"
	}
	return "text"
}

// Kind is what a member takes, in a word.
func (m *Member) Kind() string {
	if m.In == "blob" {
		return "blob"
	}
	return word(m.Type)
}

// fieldType is the type of a structure's member.
func fieldType(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		if n, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); n == name && n != "" && n != "-" {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if n, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); n != "" && n != "-" {
			names = append(names, n)
		}
	}
	return names
}
