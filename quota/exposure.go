package quota

// exposure is what replies under way may already have cost beyond their holds.
//
// The service knows what a reply came to a round trip before its client does. In
// that time it may have ended, at S instead of the R that is held for it, and a
// request admitted to the difference would be refused. But a reply that has been
// under way for t cannot have produced more than its pace × t, so with v the pace
// of the fastest replies it may have cost at most
//
//	e = I + b × min(M, v·t) - hold
//
// beyond its hold, which is nothing for the first M/(b·v) of its time. Streams
// that report their output (Grow) count from their last report, as of half a second
// before.
//
// Batch waits for as much room as if all of them had ended in that round trip,
// and so is not refused whatever has happened since. Interactive requests rely on
// no more having ended than do in half a second on average, and the two largest.
type exposure struct {
	v     float64 // output tokens per nanosecond
	takes float64 // nanoseconds, on average of late
	seen  int     // replies that it is learned from
	stale bool    // one of those counted has ended
	next  int64   // counted anew from then on
}

const (
	// coldPace is assumed until a few replies have been seen: 200 tokens a second.
	coldPace   = 200 / 1e9
	enoughPace = 8
	// late is how long news travels: half a second, more than round trips take.
	late = 5e8
	// The pace settles where one reply in two hundred is faster: a single one that
	// came out of somebody's cache moves it by a twentieth.
	faster = 0.05
	slower = faster / 200
)

// pace is what replies may be producing.
func (x *exposure) pace() float64 {
	if x.seen < enoughPace {
		return max(coldPace, x.v)
	}
	return x.v
}

// learn learns from a reply that was held for that long.
func (x *exposure) learn(output int, held int64) {
	if output <= 0 || held <= 0 {
		return
	}
	x.takes += (float64(held) - x.takes) / float64(min(x.seen+1, recent))
	v := float64(output) / float64(held)
	switch x.seen++; {
	case x.seen <= enoughPace:
		x.v = max(x.v, v)
	case v > x.v:
		x.v *= 1 + faster
	default:
		x.v *= 1 - slower
	}
}

// ending is the share of what is under way that ends while news travels.
func (x *exposure) ending() float64 { return late / max(late, x.takes) }

// expose counts what is under way, for as long as a slot: it looks at every
// ticket held, so it does not do so each time.
func (p *pool) expose(now int64) {
	x, m := &p.exposure, &p.tokens
	if p.burndown <= 1 || m.rate == 0 || m.exact || now < x.next {
		return // with b = 1 nothing is exceeded
	}
	x.next, x.stale = now+m.width(), false
	v := x.pace()
	var first, second, all float64
	for _, i := range p.held {
		k := p.tickets.get(i)
		e := k.excess(p.burndown, v, x.next)
		if e <= 0 {
			continue
		}
		all += e
		if e > first {
			first, second = e, first
		} else if e > second {
			second = e
		}
	}
	m.guard, m.cover = min(all, first+second+all*x.ending()), all
	if m.kind != Window {
		// A window's worth may be less than two replies cost. Who said how the
		// service counts cares more for going on than for a rare refusal.
		m.guard = min(m.guard, m.capacity()/4)
	}
	if m.kind == Bucket {
		// A full bucket loses what it would refill, while news travels as well.
		spill := min(m.rate*late, m.headroom)
		m.guard, m.cover = m.guard+spill, m.cover+spill
	}
}

// excess is what a ticket may have cost beyond its hold by then.
func (k *ticket) excess(burndown, v float64, then int64) float64 {
	output := min(k.max, v*float64(then-k.start))
	if k.output > 0 { // and what was reported is old news
		output = min(output, k.output+v*(float64(then-k.outputAt)+late))
	}
	return k.input + burndown*output - k.hold
}
