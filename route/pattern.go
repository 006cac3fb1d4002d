package route

import (
	"strings"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
)

// match holds a pattern, in which * is any text, against an id. star is what
// the first * stood for, the shortest that fits.
func match(pattern, id string) (star string, ok bool) {
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

// forms are the ways in which an id can be matched: as it is, without its ARN,
// and without the geography of an inference profile.
func forms(known *catalog.Catalog, id string) []string {
	list := []string{id}
	add := func(form string) {
		if form != "" && form != list[len(list)-1] {
			list = append(list, form)
		}
	}
	add(catalog.FromARN(id))
	if m, ok := known.Resolve(id); ok {
		add(m.Model.ID)
	} else {
		add(native.BaseModel(id))
	}
	return list
}

// named is a target's name of a model: its * is what the pattern's stood for.
// Without a name of its own, the model is called what it was asked for.
func named(name, star, asked string) string {
	if name == "" {
		return asked
	}
	return strings.Replace(name, "*", star, 1)
}

// Matches holds a pattern, in which * is any text, against a model id as routes
// do: as it is, without its ARN, and without the geography of an inference
// profile.
func Matches(pattern, id string) bool {
	for _, form := range forms(catalog.Default(), id) {
		if _, ok := match(pattern, form); ok {
			return true
		}
	}
	return false
}
