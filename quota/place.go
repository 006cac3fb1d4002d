package quota

import "container/list"

// candidate is a pool as a place for one request.
type candidate struct {
	pool  *pool
	hold  float64
	limit Limit
	at    int64 // estimated admission
}

// before orders candidates: the earliest admission, then the lower price, then
// what is left of the day, then the order in which the request named them.
func (c candidate) before(d candidate) bool {
	switch {
	case c.at != d.at:
		return c.at < d.at
	case c.pool.Price != d.pool.Price:
		return c.pool.Price < d.pool.Price
	}
	return c.left() > d.left()
}

func (c candidate) left() float64 {
	if c.pool.day == nil {
		return never
	}
	return c.pool.day.left()
}

// estimate fills in when the pool could admit: when its limits allow, after
// what waits ahead has been refilled.
func (c *candidate) estimate(ts *tickets, class Class, now int64) {
	p := c.pool
	c.limit, c.at = p.check(c.hold, class, now)
	if p.queue.len == 0 {
		return
	}
	ahead, count := 0.0, 0
	for k := Interactive; k <= class; k++ {
		ahead += p.queue.classes[k].tokens
		count += p.queue.classes[k].len
	}
	if count == 0 && !p.queue.owed(ts, class) {
		return // it would be the head
	}
	if c.limit == NoLimit {
		c.limit = Behind
	}
	if c.at == never || p.wake == never {
		c.at = never
		return
	}
	wait := 0.0
	if p.tokens.rate > 0 {
		wait = ahead / p.tokens.rate
	}
	if p.requests.rate > 0 {
		wait = max(wait, float64(count)/p.requests.rate)
	}
	c.at = max(c.at, p.wake) + int64(min(wait, 1e15))
}

// sticky remembers the pool of each conversation, the ones used last.
type sticky struct {
	capacity int
	pools    map[string]*list.Element
	order    *list.List // front: used last
}

type stickyEntry struct {
	conversation string
	pool         *pool
}

func newSticky(capacity int) *sticky {
	return &sticky{capacity: capacity, pools: make(map[string]*list.Element), order: list.New()}
}

func (s *sticky) get(conversation string) *pool {
	el, ok := s.pools[conversation]
	if !ok {
		return nil
	}
	return el.Value.(*stickyEntry).pool
}

func (s *sticky) set(conversation string, p *pool) {
	if el, ok := s.pools[conversation]; ok {
		el.Value.(*stickyEntry).pool = p
		s.order.MoveToFront(el)
		return
	}
	if s.order.Len() >= s.capacity {
		delete(s.pools, s.order.Remove(s.order.Back()).(*stickyEntry).conversation)
	}
	s.pools[conversation] = s.order.PushFront(&stickyEntry{conversation, p})
}
