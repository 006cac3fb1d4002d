package quota

import (
	"container/list"
	"fmt"
	"time"
)

// candidate is a pool as a place for one request.
type candidate struct {
	pool   *pool
	index  int // in Request.Pools
	price  float64
	hold   float64
	limit  Limit
	beyond Limit   // what never grants as much
	late   bool    // its turn cannot come before the request's deadline
	at     int64   // estimated admission
	queue  float64 // how much waits ahead, as part of what the pool admits
}

// before orders candidates: those that can grant it at all, then those that can
// in time, then the earliest admission, then the shorter queue where only
// settlements can tell, then the lower price, then what is left of the day, then
// the order in which the request named them.
func (c *candidate) before(d *candidate) bool {
	switch {
	case c.hope() != d.hope():
		return c.hope() > d.hope()
	case c.at != d.at:
		return c.at < d.at
	case c.at == never && c.queue != d.queue:
		return c.queue < d.queue
	case c.price != d.price:
		return c.price < d.price
	}
	return c.left() > d.left()
}

// hope is 0 where the pool never grants as much, 1 where not in time, 2 else.
func (c *candidate) hope() int {
	switch {
	case c.beyond != NoLimit:
		return 0
	case c.late:
		return 1
	}
	return 2
}

// near tells whether a conversation stays with c, its own pool, although best is
// the best one.
func (c *candidate) near(best *candidate, wait time.Duration) bool {
	return c.pool != nil && c.hope() >= best.hope() && (c.at == best.at || c.at != never && c.at <= best.at+int64(wait))
}

// place chooses the pool.
func (b *Book) place(r *Request, input int, now int64) (best candidate, err error) {
	stick := b.stick(r)
	var home candidate
	for i := range r.Pools {
		c, err := b.candidate(r, i, input, now)
		if err != nil {
			return best, err
		}
		if best.pool == nil || c.before(&best) {
			best = c
		}
		if c.pool == stick {
			home = c
		}
	}
	if home.near(&best, b.cfg.StickyWait) {
		return home, nil
	}
	return best, nil
}

// Order ranks the pools of a request and books nothing: it appends their indices
// to order, the one that Reserve would choose first, and returns that. kept says
// that the first is there because the conversation is, which Reserve remembers.
//
// It is for callers who must try pools one after another. By the time of the
// Reserve others may have come, which costs a wait in a queue and never a
// throttle. With up to eight pools it allocates nothing but what order needs.
func (b *Book) Order(now time.Time, r Request, order []int) (_ []int, kept bool, err error) {
	if err := r.validate(); err != nil {
		return order, false, err
	}
	t := b.tick(now)
	input := b.corrected(&r)
	stick := b.stick(&r)
	var few [8]candidate
	ranked := few[:0]
	home := -1
	for i := range r.Pools {
		c, err := b.candidate(&r, i, input, t)
		if err != nil {
			return order, false, err
		}
		at := len(ranked)
		ranked = append(ranked, c)
		for ; at > 0 && c.before(&ranked[at-1]); at-- {
			ranked[at] = ranked[at-1]
		}
		ranked[at] = c
	}
	for i := range ranked {
		if ranked[i].pool == stick && ranked[i].near(&ranked[0], b.cfg.StickyWait) {
			home = ranked[i].index
			order = append(order, home)
			break
		}
	}
	for i := range ranked {
		if ranked[i].index != home {
			order = append(order, ranked[i].index)
		}
	}
	return order, home >= 0, nil
}

// stick is the pool of the request's conversation, or nil.
func (b *Book) stick(r *Request) *pool {
	if r.Conversation == "" {
		return nil
	}
	return b.sticky.get(r.Conversation)
}

// corrected is the input as earlier replies have corrected its estimate.
func (b *Book) corrected(r *Request) int {
	if b.cfg.Ratios == nil {
		return r.Input
	}
	return b.cfg.Ratios.Upper(r.Pools[0].Model, r.Tenant, r.Input)
}

// candidate is the i-th pool of a request.
func (b *Book) candidate(r *Request, i, input int, now int64) (candidate, error) {
	p, ok := b.pools[r.Pools[i]]
	if !ok {
		return candidate{}, fmt.Errorf("quota: request: pools: %s is not configured", r.Pools[i])
	}
	p.advance(now)
	c := candidate{pool: p, index: i, price: p.Price, hold: b.hold(p, r, input)}
	if r.Prices != nil {
		c.price = r.Prices[i]
	}
	c.beyond = p.beyond(r)
	c.estimate(&b.tickets, r.Class, now)
	if until := r.until(now); c.limit != NoLimit && until > now {
		_, at := p.soonest(c.hold, now)
		c.late = at > until
	}
	return c, nil
}

// beyond is the limit that refuses what no waiting would help. The estimate is
// taken as it came: a learned margin must not refuse what Bedrock might accept.
func (p *pool) beyond(r *Request) Limit {
	reserve := float64(r.MaxTokens) + float64(r.Input)
	switch full := p.reach() * float64(p.TokensPerMinute) * p.Window.Minutes(); {
	case full > 0 && reserve > full:
		return Tokens
	case p.day != nil && reserve > p.day.limit:
		return TokensPerDay
	}
	return NoLimit
}

func (c *candidate) left() float64 {
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
	c.queue = p.backlog(ahead, count)
	if c.at == never || p.wake == never {
		c.at = never
		return
	}
	wait := 0.0
	if p.tokens.rate > 0 {
		wait = ahead / p.tokens.rate * p.reach()
	}
	if p.requests.rate > 0 {
		wait = max(wait, float64(count)/p.requests.rate*p.reach())
	}
	c.at = max(c.at, p.wake) + int64(min(wait, 1e15))
}

// backlog is how much waits, as part of what the pool admits: of minutes, or of
// what may be under way.
func (p *pool) backlog(tokens float64, count int) float64 {
	n := 0.0
	if p.TokensPerMinute > 0 {
		n = tokens / float64(p.TokensPerMinute)
	}
	if p.RequestsPerMinute > 0 {
		n = max(n, float64(count)/float64(p.RequestsPerMinute))
	}
	if n == 0 {
		n = float64(count) / max(1, float64(p.Concurrent), p.adapt.capacity.most)
	}
	return n
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
