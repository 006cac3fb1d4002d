package quota

import (
	"fmt"
	"math"
	"time"
)

// Accounting is how a pool's quota is thought to be counted. AWS does not
// publish it, so the default is the one that no way of counting refuses. With W
// the window, T the mean time a request is held and ρ = E[hold]/E[S]:
type Accounting uint8

const (
	// Window lets no stretch of one window see more settled plus held than one
	// window's worth, with each settlement counted at its end. No server with
	// this window, strict, fixed or bucket, then sees more than it allows; a
	// steady flow uses the share W/(W + T·ρ) of the quota, which is all that a
	// strict server grants.
	Window Accounting = iota
	// Bucket refills continuously while it holds: what is held is taken at the
	// start, and the difference returns when a ticket settles. It uses all of
	// the quota of a server that counts so; another may refuse its bursts.
	Bucket
	// Fixed counts a hold when it starts and what exceeded it when it ends, over
	// every stretch of one window. No server that counts fixed windows,
	// however aligned, and no bucket then sees more than it allows; the share
	// used is W/(W + T·(ρ-1)). A strict server may refuse it.
	Fixed
)

func (a Accounting) String() string {
	return [...]string{"window", "bucket", "fixed", "unknown"}[min(a, Fixed+1)]
}

// ParseAccounting reads what String writes.
func ParseAccounting(s string) (Accounting, error) {
	for a := Window; a <= Fixed; a++ {
		if a.String() == s {
			return a, nil
		}
	}
	return 0, fmt.Errorf("quota: accounting: unknown value %q: use window, bucket or fixed", s)
}

const (
	// slots divide a window. What is counted leaves the window one slot late at
	// most, so 1/slots less is used than might be.
	slots = 500
	// grace is how many slots longer starts are counted: two requests may reach
	// the server closer together than they were sent, by up to a hundredth of
	// the window.
	grace = slots / 100
)

// never is the time of what no passing of time will bring about.
const never = math.MaxInt64

// meter is one limit: tokens or requests per minute. Times are nanoseconds.
type meter struct {
	kind   Accounting
	window int64
	exact  bool    // nothing is kept free
	rate   float64 // per nanosecond; 0 means no limit
	held   float64
	grown  float64 // the part of it that was not taken at the start
	after  int64   // nothing fits before, since the server said so
	last   int64

	// guard is kept free by every request, cover and headroom by batch: see
	// exposure.
	guard, cover, headroom float64
	pace                   pace

	// level is that of a bucket. In the other accountings it binds only after a
	// debt of more than a window's worth, which a window forgets and a bucket
	// does not.
	level float64

	// Window and Fixed: what was counted in each slot, and the newest's number.
	ring []float64
	keep int64 // slots that count
	sum  float64
	slot int64
}

// newMeter returns a meter of perMinute, full, at the given time.
func newMeter(kind Accounting, window time.Duration, perMinute float64, now int64) meter {
	m := meter{kind: kind, window: int64(window), rate: perMinute / float64(time.Minute), last: now}
	if m.rate == 0 {
		return m
	}
	m.level = m.capacity()
	m.headroom = m.capacity() / 800
	if kind == Bucket {
		m.headroom = m.capacity() / 20 // costs nothing: the bucket hovers higher
	} else {
		m.keep = slots
		if kind == Fixed {
			m.keep += grace
		}
		m.ring = make([]float64, m.keep+1)
		m.slot = now / m.width()
	}
	m.pace = newPace(&m, now)
	return m
}

// newRequests returns a meter of requests, which every server counts when they
// start: whole ones.
func newRequests(kind Accounting, window time.Duration, perMinute float64, now int64) meter {
	if kind == Window {
		kind = Fixed
	}
	m := newMeter(kind, window, perMinute, now)
	m.headroom = math.Floor(m.headroom)
	if kind != Bucket {
		m.headroom = math.Round(m.capacity() / 400)
	}
	m.pace.held, m.pace.spent, m.pace.squares = 1, 1, 1 // known beforehand
	return m
}

func (m *meter) width() int64 { return max(1, m.window/slots) }

// capacity is one window's worth, and never less than a single unit, or two
// requests a minute with a window of a second would admit nothing.
func (m *meter) capacity() float64 { return max(1, m.rate*float64(m.window)) }

// advance brings the meter up to now.
func (m *meter) advance(now int64) {
	if m.rate == 0 || now <= m.last {
		return
	}
	m.level = min(m.capacity(), m.level+m.rate*float64(now-m.last))
	if m.kind != Bucket {
		m.roll(now / m.width())
	}
	m.last = now
	m.pace.advance(m, now)
}

