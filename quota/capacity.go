package quota

import (
	"math"
	"time"
)

// capacity bounds the tickets in flight after the service had no room for them
// (503), which says nothing of the quota. The bound falls to 0.7 of what was in
// flight, once per round trip. Then a few at a time go beyond it: if none of them
// is refused in twice the time that refusals take, there is room for them; if one
// is, the bound stays, and the next few go after twice as long. So the bound finds
// what there is room for, stays there while nothing changes, and follows when it
// does. Once it is well past where it all began, there is none.
type capacity struct {
	most  float64 // 0: no bound
	lift  float64 // the bound ends beyond
	cutAt int64   // tickets admitted before say nothing new
	try   try
}

// try is an attempt to go beyond the bound.
type try struct {
	on     bool  // some are under way
	raised bool  // the last raised the bound
	next   int64 // when to try, or when those under way are judged
	gap    int64 // between tries
	least  int64 // that it may be: twice what a refusal takes
}

func newCapacity() capacity { return capacity{cutAt: -1} }

const (
	lessAtOnce = 0.7
	soonest    = int64(50 * time.Millisecond)
	latest     = int64(time.Second)
)

// few is how many go beyond the bound at a time: a twentieth.
func (c *capacity) few() float64 { return 1 + math.Floor(c.most/20) }

// full says whether one more is too many, and until when if nothing ends.
func (c *capacity) full(inflight int, now int64) (full bool, until int64) {
	n := float64(inflight)
	if c.most == 0 || n < c.most || now >= c.try.next || c.try.on && n < c.most+c.few() {
		return false, now
	}
	return true, c.try.next
}

// admitted learns that one more goes; inflight counts it.
func (c *capacity) admitted(inflight int, now int64) {
	n := float64(inflight)
	if c.most == 0 || n <= c.most || now < c.try.next {
		return
	}
	if c.try.on { // none of the last was refused
		c.most, c.try.raised = n-1, true
		c.try.gap = c.try.least
		if c.most > c.lift {
			*c = newCapacity()
			return
		}
	}
	c.try.on, c.try.next = true, now+c.try.gap
}

// unavailable learns that a ticket admitted at start found no room; inflight
// counts it.
func (c *capacity) unavailable(inflight int, start, now int64) {
	if start < c.cutAt {
		return
	}
	n := float64(inflight)
	t := &c.try
	t.least = min(max(soonest, 2*(now-start)), latest)
	switch {
	case t.raised: // by too much
		c.most = max(1, c.most-c.few())
		t.gap = min(2*t.gap, latest)
	case t.on:
		t.gap = min(2*t.gap, latest)
	default:
		c.lift = max(c.lift, 1.5*n)
		c.most = max(1, math.Floor(lessAtOnce*n))
		t.gap = t.least
	}
	c.cutAt = now
	t.on, t.raised, t.next = false, false, now+t.gap
}
