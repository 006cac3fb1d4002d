package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/outcrop-ai/outcrop/internal/near"
	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// MaxFile is the size of the largest configuration file, in bytes.
const MaxFile = 1 << 20

// reader fills a File from the tree of a file.
type reader struct {
	name    string // of the file
	lookup  func(string) (string, bool)
	origins map[string]Origin
	errs    []error // at most maxErrors
}

// maxErrors is how many mistakes of a file are told at once.
const maxErrors = 10

func (r *reader) fail(line int, path, format string, args ...any) {
	if len(r.errs) == maxErrors {
		return
	}
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + ": " + text
	}
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.name, line, text))
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// value reads a node into v. tag is that of the field that v, or the list or
// mapping around it, is.
func (r *reader) value(v reflect.Value, n *yamlfile.Node, path string, tag reflect.StructTag) {
	if n.Kind == yamlfile.Null {
		return // a key without a value is as if it were not there
	}
	switch v.Kind() {
	case reflect.Struct:
		r.members(v, n, path)
	case reflect.Map:
		r.entries(v, n, path, tag)
	case reflect.Slice:
		r.items(v, n, path, tag)
	default:
		r.scalar(v, n, path, tag)
	}
}

// from remembers where a setting stands, if it has a value there.
func (r *reader) from(path string, line int, given bool) {
	if given {
		r.origins[path] = Origin{Source: FromFile, Name: r.name, Line: line}
	}
}

func (r *reader) members(v reflect.Value, n *yamlfile.Node, path string) {
	if n.Kind != yamlfile.Map {
		r.fail(n.Line, path, "expected %s, found %s", shapeOf(v.Type()), n.Kind)
		return
	}
	for _, m := range n.Members {
		f, ok := fieldOf(v.Type(), m.Key)
		if !ok {
			r.fail(m.Line, join(path, m.Key), "unknown key%s", meant(m.Key, keysOf(v.Type())))
			continue
		}
		r.from(join(path, m.Key), m.Line, m.Value.Kind != yamlfile.Null)
		r.value(v.FieldByIndex(f.Index), m.Value, join(path, m.Key), f.Tag)
	}
}

func (r *reader) entries(v reflect.Value, n *yamlfile.Node, path string, tag reflect.StructTag) {
	if n.Kind != yamlfile.Map {
		r.fail(n.Line, path, "expected a mapping, found %s", n.Kind)
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Members)))
	for _, m := range n.Members {
		if m.Key == "" {
			r.fail(m.Line, path, "a name is empty")
			continue
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		if entry.Kind() == reflect.Struct {
			setDefaults(entry)
		}
		r.from(join(path, m.Key), m.Line, true)
		r.value(entry, m.Value, join(path, m.Key), tag)
		v.SetMapIndex(reflect.ValueOf(m.Key), entry)
	}
}

func (r *reader) items(v reflect.Value, n *yamlfile.Node, path string, tag reflect.StructTag) {
	if n.Kind != yamlfile.List {
		r.fail(n.Line, path, "expected a list, found %s", n.Kind)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		entry := v.Index(i)
		at := fmt.Sprintf("%s[%d]", path, i)
		if entry.Kind() == reflect.Struct {
			setDefaults(entry)
		}
		r.from(at, item.Line, true)
		r.value(entry, item, at, tag)
	}
}

func (r *reader) scalar(v reflect.Value, n *yamlfile.Node, path string, tag reflect.StructTag) {
	if n.Kind != yamlfile.Scalar {
		r.fail(n.Line, path, "expected a single value, found %s", n.Kind)
		return
	}
	text := n.Text
	if tag.Get("expand") != "" {
		var err error
		if text, err = expand(text, r.lookup); err != nil {
			r.fail(n.Line, path, "%v", err)
			return
		}
	}
	if err := scalar(v, text, tag); err != nil {
		r.fail(n.Line, path, "%v", err)
	}
}

// expand puts the values of environment variables in the place of ${NAME}.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("there is a ${ without }")
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		b.WriteString(value)
		text = after
	}
}

// meant names the known keys nearest to a word, or all of them.
func meant(word string, known []string) string {
	if words := near.Words(word, known, 2); len(words) > 0 {
		return "; did you mean " + strings.Join(words, " or ") + "?"
	}
	return "; the keys here are " + strings.Join(known, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
