package memory

import "slices"

// inEpoch goes on in the conversation's epoch while it fits, and begins
// another one otherwise.
func (a *assembly) inEpoch(compact bool) {
	e := a.s.epoch
	if e.Number == 0 {
		e.Start = 1
		e.Strategy = a.p.Strategy
	}
	for e.Start <= a.end && a.s.turns[e.Start-1].joins {
		e.Start++ // a record that this package did not write
	}
	a.use(&e)
	spare := 0
	if e.Start > 1 {
		spare = a.spare()
	}
	fits := a.notesCost()+a.tail(e.Start-1, e.Pruned)+spare <= a.room()
	if fits && !compact && e.Strategy == a.p.Strategy {
		return
	}
	next := a.compacted(&e)
	next.Number = a.s.epoch.Number + 1
	next.Pins = slices.Clone(a.s.pins)
	a.epoch = &next
	a.use(&next)
}

// use makes an epoch's choice.
func (a *assembly) use(e *Epoch) {
	a.chosen = selection{start: e.Start - 1, pruned: e.Pruned, notes: e.Notes, why: "older than the epoch"}
	a.chosen.pins, a.chosen.late = a.pinned(e)
}

// notesCost is what the summary costs. Pinned facts are among what must be
// sent.
func (a *assembly) notesCost() int {
	if a.chosen.notes == "" {
		return 0
	}
	return a.m.text(a.chosen.notes)
}

// spare is what is kept free for retrieved turns.
func (a *assembly) spare() int {
	if a.p.Strategy != StrategyAuto {
		return 0
	}
	return min(a.p.RetrieveTokens, a.room()/4)
}

// compacted is the epoch after e. Tool results are cut first: when that is
// enough to get down to the low-water mark, no turn goes. Otherwise turns go
// from the front, whole exchanges at a time, and notes stand for them.
func (a *assembly) compacted(e *Epoch) Epoch {
	next := Epoch{Start: e.Start, Pruned: e.Pruned, Strategy: a.p.Strategy, Notes: e.Notes, Nodes: e.Nodes}
	free := a.budget - FrameRequest - a.cost.tools - a.cost.system
	low := min(int(a.p.Low*float64(free)), a.room()-a.spare())
	low = max(low, 0)
	if a.p.Strategy == StrategyAuto {
		next.Pruned = max(next.Pruned, a.lastExchange()+1)
		if a.tail(next.Start-1, next.Pruned)+a.notesCost() <= low && e.Strategy == next.Strategy {
			return next
		}
	}
	notes := int(a.p.SummaryShare * float64(low))
	start := a.newest(e.Start-1, low-notes, func(i int) int {
		return a.s.tokens(i, a.m, a.s.turns[i].turn.Number < next.Pruned)
	})
	next.Start = start + 1
	next.Notes, next.Nodes = "", nil
	if start > 0 {
		a.s.grown(a.p)
		next.Notes, next.Nodes = a.s.notes(a.m, a.p.Strategy, next.Start, notes)
	}
	return next
}

// lastExchange is the beginning of the last closed exchange, as an index.
func (a *assembly) lastExchange() int {
	for i := a.end - 1; i >= 0; i-- {
		if a.s.turns[i].live && !a.s.turns[i].joins {
			return i
		}
	}
	return a.end
}

// Compact begins a new epoch at once, as the next [Assemble] would with
// NewTurn.Compact, and returns it. Strategies without compactions change
// nothing. The epoch must be stored: see [State.Head].
func (s *State) Compact(p Policy, b Budget, m Model) (Epoch, error) {
	p, err := p.settled(b)
	if err != nil {
		return s.epoch, err
	}
	if !p.Strategy.compacts() || len(s.turns) == 0 {
		return s.epoch, nil
	}
	m = m.counted()
	s.countFor(&m)
	a := &assembly{s: s, p: &p, m: &m, budget: b.Tokens, system: s.system, tools: s.tools, end: len(s.turns)}
	if len(s.pending) > 0 {
		a.end = s.exchangeStart(len(s.turns) - 1)
	}
	a.cost = partCosts{tools: m.tools(s.tools), system: m.system(s.system), pinned: m.text(pinText(s.pins))}
	if a.need = a.total(); a.need > a.budget {
		return s.epoch, &BudgetError{Field: a.largest(), Needed: a.need, Budget: a.budget}
	}
	a.inEpoch(true)
	s.epoch = *a.epoch
	return s.epoch, nil
}
