package memory

import (
	"cmp"
	"slices"
)

// choose decides what of the closed turns is sent.
func (a *assembly) choose(compact bool) error {
	switch a.p.Strategy {
	case StrategyFull:
		return a.full()
	case StrategyWindow:
		a.window()
	case StrategyPrune:
		a.prune()
	default:
		a.inEpoch(compact)
		if a.p.Strategy == StrategyAuto && a.chosen.start > 0 {
			a.retrieve()
		}
	}
	if a.tools == nil || len(a.tools.Tools) == 0 {
		for i := a.chosen.start; i < a.end; i++ {
			if e := &a.s.turns[i]; e.live && !a.chosen.dropped[i] && usesTools(e.shown) {
				return invalid("toolConfig", "turn %d uses tools, and neither the conversation nor the request has a tool configuration", e.turn.Number)
			}
		}
	}
	return nil
}

// room is what is left for closed turns.
func (a *assembly) room() int { return a.budget - a.need }

func (a *assembly) tail(start, pruned int) int {
	n := 0
	for i := start; i < a.end; i++ {
		n += a.s.tokens(i, a.m, a.s.turns[i].turn.Number < pruned)
	}
	return n
}

func (a *assembly) full() error {
	a.chosen.pins = a.s.pins
	if tail := a.tail(0, 0); tail > a.room() {
		return &BudgetError{Field: "messages", Needed: a.need + tail, Budget: a.budget}
	}
	return nil
}

// window keeps the newest exchanges that fit, one after the other.
func (a *assembly) window() {
	a.chosen.pins = a.s.pins
	a.chosen.start = a.newest(0, a.room(), func(i int) int { return a.s.tokens(i, a.m, false) })
	a.chosen.why = "older than the window"
}

// newest is the earliest turn, not before first, from which whole exchanges
// up to the end cost at most room.
func (a *assembly) newest(first, room int, cost func(i int) int) int {
	start, sum := a.end, 0
	for i := a.end - 1; i >= first; i-- {
		if sum += cost(i); sum > room {
			break
		}
		if e := &a.s.turns[i]; e.live && !e.joins {
			start = i
		}
	}
	return start
}

// prune cuts tool results, the oldest first, and then drops the exchanges that
// bear least on the new turn, until the rest fits.
func (a *assembly) prune() {
	a.chosen.pins = a.s.pins
	over := a.tail(0, 0) - a.room()
	if over <= 0 {
		return
	}
	a.chosen.cut = map[int]bool{}
	for i := 0; i < a.end && over > 0; i++ {
		if saved := a.s.tokens(i, a.m, false) - a.s.tokens(i, a.m, true); saved > 0 {
			a.chosen.cut[i] = true
			over -= saved
		}
	}
	if over <= 0 {
		return
	}
	a.chosen.dropped = map[int]bool{}
	a.chosen.why = "bears less on the new turn than what is sent"
	for _, i := range a.byRelevance() {
		if over <= 0 {
			return
		}
		for j := i; j < a.end && (j == i || !a.s.turns[j].live || a.s.turns[j].joins); j++ {
			if a.s.turns[j].live {
				a.chosen.dropped[j] = true
				over -= a.s.tokens(j, a.m, a.chosen.cut[j])
			}
		}
	}
}

// byRelevance is the closed exchanges by their first turns, as indices: those
// that bear least on the new turn first, the older first among equals, and the
// newest of all last.
func (a *assembly) byRelevance() []int {
	a.s.indexed(a.end)
	scores := map[int]float32{} // by exchange
	x := &a.s.index
	for _, h := range x.search(a.query(), len(x.passages), a.end+1) {
		start := a.s.exchangeStart(x.passages[h.doc].turn - 1)
		scores[start] = max(scores[start], h.score)
	}
	var order []int
	for i := range a.end {
		if e := &a.s.turns[i]; e.live && !e.joins {
			order = append(order, i)
		}
	}
	newest := order[max(0, len(order)-1):]
	rest := order[:len(order)-len(newest)]
	slices.SortStableFunc(rest, func(x, y int) int { return cmp.Compare(scores[x], scores[y]) })
	return append(rest, newest...)
}

// query asks for what bears on the new turn: the words of the user in the open
// exchange, so that a tool loop keeps its excerpts, and the turn before.
func (a *assembly) query() query {
	now, before := "", ""
	for _, o := range a.open {
		if text := userText(o.messages); text != "" {
			now = text
			break
		}
	}
	for i := a.end - 1; i >= 0; i-- {
		if a.s.turns[i].live {
			before = userText(a.s.turns[i].shown)
			break
		}
	}
	return a.s.index.query(now, before)
}
