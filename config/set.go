package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// Assignment is a setting that the command line makes.
type Assignment struct {
	Path  string // "server.listen", "backends.ollama.baseUrl"
	Value string // of a list, with commas between
	Flag  string // the flag that made it, with its dashes; for Origin
}

// set makes a setting by its path. Items of a list cannot be named, but
// members of a mapping can, and are made when they are not there.
func set(v reflect.Value, path, whole, text string, tag reflect.StructTag) error {
	if path == "" {
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf(splitList(text)))
			return nil
		}
		if err := scalar(v, text, tag); err != nil {
			return fmt.Errorf("%s: %w", whole, err)
		}
		return nil
	}
	key, rest, _ := strings.Cut(path, ".")
	switch v.Kind() {
	case reflect.Struct:
		f, ok := fieldOf(v.Type(), key)
		if !ok {
			return fmt.Errorf("%s: unknown key %q%s", whole, key, meant(key, keysOf(v.Type())))
		}
		return set(v.FieldByIndex(f.Index), rest, whole, text, f.Tag)
	case reflect.Map:
		if v.Type().Elem().Kind() == reflect.String { // the rest is the key: model ids have dots
			key, rest = path, ""
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(key)); old.IsValid() {
			entry.Set(old)
		} else if entry.Kind() == reflect.Struct {
			setDefaults(entry)
		}
		if err := set(entry, rest, whole, text, tag); err != nil {
			return err
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(key), entry)
		return nil
	}
	return fmt.Errorf("%s: cannot be set this way; write it in the file", whole)
}

func splitList(text string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// EnvNames lists the environment variables that set the setting of a path, the
// strongest first: OUTCROP_ and the path, as in OUTCROP_SERVER_MAX_SKEW, and
// those that the field names.
func EnvNames(path, others string) []string {
	var b strings.Builder
	b.WriteString("OUTCROP")
	word := true
	for _, c := range path {
		if c == '.' {
			word = true
			continue
		}
		if word || unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		word = false
		b.WriteRune(unicode.ToUpper(c))
	}
	return append([]string{b.String()}, strings.Fields(others)...)
}

// fixed calls visit for every single value and list of texts with a path of
// its own: those that do not lie in a mapping of names or in another list.
func fixed(t reflect.Type, path string, visit func(path string, f reflect.StructField)) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := join(path, f.Tag.Get("yaml"))
		switch {
		case f.Type.Kind() == reflect.Struct:
			fixed(f.Type, at, visit)
		case f.Type.Kind() == reflect.Map, f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() != reflect.String:
		default:
			visit(at, f)
		}
	}
}
