package native

import (
	"encoding/json"
	"strconv"
	"strings"
)

// outputLimit reads the smallest of the limits that stand at the paths.
func outputLimit(body []byte, paths []string) (limit int, ok bool, err error) {
	for _, path := range paths {
		start, end, found, err := locate(body, strings.Split(path, "."))
		if err != nil {
			return 0, false, err
		}
		if !found || string(body[start:end]) == "null" {
			continue
		}
		n, err := strconv.Atoi(string(body[start:end]))
		if err != nil {
			return 0, false, bad(path, "expected type: Integer, found another")
		}
		if !ok || n < limit {
			limit, ok = n, true
		}
	}
	return limit, ok, nil
}

// setOutputLimit writes the limit at each path where there is one, else at
// the first.
func setOutputLimit(body []byte, paths []string, limit int) ([]byte, error) {
	if len(paths) == 0 {
		return nil, bad("", "a format without an output limit")
	}
	written := false
	for _, path := range paths {
		start, end, found, err := locate(body, strings.Split(path, "."))
		if err != nil {
			return nil, err
		}
		if found {
			body = splice(body, start, end, strconv.Itoa(limit))
			written = true
		}
	}
	if written {
		return body, nil
	}
	return insert(body, strings.Split(paths[0], "."), strconv.Itoa(limit))
}

// insert adds a member that is not there, with the objects around it.
func insert(body []byte, path []string, value string) ([]byte, error) {
	start, end := 0, len(body)
	for depth, name := range path {
		s, e, found, err := locate(body, path[:depth+1])
		if err != nil {
			return nil, err
		}
		if found && string(body[s:e]) != "null" {
			start, end = s, e
			continue
		}
		text := value
		for i := len(path) - 1; i > depth; i-- {
			text = "{" + strconv.Quote(path[i]) + ":" + text + "}"
		}
		if found {
			return splice(body, s, e, text), nil
		}
		open := skipSpace(body, start) + 1
		comma := ","
		if next := skipSpace(body, open); next < end && body[next] == '}' {
			comma = ""
		}
		return splice(body, open, open, strconv.Quote(name)+":"+text+comma), nil
	}
	return body, nil
}

// locate finds the value at a path of member names in a JSON text. A name
// that stands twice on the way is an error, since the next reader may take
// the other one.
func locate(body []byte, path []string) (start, end int, found bool, err error) {
	if !json.Valid(body) {
		return 0, 0, false, bad("", "the body is not valid JSON")
	}
	start, end = 0, len(body)
	for depth, name := range path {
		at := skipSpace(body, start)
		if body[at] != '{' {
			return 0, 0, false, bad(strings.Join(path[:depth], "."), "expected type: JSONObject, found another")
		}
		start, end, found = member(body, at, name)
		switch {
		case found && start < 0:
			return 0, 0, false, bad(strings.Join(path[:depth+1], "."), "duplicate object member")
		case !found || string(body[start:end]) == "null" && depth < len(path)-1:
			return 0, 0, false, nil
		}
	}
	return start, end, true, nil
}

// member finds the value of a member of the object that begins at i in a
// valid JSON text. start is negative when it stands there twice.
func member(body []byte, i int, name string) (start, end int, found bool) {
	for i = skipSpace(body, i+1); body[i] != '}'; i = skipSpace(body, i) {
		if body[i] == ',' {
			i = skipSpace(body, i+1)
		}
		key := i
		i = skipValue(body, i)
		same := sameName(body[key:i], name)
		i = skipSpace(body, i) + 1 // the colon
		i = skipSpace(body, i)
		value := i
		i = skipValue(body, i)
		if same {
			if found {
				return -1, -1, true
			}
			start, end, found = value, i, true
		}
	}
	return start, end, found
}

func sameName(quoted []byte, name string) bool {
	if inner := quoted[1 : len(quoted)-1]; string(inner) == name {
		return true
	} else if !strings.Contains(string(inner), `\`) {
		return false
	}
	var decoded string
	return json.Unmarshal(quoted, &decoded) == nil && decoded == name
}

func skipSpace(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r') {
		i++
	}
	return i
}

// skipValue is the end of the value that begins at i in a valid JSON text.
func skipValue(body []byte, i int) int {
	depth, quoted := 0, false
	for ; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			return i
		}
	}
	return i
}

// splice is body with the bytes from start to end replaced.
func splice(body []byte, start, end int, text string) []byte {
	out := make([]byte, 0, len(body)+len(text))
	out = append(append(out, body[:start]...), text...)
	return append(out, body[end:]...)
}
