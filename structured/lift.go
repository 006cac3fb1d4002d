package structured

import (
	"fmt"
	"slices"
)

// lifter carries a value between a lowered schema and the full one. Choosing
// the branch of a union tries several, and what lies below them often is the
// same for all: it is lifted once for each shape.
type lifter struct {
	budget int
	lifted map[lifting]any
}

// lifting is a container of the lowered form, by its shape.
type lifting struct {
	shape *shape
	container
}

const liftBudget = 1 << 20

func newLifter() *lifter { return &lifter{liftBudget, map[lifting]any{}} }

// up turns a value of the lowered form into the full one.
func (l *lifter) up(s *shape, v any) any {
	at, ok := containerOf(v)
	if !ok {
		return l.lift(s, v)
	}
	key := lifting{s, at}
	full, done := l.lifted[key]
	if !done {
		full = l.lift(s, v)
		l.lifted[key] = full
	}
	return full
}

func (l *lifter) lift(s *shape, v any) any {
	l.budget--
	switch s.kind {
	case objectShape:
		if obj, ok := v.(map[string]any); ok {
			return l.upObject(s, obj)
		}
	case mappingShape:
		if entries, ok := l.upEntries(s, v); ok {
			return entries
		}
	case listShape:
		if list, ok := v.([]any); ok {
			return l.each(s, list, l.up)
		}
	case unionShape:
		if s.spread {
			if c, inner, ok := unspread(s.choices, v); ok {
				return l.up(c, inner)
			}
			return v
		}
		return l.upUnion(s, v)
	case leafShape:
		if s.spread {
			if _, inner, ok := unspread(s.parts(), v); ok {
				return inner
			}
		}
	case textShape, enumText:
		if text, ok := v.(string); ok {
			if inner, err := parseExact(text, defaultMaxDepth); err == nil {
				return inner
			}
		}
	case wrapShape:
		if obj, ok := v.(map[string]any); ok && len(obj) == 1 {
			if inner, ok := obj["value"]; ok {
				return l.up(s.item, inner)
			}
		}
	}
	return v
}

func (s *shape) parts() []*shape {
	var parts []*shape
	for _, t := range s.types {
		parts = append(parts, s.part(t))
	}
	return parts
}

func (l *lifter) upObject(s *shape, obj map[string]any) map[string]any {
	out := map[string]any{}
	known := map[string]bool{}
	for _, m := range s.members {
		known[m.alias] = true
		v, there := obj[m.alias]
		if !there {
			continue
		}
		switch m.form {
		case nullableMember:
			if v == nil && !(m.child.view.accepts(nil) && !m.spill) {
				continue
			}
		case listedMember:
			if list, ok := v.([]any); ok && len(list) < 2 {
				if len(list) == 0 {
					continue
				}
				v = list[0]
			}
		}
		if !m.spill {
			out[m.name] = l.up(m.child, v)
			continue
		}
		entries, ok := l.upEntries(m.child, v)
		if !ok {
			out[m.alias] = v
			continue
		}
		for name, e := range entries {
			if _, taken := out[name]; !taken {
				out[name] = e
			}
		}
	}
	for name, v := range obj {
		if known[name] {
			continue
		}
		if s.item != nil {
			v = l.up(s.item, v)
		}
		out[name] = v
	}
	return out
}

// upEntries turns a list of {key, value} into a map; a key given twice is
// left for validation to refuse.
func (l *lifter) upEntries(s *shape, v any) (map[string]any, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := map[string]any{}
	for _, e := range list {
		entry, ok := e.(map[string]any)
		key, isText := entry["key"].(string)
		value, there := entry["value"]
		if !ok || !isText || !there || len(entry) != 2 {
			return nil, false
		}
		if _, twice := out[key]; twice {
			return nil, false
		}
		out[key] = l.up(s.item, value)
	}
	return out, true
}

// each applies f to the items of a list, each with its own shape.
func (l *lifter) each(s *shape, list []any, f func(*shape, any) any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		switch {
		case i < len(s.tuple):
			out[i] = f(s.tuple[i], v)
		case s.item != nil:
			out[i] = f(s.item, v)
		default:
			out[i] = v
		}
	}
	return out
}

// upUnion takes the first branch whose full schema accepts the outcome, else
// the first whose form fits.
func (l *lifter) upUnion(s *shape, v any) any {
	var first any
	found := false
	for _, c := range s.choices {
		if l.budget < 0 || !fits(c, v, 0) {
			continue
		}
		candidate := l.up(c, v)
		if c.view.accepts(candidate) {
			return candidate
		}
		if !found {
			first, found = candidate, true
		}
	}
	if !found {
		return v
	}
	return first
}

// fits is a shallow test whether a value has the lowered form of a shape.
func fits(s *shape, v any, depth int) bool {
	t := typeName(v)
	switch s.kind {
	case anyShape:
		return true
	case leafShape:
		if s.spread {
			return t == "object"
		}
		return slices.Contains(s.types, t) || t == "integer" && slices.Contains(s.types, "number")
	case textShape, enumText:
		return t == "string"
	case listShape, mappingShape:
		return t == "array"
	case unionShape:
		return s.spread && t == "object" || depth < 16 && slices.ContainsFunc(s.choices, func(c *shape) bool { return fits(c, v, depth+1) })
	case objectShape:
		obj, ok := v.(map[string]any)
		if !ok {
			return false
		}
		known := 0
		for _, m := range s.members {
			_, there := obj[m.alias]
			if !there && (m.required || m.form != plainMember) {
				return false
			}
			if there {
				known++
			}
		}
		return known == len(obj) || s.open || s.item != nil
	case wrapShape:
		return t == "object"
	}
	return false
}

