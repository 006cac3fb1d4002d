package awscli

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// shorthand reads the AWS CLI's short form of a value: key=value,key=value for
// a structure, one such text for each item of a list, values in [a,b] and
// {key=value}, and quotes. The grammar is that of
// https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html.
//
// Two things are read that the AWS CLI refuses, since they are written so in
// documents: a structure over several words, as a line break makes of it, and
// a member of type text whose value is JSON without quotes around it.
func shorthand(t reflect.Type, texts []string, path string) (any, error) {
	t = base(t)
	if t.Kind() == reflect.Slice {
		var list []any
		for i, text := range texts {
			item := base(t.Elem())
			at := fmt.Sprintf("%s[%d]", path, i)
			if !composed(item) {
				for _, part := range strings.Split(text, ",") {
					v, err := scalar(item, part)
					if err != nil {
						return nil, fmt.Errorf("%s: %w", at, err)
					}
					list = append(list, v)
				}
				continue
			}
			v, err := shorthand(item, []string{text}, at)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	joined := ""
	for _, text := range texts {
		if joined != "" && !strings.HasSuffix(joined, ",") {
			joined += ","
		}
		joined += text
	}
	r := shortReader{text: joined}
	v, err := r.pairs(t, path)
	if err == nil && r.at < len(r.text) {
		err = r.expected("a comma or the end")
	}
	return v, err
}

// shortReader goes through a shorthand text.
type shortReader struct {
	text  string
	at    int
	depth int // of brackets
}

func (r *shortReader) rest() string { return r.text[r.at:] }

func (r *shortReader) next(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *shortReader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *shortReader) expected(what string) error {
	return fmt.Errorf("expected %s at byte %d of %q", what, r.at+1, r.text)
}

// maxShortDepth bounds brackets in brackets.
const maxShortDepth = 64

// pairs reads key=value,key=value up to the end or a closing brace.
func (r *shortReader) pairs(t reflect.Type, path string) (map[string]any, error) {
	values := map[string]any{}
	for {
		r.space()
		if r.at == len(r.text) || r.text[r.at] == '}' {
			return values, nil
		}
		end := strings.IndexAny(r.rest(), "=,{}[]")
		if end <= 0 || r.rest()[end] != '=' {
			return nil, r.expected("a name and =")
		}
		name := strings.TrimSpace(r.rest()[:end])
		r.at += end + 1
		inner, err := inside(t, name, path)
		if err != nil {
			return nil, err
		}
		v, err := r.value(inner, path+"."+name)
		if err != nil {
			return nil, err
		}
		values[name] = v
		r.space()
		if !r.next(',') {
			return values, nil
		}
	}
}

func (r *shortReader) value(t reflect.Type, path string) (any, error) {
	if r.depth++; r.depth > maxShortDepth {
		return nil, errors.New("brackets are nested too deeply")
	}
	defer func() { r.depth-- }()
	t = base(t)
	r.space()
	if v, ok := r.json(); ok {
		if kindOf(t) == reflect.String {
			return v, nil // the text as it is written
		}
		var value any
		if err := decode(v, &value); err != nil {
			return nil, err
		}
		return value, check(t, value, path)
	}
	switch kindOf(t) {
	case reflect.Slice:
		return r.list(t, path)
	case reflect.Struct, reflect.Map:
		if !r.next('{') {
			return nil, r.expected("{ for " + path)
		}
		v, err := r.pairs(t, path)
		if err == nil && !r.next('}') {
			err = r.expected("}")
		}
		return v, err
	}
	text, err := r.word()
	if err != nil {
		return nil, err
	}
	v, err := scalar(t, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// json takes a JSON object or list that stands here whole, as its text.
func (r *shortReader) json() (string, bool) {
	rest := r.rest()
	if rest == "" || rest[0] != '{' && rest[0] != '[' {
		return "", false
	}
	d := json.NewDecoder(strings.NewReader(rest))
	var raw json.RawMessage
	if d.Decode(&raw) != nil {
		return "", false
	}
	end := int(d.InputOffset())
	if after := strings.TrimLeft(rest[end:], " \t\n"); after != "" && strings.IndexByte(",}]", after[0]) < 0 {
		return "", false
	}
	r.at += end
	return rest[:end], true
}

// list reads [a,b], or a,b up to what begins the next pair.
func (r *shortReader) list(t reflect.Type, path string) (any, error) {
	list := []any{}
	closed := r.next('[')
	for {
		r.space()
		if closed && r.next(']') {
			return list, nil
		}
		v, err := r.value(t.Elem(), fmt.Sprintf("%s[%d]", path, len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		r.space()
		switch {
		case closed && r.next(']'):
			return list, nil
		case closed && !r.next(','):
			return nil, r.expected("a comma or ]")
		case !closed && (!strings.HasPrefix(r.rest(), ",") || beginsPair(r.rest()[1:])):
			return list, nil
		case !closed:
			r.at++
		}
	}
}

// beginsPair tells whether a text goes on with a name and =.
func beginsPair(text string) bool {
	end := strings.IndexFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || slices.Contains([]rune("-_:. "), c))
	})
	return end > 0 && text[end] == '='
}

// word reads a text in quotes, or up to a comma or a closing bracket.
func (r *shortReader) word() (string, error) {
	if rest := r.rest(); rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		return r.quoted(rest[0])
	}
	stop := ",}]"
	if r.depth == 1 {
		stop = "," // a bracket outside of brackets is a letter like others
	}
	end := strings.IndexAny(r.rest(), stop)
	if end < 0 {
		end = len(r.rest())
	}
	text := r.rest()[:end]
	r.at += end
	return strings.TrimSpace(text), nil
}

func (r *shortReader) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := r.at + 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == quote:
			r.at = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(r.text) && (r.text[i+1] == quote || r.text[i+1] == '\\'):
			i++
			b.WriteByte(r.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", r.expected("the closing " + string(quote))
}
