package quota

// capacity bounds the tickets in flight after the service had no room for them
// (503), which says nothing of the quota. It falls to 0.7 of what was in flight,
// once per round trip, and grows with every success: by one below where it
// failed, which doubles it in the time that requests take; slowly around it; and
// by one beyond, until it is well past where it all began.
type capacity struct {
	most    float64 // 0: no bound
	ceiling float64 // in flight when it failed last
	lift    float64 // in flight when it failed first: the bound ends beyond
	cutAt   int64   // tickets admitted before say nothing new
}

func newCapacity() capacity { return capacity{cutAt: -1} }

const lessAtOnce = 0.7

// full says whether one more is too many.
func (c *capacity) full(inflight int) bool { return c.most > 0 && inflight >= int(c.most) }

// unavailable learns that a ticket admitted at start found no room; inflight
// counts it.
func (c *capacity) unavailable(inflight int, start, now int64) {
	if start < c.cutAt {
		return
	}
	c.cutAt = now
	c.ceiling = float64(inflight)
	c.lift = max(c.lift, 1.5*c.ceiling)
	c.most = max(1, lessAtOnce*c.ceiling)
}

// succeeded learns that a ticket went through.
func (c *capacity) succeeded() {
	if c.most == 0 {
		return
	}
	by := 1.0
	if c.most >= 0.9*c.ceiling && c.most <= 1.1*c.ceiling {
		by = 1 / max(1, 0.1*c.ceiling)
	}
	if c.most += by; c.most > c.lift {
		c.most, c.lift = 0, 0
	}
}
