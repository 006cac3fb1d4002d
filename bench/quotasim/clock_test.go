package quotasim

import "time"

// clock is virtual time: events in order of time, then of being scheduled. One
// goroutine runs them all, so a run is a function of its seed.
type clock struct {
	now    time.Duration // since the run began
	start  time.Time
	events events
	seq    uint64
	// sleep, when set, lets another clock follow: the SDK's adaptive retryer
	// reads the time itself.
	sleep func(time.Duration)
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

// after runs do once d has passed.
func (c *clock) after(d time.Duration, do func()) {
	c.seq++
	c.events.push(event{c.now + max(0, d), c.seq, do})
}

// run handles every event before the horizon.
func (c *clock) run(horizon time.Duration) {
	for len(c.events) > 0 && c.events[0].at < horizon {
		e := c.events.pop()
		if c.sleep != nil && e.at > c.now {
			c.sleep(e.at - c.now)
		}
		c.now = e.at
		e.do()
	}
	c.now = horizon
}

// time returns the current instant.
func (c *clock) time() time.Time { return c.start.Add(c.now) }

// events are a binary heap, the next one first. It is container/heap's without
// the interface, whose boxes were a tenth of a run.
type events []event

func (e *event) before(f *event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

func (h *events) push(e event) {
	*h = append(*h, e)
	q := *h
	i := len(q) - 1
	for i > 0 && e.before(&q[(i-1)/2]) {
		q[i] = q[(i-1)/2]
		i = (i - 1) / 2
	}
	q[i] = e
}

func (h *events) pop() event {
	q := *h
	first, last := q[0], q[len(q)-1]
	q[len(q)-1] = event{}
	q = q[:len(q)-1]
	*h = q
	if len(q) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(&q[child]) {
			child++
		}
		if !q[child].before(&last) {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = last
	return first
}