// roll forgets what has left the window.
func (m *meter) roll(slot int64) {
	if slot-m.slot > m.keep {
		clear(m.ring)
		m.sum = 0
		m.slot = slot
		return
	}
	for m.slot < slot {
		m.slot++
		i := m.slot % int64(len(m.ring))
		m.sum -= m.ring[i]
		m.ring[i] = 0
	}
	if m.sum < 0.5 { // what is counted is whole: what is left is rounding
		m.sum = 0
	}
}

// free is what may be held now; negative in debt. Call advance first.
func (m *meter) free() float64 {
	if m.rate == 0 {
		return math.Inf(1)
	}
	return min(m.level-m.grown, m.room())
}

// room is what the window leaves.
func (m *meter) room() float64 {
	switch m.kind {
	case Window:
		return m.capacity() - m.sum - m.held
	case Fixed:
		return m.capacity() - m.sum - m.grown
	}
	return math.Inf(1)
}

// used is what the window has seen settle, or what the bucket still lacks.
func (m *meter) used() float64 {
	switch {
	case m.rate == 0:
		return 0
	case m.kind == Bucket:
		return max(0, m.capacity()-m.level-m.held+m.grown)
	case m.kind == Fixed:
		return max(0, m.sum-m.held+m.grown)
	}
	return m.sum
}

// count books n at the present slot, or with the start if that still counts.
func (m *meter) count(n float64, at int64) {
	slot := at / m.width()
	if slot > m.slot {
		slot = m.slot
	}
	if m.slot-slot >= int64(len(m.ring)) {
		return
	}
	m.ring[slot%int64(len(m.ring))] += n
	m.sum += n
}

// take holds n.
func (m *meter) take(n float64) {
	if m.rate == 0 {
		return
	}
	m.held += n
	m.level -= n
	if m.kind == Fixed {
		m.count(n, m.last)
	}
	m.pace.take(n)
}

// grow holds more of what is held. The server will count it when it ends.
func (m *meter) grow(n float64) {
	if m.rate == 0 {
		return
	}
	m.held += n
	m.grown += n
}

// settle returns a hold, of which that much was taken at start and the rest
// grew, and books what was spent. Debt is allowed.
func (m *meter) settle(hold, taken, spent float64, start int64) {
	if m.rate == 0 {
		return
	}
	m.held -= hold
	m.grown -= hold - taken
	m.level = min(m.capacity(), m.level+taken-spent)
	switch m.kind {
	case Window:
		m.count(spent, m.last)
	case Fixed:
		if spent < taken {
			m.count(spent-taken, start)
		} else {
			m.count(spent-taken, m.last)
		}
	}
	if spent == 0 {
		m.pace.give(taken)
		return
	}
	m.pace.settle(m.kind, taken, spent, float64(m.last-start))
}

// spend counts one request for good.
func (m *meter) spend(n float64) {
	m.take(n)
	m.held -= n
}

// need is what must be free for n: more than a window's worth fits when nothing
// else is booked.
func (m *meter) need(n float64, class Class) float64 {
	if m.exact {
		return min(n, m.capacity())
	}
	if class == Interactive {
		return min(n+m.guard, m.capacity())
	}
	return min(n+m.cover+m.headroom, m.capacity())
}

// fits says whether n may be held now.
func (m *meter) fits(n float64, class Class) bool {
	return m.rate == 0 || m.last >= m.after && m.free() >= m.need(n, class)-epsilon && m.pace.allows(class)
}

// epsilon forgives the rounding of a refill computed to the nanosecond.
const epsilon = 1e-6

// when returns the earliest time at which n fits if nothing settles until then:
// now, or never when only a settlement can help.
func (m *meter) when(n float64, class Class, now int64) int64 {
	if m.rate == 0 {
		return now
	}
	return max(now, m.after, m.pace.when(class, m.last), m.refilled(m.need(n, class), m.last))
}

// replan is when the pace that holds a class back is planned anew; never where it
// does not.
func (m *meter) replan(class Class) int64 {
	if m.rate == 0 || m.pace.allows(class) {
		return never
	}
	return m.pace.at + m.window/plans
}

// refilled is when for the meter alone.
func (m *meter) refilled(need float64, now int64) int64 {
	if lack := need - (m.level - m.grown); lack > epsilon {
		if need+m.grown > m.capacity()+epsilon {
			return never // more than a full bucket: what grew has to settle
		}
		now += int64(math.Ceil(lack / m.rate))
	}
	lack := need - m.room()
	if lack <= epsilon {
		return now
	}
	return max(now, m.leaves(lack))
}

// leaves is when so much of what was counted has left the window; never if there
// is less.
func (m *meter) leaves(n float64) int64 {
	for s := max(0, m.slot-m.keep); s <= m.slot; s++ {
		n -= m.ring[s%int64(len(m.ring))]
		if n <= epsilon {
			return (s + m.keep + 1) * m.width()
		}
	}
	return never
}
