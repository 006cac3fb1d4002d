package structured

import "slices"

// unroller writes recursion out to a bounded number of levels, where the
// profile takes none, and cuts what is nested too deeply. Leaving out the back
// edges of a depth-first walk makes any graph acyclic; each back edge taken
// costs a level, so a graph of n shapes becomes at most n times levels.
type unroller struct {
	*lowering
	levels int
	memo   map[unrollKey]*shape
	back   map[[2]*shape]bool
	nodes  int
}

type unrollKey struct {
	s            *shape
	level, depth int
}

func (u *unroller) unroll(root *shape) *shape {
	u.back = backEdges(root)
	return u.copy(root, 0, 1)
}

// backEdges finds the edges that lead to a shape still being visited.
func backEdges(root *shape) map[[2]*shape]bool {
	back := map[[2]*shape]bool{}
	state := map[*shape]int{}
	var visit func(s *shape)
	visit = func(s *shape) {
		state[s] = 1
		for _, c := range s.children() {
			switch state[c] {
			case 0:
				visit(c)
			case 1:
				back[[2]*shape{s, c}] = true
			}
		}
		state[s] = 2
	}
	visit(root)
	return back
}

func (u *unroller) copy(s *shape, level, depth int) *shape {
	key := unrollKey{s: s, level: level}
	if u.profile.MaxDepth > 0 {
		key.depth = depth
	}
	if c := u.memo[key]; c != nil {
		return c
	}
	c := &shape{}
	u.memo[key] = c
	u.nodes += 1 + len(s.children())
	if u.profile.MaxDepth > 0 && depth > u.profile.MaxDepth && (s.kind == objectShape || s.kind == listShape || s.kind == mappingShape) {
		*c = shape{kind: textShape, view: s.view, about: s.about}
		u.note("cut depth", Reshaping, s.view, "the back-end limits the nesting")
		return c
	}
	s.replace(func(child *shape) *shape {
		next, below := level, depth
		if s.kind != unionShape {
			below++
		}
		if u.back[[2]*shape{s, child}] {
			if u.profile.Recursion {
				return u.ancestor(child, level)
			}
			next++
			if next > u.levels {
				u.note("cut recursion", Reshaping, child.view, "the back-end takes no recursion; deeper levels are JSON text")
				return &shape{kind: textShape, view: child.view, about: child.about}
			}
		}
		return u.copy(child, next, below)
	}, c)
	return c
}

// ancestor returns a copy of a shape that is being made further up.
func (u *unroller) ancestor(s *shape, level int) *shape {
	for depth := 0; depth <= u.profile.MaxDepth+1; depth++ {
		if c := u.memo[unrollKey{s, level, depth}]; c != nil {
			return c
		}
	}
	return &shape{kind: textShape, view: s.view, about: s.about}
}

// prune keeps the first MaxNodes shapes from the root down and asks for text
// in place of the containers beyond them.
func (l *lowering) prune(root *shape) *shape {
	kept := map[*shape]bool{}
	queue := []*shape{root}
	size := 0
	for i := 0; i < len(queue); i++ {
		children := queue[i].children()
		if size += 1 + len(children); i > 0 && size > l.profile.MaxNodes {
			break
		}
		kept[queue[i]] = true
		for _, c := range children {
			if !slices.Contains(queue, c) {
				queue = append(queue, c)
			}
		}
	}
	memo := map[*shape]*shape{}
	var keep func(s *shape) *shape
	keep = func(s *shape) *shape {
		if c := memo[s]; c != nil {
			return c
		}
		c := &shape{}
		memo[s] = c
		if kept[s] || len(s.children()) == 0 && len(s.values) < 16 {
			s.replace(keep, c)
			return c
		}
		*c = shape{kind: textShape, view: s.view, about: s.about}
		l.note("cut size", Reshaping, s.view, "the back-end limits the size; the rest is JSON text")
		return c
	}
	return keep(root)
}

// ration keeps to the profile's numbers of optional members and unions, from
// the root down: what is beyond them is written in a form that needs neither.
func (l *lowering) ration(root *shape) {
	optional, unions := l.profile.MaxOptional, l.profile.MaxUnions
	take := func(left *int) bool {
		if *left == 0 {
			return false
		}
		*left--
		return true
	}
	seen := map[*shape]bool{root: true}
	queue := []*shape{root}
	// Unions come first: their other form is the more awkward one.
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		if (s.kind == unionShape && len(s.choices) > 1 || s.kind == leafShape && len(s.types) > 1 ||
			s.kind == listShape && len(s.tuple) > 1) && !take(&unions) && s.kind != listShape {
			s.spread = true
			l.note("union to object of lists", Reshaping, s.view, "the back-end limits the number of unions")
		}
		for _, c := range s.children() {
			if !seen[c] {
				seen[c] = true
				queue = append(queue, c)
			}
		}
	}
	for _, s := range queue {
		for i := range s.members {
			m := &s.members[i]
			switch {
			case m.required:
			case take(&optional):
			case take(&unions):
				m.form = nullableMember
				l.note("optional to nullable", Reshaping, s.view, "the back-end limits the number of optional members")
			default:
				m.form = listedMember
				l.note("optional to list of one", Reshaping, s.view, "the back-end limits the numbers of optional members and unions")
			}
		}
	}
}
