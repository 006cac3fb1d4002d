package route

import (
	"strings"

	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/internal/pattern"
	"github.com/outcrop-ai/outcrop/native"
)

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
func Matches(wanted, id string) bool {
	for _, form := range forms(catalog.Default(), id) {
		if _, ok := pattern.Match(wanted, form); ok {
			return true
		}
	}
	return false
}
