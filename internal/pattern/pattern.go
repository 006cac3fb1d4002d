// Package pattern matches model ids against patterns in which * is any text.
package pattern

import "strings"

// Match holds a pattern, in which * is any text, against an id. star is what
// the first * stood for, the shortest that fits.
func Match(pattern, id string) (star string, ok bool) {
	head, tail, stars := strings.Cut(pattern, "*")
	if !stars {
		return "", pattern == id
	}
	rest, ok := strings.CutPrefix(id, head)
	if !ok {
		return "", false
	}
	first := -1 // where the first * ends in rest
	at := 0
	for {
		part, after, more := strings.Cut(tail, "*")
		if !more { // the last part ends the id
			if len(rest)-at < len(part) || !strings.HasSuffix(rest, part) {
				return "", false
			}
			if first < 0 {
				first = len(rest) - len(part)
			}
			return rest[:first], true
		}
		i := strings.Index(rest[at:], part)
		if i < 0 {
			return "", false
		}
		if first < 0 {
			first = at + i
		}
		at += i + len(part)
		tail = after
	}
}
