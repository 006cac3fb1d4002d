package bedrock

import (
	"reflect"
	"time"
)

// wireType names a Go type as a reader of the API knows it.
func wireType(t reflect.Type) string {
	if t == reflect.TypeFor[time.Time]() {
		return "a timestamp"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wireType(t.Elem())
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "an integer"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64 data"
		}
		return "an array"
	}
	return "a value of another type"
}
