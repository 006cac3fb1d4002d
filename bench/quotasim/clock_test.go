package quotasim

import (
	"container/heap"
	"time"
)

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
	heap.Push(&c.events, event{c.now + max(0, d), c.seq, do})
}

// run handles every event before the horizon.
func (c *clock) run(horizon time.Duration) {
	for len(c.events) > 0 && c.events[0].at < horizon {
		e := heap.Pop(&c.events).(event)
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

type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}
