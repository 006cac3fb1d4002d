package throttle

import "time"

// counter counts one rate by one policy.
type counter interface {
	// fits says whether n more could be reserved.
	fits(now time.Time, n float64) bool
	// reserve takes n until it is settled.
	reserve(now time.Time, n float64)
	// settle replaces a reservation by what was spent.
	settle(now, started time.Time, reserved, spent float64)
	// spend counts n for good.
	spend(now time.Time, n float64)
}

func newCounter(cfg Config, perMinute int64) counter {
	if perMinute == 0 {
		return unlimited{}
	}
	// Two requests a minute, counted by the second, are still requests.
	most := max(1, float64(perMinute)*cfg.Window.Minutes())
	switch cfg.Policy {
	case FixedWindow:
		return &fixedWindow{most: most, window: cfg.Window, align: cfg.Align}
	case RefundBucket:
		return &refundBucket{level: most, most: most, perSecond: float64(perMinute) / 60, grain: cfg.Grain}
	}
	return &strict{most: most, window: cfg.Window}
}

type unlimited struct{}

func (unlimited) fits(time.Time, float64) bool                  { return true }
func (unlimited) reserve(time.Time, float64)                    {}
func (unlimited) settle(time.Time, time.Time, float64, float64) {}
func (unlimited) spend(time.Time, float64)                      {}

// fixedWindow counts in windows aligned to the clock.
type fixedWindow struct {
	most          float64
	window, align time.Duration
	number        int64
	used          float64
}

func (c *fixedWindow) numberOf(t time.Time) int64 {
	return t.Add(-c.align).UnixNano() / int64(c.window)
}

func (c *fixedWindow) roll(now time.Time) {
	if n := c.numberOf(now); n != c.number {
		c.number, c.used = n, 0
	}
}

func (c *fixedWindow) fits(now time.Time, n float64) bool {
	c.roll(now)
	return c.used+n <= c.most
}

func (c *fixedWindow) reserve(now time.Time, n float64) { c.spend(now, n) }

func (c *fixedWindow) settle(now, started time.Time, reserved, spent float64) {
	c.roll(now)
	if c.numberOf(started) == c.number {
		c.used += spent - reserved
		return
	}
	c.used += max(0, spent-reserved)
}

func (c *fixedWindow) spend(now time.Time, n float64) {
	c.roll(now)
	c.used += n
}

// refundBucket refills continuously, or by the grain.
type refundBucket struct {
	level, most, perSecond float64
	grain                  time.Duration
	filled                 time.Time
}

func (c *refundBucket) fill(now time.Time) {
	if c.grain > 0 {
		now = now.Truncate(c.grain)
	}
	if c.filled.IsZero() {
		c.filled = now
	}
	if d := now.Sub(c.filled); d > 0 {
		c.level = min(c.most, c.level+d.Seconds()*c.perSecond)
		c.filled = now
	}
}

// rounding is what a refill in floating point may be off by.
const rounding = 1e-6

func (c *refundBucket) fits(now time.Time, n float64) bool {
	c.fill(now)
	return n <= c.level+rounding
}

func (c *refundBucket) reserve(now time.Time, n float64) { c.spend(now, n) }

func (c *refundBucket) settle(now, _ time.Time, reserved, spent float64) {
	c.fill(now)
	c.level = min(c.most, c.level+reserved-spent)
}

func (c *refundBucket) spend(now time.Time, n float64) {
	c.fill(now)
	c.level -= n
}

// strict keeps everything that was spent in the last window.
type strict struct {
	most     float64
	window   time.Duration
	reserved float64
	spent    float64
	log      []entry
}

type entry struct {
	at time.Time
	n  float64
}

// forget drops what has left the window; what ended exactly one window ago has.
func (c *strict) forget(now time.Time) {
	i := 0
	for i < len(c.log) && now.Sub(c.log[i].at) >= c.window {
		c.spent -= c.log[i].n
		i++
	}
	c.log = c.log[i:]
	if len(c.log) == 0 {
		c.spent = 0
	}
}

func (c *strict) fits(now time.Time, n float64) bool {
	c.forget(now)
	return c.spent+c.reserved+n <= c.most+rounding
}

func (c *strict) reserve(_ time.Time, n float64) { c.reserved += n }

func (c *strict) settle(now, _ time.Time, reserved, spent float64) {
	c.reserved -= reserved
	c.spend(now, spent)
}

func (c *strict) spend(now time.Time, n float64) {
	c.forget(now)
	c.log = append(c.log, entry{now, n})
	c.spent += n
}