// unspread finds the one filled list of a spread union.
func unspread(parts []*shape, v any) (*shape, any, bool) {
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, nil, false
	}
	var part *shape
	var inner any
	for i, p := range parts {
		list, _ := obj[fmt.Sprintf("form_%d", i+1)].([]any)
		if len(list) == 0 {
			continue
		}
		if part != nil || len(list) > 1 {
			return nil, nil, false
		}
		part, inner = p, list[0]
	}
	return part, inner, part != nil
}

func spreadValue(parts []*shape, chosen int, v any) any {
	out := map[string]any{}
	for i := range parts {
		list := []any{}
		if i == chosen {
			list = append(list, v)
		}
		out[fmt.Sprintf("form_%d", i+1)] = list
	}
	return out
}

// down turns a value of the full form into the lowered one. Values that do not
// have the full form are left as they are.
func (l *lifter) down(s *shape, v any) any {
	l.budget--
	switch s.kind {
	case objectShape:
		if obj, ok := v.(map[string]any); ok {
			return l.downObject(s, obj)
		}
	case mappingShape:
		if obj, ok := v.(map[string]any); ok {
			return l.downEntries(s, obj)
		}
	case listShape:
		if list, ok := v.([]any); ok {
			return l.each(s, list, l.down)
		}
	case unionShape:
		i := l.branch(s.choices, v)
		if i < 0 {
			return v
		}
		inner := l.down(s.choices[i], v)
		if s.spread {
			return spreadValue(s.choices, i, inner)
		}
		return inner
	case leafShape:
		if s.spread {
			parts := s.parts()
			for i, p := range parts {
				if fits(p, v, 0) {
					return spreadValue(parts, i, v)
				}
			}
		}
	case textShape, enumText:
		return plainJSON(v)
	case wrapShape:
		return map[string]any{"value": l.down(s.item, v)}
	}
	return v
}

func (l *lifter) downObject(s *shape, obj map[string]any) map[string]any {
	out := map[string]any{}
	known := map[string]bool{}
	var entries *member
	for i, m := range s.members {
		if m.spill {
			entries = &s.members[i]
			continue
		}
		known[m.name] = true
		v, there := obj[m.name]
		if there {
			v = l.down(m.child, v)
		}
		put(out, m, v, there)
	}
	rest := map[string]any{}
	for name, v := range obj {
		switch {
		case known[name]:
		case entries != nil:
			rest[name] = v
		case s.item != nil:
			out[name] = l.down(s.item, v)
		default:
			out[name] = v
		}
	}
	if entries != nil {
		put(out, *entries, l.downEntries(entries.child, rest), len(rest) > 0)
	}
	return out
}

// put writes a member in the form the plan gave it.
func put(out map[string]any, m member, v any, there bool) {
	switch {
	case m.form == listedMember && there:
		out[m.alias] = []any{v}
	case m.form == listedMember && !m.required:
		out[m.alias] = []any{}
	case there:
		out[m.alias] = v
	case m.form == nullableMember:
		out[m.alias] = nil
	}
}

func (l *lifter) downEntries(s *shape, obj map[string]any) []any {
	list := []any{}
	for _, name := range sortedKeys(obj) {
		list = append(list, map[string]any{"key": name, "value": l.down(s.item, obj[name])})
	}
	return list
}

// branch picks the form a value of the full schema has: of those that accept
// it the one with a place for most of its members, else the first of its type.
func (l *lifter) branch(choices []*shape, v any) int {
	best, fewest := -1, 0
	for i, c := range choices {
		if !c.holds(v) {
			continue
		}
		if n := c.homeless(v, 0); best < 0 || n < fewest {
			best, fewest = i, n
		}
	}
	if best >= 0 {
		return best
	}
	for i, c := range choices {
		if c.ofType(typeName(v), 0) {
			return i
		}
	}
	return -1
}

// holds tells whether a branch can carry the value: its full schema accepts it
// and its shape is of the value's type, since one view may be split by type.
func (s *shape) holds(v any) bool {
	if s.kind == unionShape && s.view == nil {
		return slices.ContainsFunc(s.choices, func(c *shape) bool { return c.holds(v) })
	}
	return s.ofType(typeName(v), 0) && s.view.accepts(v)
}

// homeless counts the members of a value that a closed shape has no place for.
func (s *shape) homeless(v any, depth int) int {
	obj, ok := v.(map[string]any)
	if !ok {
		return 0
	}
	switch s.kind {
	case objectShape:
		n := len(obj)
		for _, m := range s.members {
			if _, there := obj[m.name]; there && !m.spill {
				n--
			}
			if m.spill {
				return 0
			}
		}
		if s.open || s.item != nil {
			return 0
		}
		return n
	case unionShape:
		fewest := len(obj)
		for _, c := range s.choices {
			if depth < 8 && c.ofType("object", 0) {
				fewest = min(fewest, c.homeless(v, depth+1))
			}
		}
		return fewest
	}
	return 0
}

// ofType tells whether full values of a type belong to the shape.
func (s *shape) ofType(t string, depth int) bool {
	switch s.kind {
	case anyShape, textShape, enumText:
		return true
	case leafShape:
		return slices.Contains(s.types, t) || t == "integer" && slices.Contains(s.types, "number")
	case objectShape, mappingShape:
		return t == "object"
	case listShape:
		return t == "array"
	case unionShape:
		return depth < 16 && slices.ContainsFunc(s.choices, func(c *shape) bool { return c.ofType(t, depth+1) })
	case wrapShape:
		return s.item.ofType(t, depth+1)
	}
	return false
}
