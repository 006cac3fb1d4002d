package quota

import (
	"math"
	"time"
)

// Accounting is how a pool's quota is thought to be counted. AWS does not
// publish it.
type Accounting uint8

const (
	// Bucket refills continuously up to one window's worth; what is held is
	// kept apart and returns when a ticket settles. It spends all of the quota
	// while W ≥ T·E[hold]/E[S] (T the mean time held, W the window). A server
	// that counts a window strictly may throttle its bursts.
	Bucket Accounting = iota
	// Window lets no stretch of one window see more settled plus held than one
	// window's worth, with each settlement counted at its end. No server with
	// this window, bucket, aligned or sliding, then sees more than it allows;
	// the price is the share T·E[hold]/(W·E[S] + T·E[hold]) of the quota.
	Window
)

// slots divide a window. A settlement leaves the window one slot late at most,
// so Window uses 1/slots less than it might.
const slots = 250

// never is the time of what no passing of time will bring about.
const never = math.MaxInt64

// meter is one limit: tokens or requests per minute. Times are nanoseconds.
type meter struct {
	kind   Accounting
	window int64
	rate   float64 // per nanosecond; 0 means no limit
	held   float64
	after  int64 // nothing fits before, since the server said so
	last   int64

	// Bucket.
	level float64

	// Window: what settled in each slot, and the newest slot's number.
	ring []float64
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
	if kind == Window {
		m.ring = make([]float64, slots+1)
		m.slot = now / m.width()
	}
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
	if m.kind == Bucket {
		m.level = min(m.capacity(), m.level+m.rate*float64(now-m.last))
		m.last = now
		return
	}
	m.last = now
	slot := now / m.width()
	if slot-m.slot > slots {
		clear(m.ring)
		m.sum = 0
	} else {
		for m.slot < slot {
			m.slot++
			i := m.slot % int64(len(m.ring))
			m.sum -= m.ring[i]
			m.ring[i] = 0
		}
		if m.sum < 0.5 { // charges are whole: what is left is rounding
			m.sum = 0
		}
	}
	m.slot = slot
}

// free is what may be held now; negative in debt. Call advance first.
func (m *meter) free() float64 {
	switch {
	case m.rate == 0:
		return math.Inf(1)
	case m.kind == Bucket:
		return m.level - m.held
	}
	return m.capacity() - m.sum - m.held
}

// used is what the window has seen settle, or what the bucket still lacks.
func (m *meter) used() float64 {
	switch {
	case m.rate == 0:
		return 0
	case m.kind == Bucket:
		return m.capacity() - m.level
	}
	return m.sum
}

// charge books n as settled. Debt is allowed.
func (m *meter) charge(n float64) {
	switch {
	case m.rate == 0:
	case m.kind == Bucket:
		m.level -= n
	default:
		m.ring[m.slot%int64(len(m.ring))] += n
		m.sum += n
	}
}

// fits says whether n may be held now. More than a window's worth (possible
// when an adaptive rate has shrunk) fits when nothing else is booked.
func (m *meter) fits(n float64) bool {
	return m.rate == 0 || m.last >= m.after && m.free() >= min(n, m.capacity())-epsilon
}

// epsilon forgives the rounding of a refill computed to the nanosecond.
const epsilon = 1e-6

// when returns the earliest time at which n fits if nothing settles until then:
// now, or never when only a settlement can help.
func (m *meter) when(n float64, now int64) int64 {
	now = max(now, m.after)
	return max(now, m.refilled(n, m.last))
}

// refilled is when for the meter alone.
func (m *meter) refilled(n float64, now int64) int64 {
	n = min(n, m.capacity())
	lack := n - m.free()
	switch {
	case m.rate == 0 || lack <= epsilon:
		return now
	case m.kind == Bucket:
		if m.held+n > m.capacity()+epsilon {
			return never
		}
		return now + int64(math.Ceil(lack/m.rate))
	}
	for s := m.slot - slots; s <= m.slot; s++ {
		if s < 0 {
			continue
		}
		lack -= m.ring[s%int64(len(m.ring))]
		if lack <= epsilon {
			return (s + slots + 1) * m.width()
		}
	}
	return never
}

// setRate changes the limit and keeps what is booked.
func (m *meter) setRate(perNano float64) {
	m.rate = perNano
	if m.kind == Bucket {
		m.level = min(m.level, m.capacity())
	}
}
