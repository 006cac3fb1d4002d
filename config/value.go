package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size. It is written as a number of bytes, or with a unit: 64KiB,
// 25MB, 1GiB.
type Bytes int64

var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"KB", 1000},
	{"MB", 1000_000},
	{"GB", 1000_000_000},
	{"B", 1},
}

// ParseBytes reads a size.
func ParseBytes(text string) (Bytes, error) {
	size := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			text, size = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/size {
		return 0, errors.New("expected a size such as 1048576, 64KiB or 25MB")
	}
	return Bytes(n * size), nil
}

// String is the size in the largest unit that it is a multiple of.
func (b Bytes) String() string {
	for _, u := range []int{2, 5, 1, 4, 0, 3} { // GiB, GB, MiB, MB, KiB, KB
		if size := units[u].size; b != 0 && int64(b)%size == 0 {
			return strconv.FormatInt(int64(b)/size, 10) + units[u].name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
)

// maxDuration is the longest time that a setting may name: ten years, for what
// is kept.
const maxDuration = 3650 * 24 * time.Hour

// scalar reads a single value from its text. The error does not repeat it.
func scalar(v reflect.Value, text string, tag reflect.StructTag) error {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return errors.New("expected a time such as 500ms, 30s, 5m or 720h")
		}
		if d > maxDuration {
			return fmt.Errorf("a time is at most ten years, %d h", maxDuration/time.Hour)
		}
		v.SetInt(int64(d))
		return nil
	case v.Type() == bytesType:
		b, err := ParseBytes(text)
		v.SetInt(int64(b))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		if known := strings.Fields(tag.Get("enum")); len(known) > 0 && !slices.Contains(known, text) {
			return fmt.Errorf("expected one of %s", strings.Join(known, ", "))
		}
		v.SetString(text)
	case reflect.Bool:
		switch text {
		case "true", "false":
			v.SetBool(text == "true")
		default:
			return errors.New("expected true or false")
		}
	case reflect.Int, reflect.Int64:
		bits := 32
		if v.Kind() == reflect.Int64 { // for what is counted in tokens
			bits = 64
		}
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return errors.New("expected a whole number")
		}
		v.SetInt(n)
		return atLeast(float64(n), tag)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return errors.New("expected a number")
		}
		v.SetFloat(n)
		return atLeast(n, tag)
	default:
		return fmt.Errorf("expected %s", shapeOf(v.Type()))
	}
	return nil
}

func atLeast(n float64, tag reflect.StructTag) error {
	text := tag.Get("min")
	if text == "" {
		return nil
	}
	if low, err := strconv.ParseFloat(text, 64); err == nil && n < low {
		return fmt.Errorf("expected %s or more", text)
	}
	return nil
}

// shapeOf says what a type looks like in a file.
func shapeOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping with the keys " + strings.Join(keysOf(t), ", ")
	case reflect.Map:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	}
	return "a single value"
}

// keysOf lists the keys of a struct, in its order.
func keysOf(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

// fieldOf finds the field of a key.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// setDefaults fills a struct with the defaults of its fields, and those of the
// structs in it.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if text, ok := f.Tag.Lookup("default"); ok {
			if err := scalar(v.Field(i), text, f.Tag); err != nil {
				panic("config: the default of " + f.Name + ": " + err.Error())
			}
		}
		if v.Field(i).Kind() == reflect.Struct {
			setDefaults(v.Field(i))
		}
	}
}
