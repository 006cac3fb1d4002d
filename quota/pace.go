package quota

import "math"

// pace spreads admissions over the window. A meter alone would admit a window's
// worth at once and then nothing until it has left the window, minute after
// minute; interactive requests would wait for as long. So batch and background
// go no faster than the highest constant rate that the window can keep up for
// its whole length, and interactive requests, which are not held to it but count,
// find room.
//
// With A the capacity less the headroom, kept(τ) what is counted now and still
// will be after τ, and o the overhang, the time for which the average request
// holds more than it will have spent, that rate is
//
//	v = min over τ ≤ W of (A - kept(τ)) / (τ + o)
//
// since v·τ will be settled by then, and v·o held (Little's law). In a steady
// state it is C/(W + o), the share that Accounting promises. An adaptive share
// scales it.
type pace struct {
	on       bool
	learned  bool
	planned  float64 // per nanosecond, of what is spent
	rate     float64 // the share of it
	share    float64 // adapted; see adapt.go
	credit   float64 // may be overdrawn by one request
	most     float64 // credit that is kept
	overdraw float64 // by which interactive requests may run ahead
	last     int64
	at       int64 // of the last plan

	// Sums over settled tickets, of late: what they held and spent, and their
	// overhang, in tokens × nanoseconds.
	held, spent, overhang, squares float64
	seen                           float64
}

const (
	plans  = 64 // a window: how often the rate is planned anew
	stride = 5  // slots between the times it looks at
	// tolerance is how far a plan may rely on luck, in standard deviations of
	// what a window's requests spend.
	tolerance = 1
	horizon   = 4   // of a window: within it a surplus is spent
	burst     = 3e9 // ns by which interactive requests may run ahead of a learned rate
	recent    = 256 // settlements that the averages remember
	penalty   = 2e9 // ns that batch waits after a throttle, so that what is over the rate leaves
)

func newPace(m *meter, now int64) pace {
	p := pace{on: m.kind != Bucket, share: 1, last: now, at: now, overdraw: math.Inf(1)}
	p.plan(m)
	p.credit = p.most
	return p
}

// limit sets the adapted share of the rate. A bucket is paced only if it has
// one. Where the limit is learned, interactive requests keep to it as well, but
// for what the burst allows.
func (p *pace) limit(m *meter, share float64, adaptive bool) {
	if m.rate == 0 {
		return
	}
	learned := adaptive || share < 1
	on := m.kind != Bucket || learned
	if on && !p.on { // nothing was refilled meanwhile
		p.credit, p.last = 0, m.last
	}
	p.on, p.share, p.learned = on, share, learned
	p.scale(m)
}

// scale applies the share to what was planned.
func (p *pace) scale(m *meter) {
	p.rate = p.planned * p.share
	p.most = p.rate * float64(m.window) / plans
	p.overdraw = math.Inf(1)
	if p.learned {
		p.overdraw = p.rate * burst
	}
}

func (p *pace) advance(m *meter, now int64) {
	if !p.on {
		return
	}
	if now-p.at >= m.window/plans {
		p.plan(m)
		p.at = now
	}
	if now > p.last {
		p.credit = min(p.most, p.credit+p.rate*float64(now-p.last))
		p.last = now
	}
}

// rest earns nothing until then, keeps nothing that was saved up, and owes what
// the penalty earns.
func (p *pace) rest(until int64) {
	p.credit = min(p.credit, -penalty*p.rate)
	p.last = max(p.last, until)
}

// plan computes the rate.
func (p *pace) plan(m *meter) {
	p.planned = m.rate
	if m.kind != Bucket {
		p.planned = p.sustainable(m)
	}
	p.scale(m)
}

// sustainable is the rate that uses the window up and can be kept up.
func (p *pace) sustainable(m *meter) float64 {
	width := float64(m.width())
	window := float64(m.keep) * width
	room := m.capacity() - m.sum
	o, noise := 0.0, 0.0
	if p.spent > 0 {
		o = max(0, p.overhang/p.spent)
		if m.kind == Fixed { // the ring has the holds, not what will be spent
			room += m.held * (1 - p.spent/p.held)
		}
		noise = math.Sqrt(m.capacity() * p.squares / p.spent)
	}
	base := m.capacity() / (window + o)
	surplus := math.Inf(1)
	oldest := m.slot - m.keep
	i := (oldest%int64(len(m.ring)) + int64(len(m.ring))) % int64(len(m.ring))
	for n := range m.keep + 1 { // the slots in the order in which they leave
		if n%stride == 0 {
			tau := float64(n+1) * width
			surplus = min(surplus, room+noise*tolerance*min(1, 4*tau/window)-base*(tau+o))
		}
		room += m.ring[i]
		if i++; i == int64(len(m.ring)) {
			i = 0
		}
	}
	return max(base+surplus/(window/horizon), base/100)
}

// worth is what a hold is expected to spend.
func (p *pace) worth(hold float64) float64 {
	if p.held == 0 {
		return hold
	}
	return hold * p.spent / p.held
}

func (p *pace) take(hold float64) { p.credit -= p.worth(hold) }

func (p *pace) give(hold float64) { p.credit = min(p.most, p.credit+p.worth(hold)) }

// settle learns from a ticket that was held for that long.
func (p *pace) settle(kind Accounting, hold, spent, held float64) {
	p.credit = min(p.most, p.credit+p.worth(hold)-spent)
	if p.seen >= recent {
		const keep = 1 - 1.0/recent
		p.held *= keep
		p.spent *= keep
		p.overhang *= keep
		p.squares *= keep
	} else {
		p.seen++
	}
	p.held += hold
	p.spent += spent
	p.squares += spent * spent
	if kind == Fixed { // what will be spent is counted where it starts
		p.overhang += (hold - spent) * held
	} else {
		p.overhang += hold * held
	}
}

// allows says whether a request of the class may go.
func (p *pace) allows(class Class) bool {
	return !p.on || p.credit >= -p.slack(class)
}

func (p *pace) slack(class Class) float64 {
	if class == Interactive {
		return p.overdraw
	}
	return 0
}

// when is when the class may go.
func (p *pace) when(class Class, now int64) int64 {
	lack := -p.slack(class) - p.credit
	if !p.on || lack <= 0 {
		return now
	}
	return now + int64(math.Ceil(lack/p.rate))
}
