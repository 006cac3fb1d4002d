package quota

import (
	"fmt"
	"math"
	"time"

	"github.com/outcrop-ai/outcrop/tokens"
)

// Config sets up a Book. Only Pools has no useful default.
type Config struct {
	Pools []PoolConfig
	// Days are tokens per day by account and Region, counted over all their
	// pools. DayOffset is when a day begins, after midnight UTC.
	Days      []DayConfig
	DayOffset time.Duration
	// Burndown is the table of output factors. Default DefaultBurndown.
	Burndown Burndown
	// Floors are the shares of what higher classes are admitted that batch and
	// background get although others wait. Default 0.05 and 0.01; negative is 0.
	BatchFloor, BackgroundFloor float64
	// Lease is how long a ticket may be held without a word: Grow and Renew
	// begin it anew. A ticket whose lease ends is settled at its hold, since
	// its caller may have crashed after the request was sent. Default 15 min.
	Lease time.Duration
	// MaxQueue bounds what waits per pool. Default 200,000.
	MaxQueue int
	// Quantile of the learned output length that hold covers. Default 0: no
	// more is held than Bedrock reserves, and what replies spend beyond is kept
	// free for all of a pool together, as far as it can have been spent yet.
	Quantile float64
	// ColdOutput is the output length expected before any was seen, at most
	// MaxTokens, where Quantile is set. Default 1024.
	ColdOutput int
	// StickyWait is how much longer a conversation waits for its own pool than
	// for the best other one. Default 2 s.
	StickyWait time.Duration
	// Remember bounds the conversations and the (tenant, model) pairs that are
	// remembered, each. Default 4096.
	Remember int
	// Ratios corrects estimated input by returned usage, and learns from it.
	// Nil takes estimates as they are.
	Ratios *tokens.Ratios
	// Now is the first time. Default the first one given to a method; set it
	// where snapshots are taken before.
	Now time.Time
}

// DayConfig is a quota of tokens per day.
type DayConfig struct {
	Account, Region string
	TokensPerDay    int64
	// Used is what the day that Config.Now lies in has spent before, so that a
	// restart does not begin it anew.
	Used int64
}

// place is where tokens per day are counted.
type place struct{ account, region string }

// Book keeps the pools, tickets and queues. It is not safe for concurrent use.
type Book struct {
	cfg     Config
	pools   map[PoolID]*pool
	order   []*pool // as configured, then as added
	days    map[place]*day
	active  []*pool // with a queue
	tickets tickets
	lengths *lengths
	sticky  *sticky
	grants  []Grant
	now     int64
}

// NewBook returns a Book whose pools are full, or an error that names the field
// it cannot use.
func NewBook(cfg Config) (*Book, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	b := &Book{
		cfg:     cfg,
		pools:   make(map[PoolID]*pool, len(cfg.Pools)),
		tickets: newTickets(),
		lengths: newLengths(cfg.Remember),
		sticky:  newSticky(cfg.Remember),
	}
	if !cfg.Now.IsZero() {
		b.now = cfg.Now.UnixNano()
	}
	b.days = make(map[place]*day)
	for i, d := range cfg.Days {
		if d.TokensPerDay <= 0 {
			return nil, fmt.Errorf("quota: days[%d].tokensPerDay: must be positive, got %d", i, d.TokensPerDay)
		}
		if d.Used < 0 || d.Used > 0 && cfg.Now.IsZero() {
			return nil, fmt.Errorf("quota: days[%d].used: must not be negative, and needs Config.Now", i)
		}
		b.days[place{d.Account, d.Region}] = newDay(float64(d.TokensPerDay), cfg.DayOffset, b.now)
		b.days[place{d.Account, d.Region}].used = float64(d.Used)
	}
	for _, pc := range cfg.Pools {
		if err := b.add(pc); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Add adds a pool, full, to a book in use: where the models are not known
// beforehand. The error names the field, or says that the pool is there.
func (b *Book) Add(now time.Time, pc PoolConfig) error {
	b.tick(now)
	return b.add(pc)
}

func (b *Book) add(pc PoolConfig) error {
	if _, ok := b.pools[pc.ID]; ok {
		return fmt.Errorf("quota: pool %s: configured twice", pc.ID)
	}
	d := b.days[place{pc.ID.Account, pc.ID.Region}]
	if pc.TokensPerDay > 0 {
		d = newDay(float64(pc.TokensPerDay), b.cfg.DayOffset, b.now)
	}
	floor := [classes]float64{0, b.cfg.BatchFloor, b.cfg.BackgroundFloor}
	p, err := newPool(pc, b.cfg.Burndown, d, floor, b.now)
	if err != nil {
		return err
	}
	p.tickets = &b.tickets
	b.pools[pc.ID] = p
	b.order = append(b.order, p)
	return nil
}

func (c *Config) fill() error {
	switch {
	case c.Lease < 0, c.StickyWait < 0:
		return fmt.Errorf("quota: lease, stickyWait: must not be negative")
	case c.MaxQueue < 0, c.ColdOutput < 0, c.Remember < 0:
		return fmt.Errorf("quota: maxQueue, coldOutput, remember: must not be negative")
	case c.Quantile < 0 || c.Quantile > 1:
		return fmt.Errorf("quota: quantile: must lie between 0 and 1, got %v", c.Quantile)
	case c.BatchFloor > 1 || c.BackgroundFloor > 1:
		return fmt.Errorf("quota: batchFloor, backgroundFloor: must not exceed 1")
	}
	or := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
		*v = max(0, *v)
	}
	or(&c.BatchFloor, 0.05)
	or(&c.BackgroundFloor, 0.01)
	if c.Burndown == nil {
		c.Burndown = DefaultBurndown()
	}
	if c.Lease == 0 {
		c.Lease = 15 * time.Minute
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 200_000
	}
	if c.ColdOutput == 0 {
		c.ColdOutput = 1024
	}
	if c.StickyWait == 0 {
		c.StickyWait = 2 * time.Second
	}
	if c.Remember == 0 {
		c.Remember = 4096
	}
	return nil
}

// tick takes the time; it does not run backwards.
func (b *Book) tick(now time.Time) int64 {
	b.now = max(b.now, now.UnixNano())
	return b.now
}

// Reserve books a request where it can be admitted first: now, or in the queue
// of that pool. The error is for a request that makes no sense and names the
// field; a refusal is a Decision. A waiting ticket ends in a Grant from Poll, or
// in Cancel. Others may have been admitted too: Poll after Reserve.
//
// Without a queue it costs about a microsecond and allocates nothing.
func (b *Book) Reserve(now time.Time, r Request) (TicketID, Decision, error) {
	if err := r.validate(); err != nil {
		return 0, Decision{}, err
	}
	t := b.tick(now)
	if r.Weight == 0 {
		r.Weight = 1
	}
	input := b.corrected(&r)
	c, err := b.place(&r, input, t)
	if err != nil {
		return 0, Decision{}, err
	}
	p := c.pool
	d := Decision{Pool: p.ID, Hold: int(math.Ceil(c.hold)), Limit: c.limit}
	if !r.Observe && c.beyond != NoLimit {
		d.State, d.Reason, d.Limit = Refused, TooLarge, c.beyond
		return 0, d, nil
	}
	if !r.Observe && c.limit != NoLimit && b.refuse(&d, c, &r, t) {
		return 0, d, nil
	}
	if r.Conversation != "" {
		b.sticky.set(r.Conversation, p)
	}
	i := b.tickets.alloc()
	k := b.tickets.get(i)
	k.pool, k.class, k.weight = p, r.Class, r.Weight
	k.tenant = p.queue.classes[r.Class].wake(r.Tenant)
	k.estimate, k.input, k.hold, k.start = r.Input, float64(input), c.hold, t
	k.max = float64(r.MaxTokens)
	id := b.tickets.id(i)
	if c.limit == NoLimit || r.Observe {
		b.admit(i, t)
		d.State = Admitted
		if c.limit != NoLimit {
			d.Until = timeOf(c.at)
			p.wake = 0 // one of those that wait may be owed its turn for this
		}
		return id, d, nil
	}
	k.state, k.ends = stateWaiting, r.until(t)
	p.queue.add(&b.tickets, i)
	b.tickets.addDeadline(i)
	b.activate(p)
	if p.queue.head(&b.tickets) == i {
		b.drain(p, t) // finds out what it waits for, and when to look again
	}
	d.State = Waiting
	d.Until = timeOf(c.at)
	return id, d, nil
}

// refuse refuses a request that cannot go now and may or need not wait.
func (b *Book) refuse(d *Decision, c candidate, r *Request, now int64) bool {
	p := c.pool
	limit, at := c.limit, c.at
	if limit == Behind {
		limit = p.binding
	}
	switch {
	case r.until(now) <= now:
		d.Reason = Throttled
		p.adapt.wanted = c.limit
	case c.late:
		d.Reason = TooLate
		p.adapt.wanted = c.limit
		limit, at = p.soonest(c.hold, now)
	case p.queue.len >= b.cfg.MaxQueue:
		d.Reason = QueueFull
	default:
		return false
	}
	d.State, d.Limit, d.Until = Refused, limit, timeOf(at)
	return true
}

// hold is max(I+M, I+b·ô), with ô = 0 if nothing is expected, and not more than
// a window's worth where I+M is not.
func (b *Book) hold(p *pool, r *Request, input int) float64 {
	output := r.Output
	if output == 0 && b.cfg.Quantile > 0 {
		q, ok := b.lengths.quantile(r.Tenant, p.ID.Model, b.cfg.Quantile)
		if !ok {
			q = b.cfg.ColdOutput
		}
		output = q
	}
	output = min(output, r.MaxTokens)
	reserve := float64(input) + float64(r.MaxTokens)
	hold := max(reserve, float64(input)+p.burndown*float64(output))
	if p.tokens.rate > 0 && hold > reserve { // never more than could be admitted
		hold = max(reserve, min(hold, p.tokens.capacity()))
	}
	return math.Ceil(hold)
}

// admit books a ticket that fits.
func (b *Book) admit(i int32, now int64) {
	k := b.tickets.get(i)
	k.state, k.start, k.ends = stateHeld, now, now+int64(b.cfg.Lease)
	k.taken, k.outputAt = k.hold, now
	k.pool.take(i)
	k.pool.queue.admitted(&b.tickets, i)
	b.tickets.push(&b.tickets.leases, i)
}

// drain admits from the head of a pool's queue while it fits.
func (b *Book) drain(p *pool, now int64) {
	p.advance(now)
	for {
		i := p.queue.head(&b.tickets)
		if i == none {
			p.wake, p.binding = never, NoLimit
			return
		}
		k := b.tickets.get(i)
		limit, at := p.check(k.hold, k.class, now)
		if limit != NoLimit && at > k.ends && b.late(i, now) {
			p.adapt.wanted = limit
			continue
		}
		if limit != NoLimit {
			p.binding, p.wake = limit, at
			if at != never { // the pace may be planned faster until then
				p.wake = min(at, p.tokens.replan(k.class), p.requests.replan(k.class))
			}
			if p.adapt.learning() && (limit == Tokens || limit == Requests) {
				// The rate grows meanwhile.
				p.wake = min(at, now+int64(time.Second))
			}
			if p.exposure.stale && limit == Tokens {
				p.wake = min(p.wake, p.exposure.next)
			}
			return
		}
		p.queue.remove(&b.tickets, i)
		b.tickets.dropDeadline(i)
		b.admit(i, now)
		b.grants = append(b.grants, Grant{
			Ticket:   b.tickets.id(i),
			Decision: Decision{State: Admitted, Pool: p.ID, Hold: int(k.hold)},
		})
	}
}

// late refuses a waiting ticket whose turn cannot come any more: it would only
// hold back those behind it.
func (b *Book) late(i int32, now int64) bool {
	k := b.tickets.get(i)
	limit, at := k.pool.soonest(k.hold, now)
	if at <= max(k.ends, now) { // whose deadline has passed, expire tells
		return false
	}
	b.grants = append(b.grants, Grant{
		Ticket:   b.tickets.id(i),
		Decision: Decision{State: Refused, Pool: k.pool.ID, Hold: int(k.hold), Limit: limit, Reason: TooLate, Until: timeOf(at)},
	})
	b.unqueue(i)
	return true
}

func (b *Book) activate(p *pool) {
	if !p.active {
		p.active = true
		b.active = append(b.active, p)
	}
}

// Poll ends what has run out, admits what fits, appends what became of waiting
// tickets to dst, and returns it with the time at which to call again: the zero
// time when nothing waits or is held. Call it then, and after every other
// method; one timer does for the whole book.
func (b *Book) Poll(now time.Time, dst []Grant) (grants []Grant, next time.Time) {
	t := b.tick(now)
	b.expire(t)
	kept := b.active[:0]
	at := int64(never)
	for _, p := range b.active {
		if p.wake <= t {
			b.drain(p, t)
		}
		if p.queue.len == 0 {
			p.active = false
			continue
		}
		kept = append(kept, p)
		at = min(at, p.wake)
	}
	clear(b.active[len(kept):])
	b.active = kept
	if len(b.tickets.deadlines) > 0 {
		at = min(at, b.tickets.get(b.tickets.deadlines[0]).ends)
	}
	if i := b.tickets.leases.first; i != none {
		at = min(at, b.tickets.get(i).ends)
	}
	dst = append(dst, b.grants...)
	b.grants = b.grants[:0]
	return dst, timeOf(at)
}

// expire refuses waiting tickets whose deadline has passed and settles held
// ones whose lease has ended.
func (b *Book) expire(now int64) {
	for len(b.tickets.deadlines) > 0 {
		i := b.tickets.deadlines[0]
		k := b.tickets.get(i)
		if k.ends > now {
			break
		}
		p := k.pool
		b.grants = append(b.grants, Grant{
			Ticket:   b.tickets.id(i),
			Decision: Decision{State: Refused, Pool: p.ID, Hold: int(k.hold), Limit: p.binding, Reason: Expired},
		})
		b.unqueue(i)
	}
	for i := b.tickets.leases.first; i != none; i = b.tickets.leases.first {
		k := b.tickets.get(i)
		if k.ends > now {
			break
		}
		b.end(i, k.hold, now)
	}
}

// unqueue ends a waiting ticket.
func (b *Book) unqueue(i int32) {
	p := b.tickets.get(i).pool
	p.queue.remove(&b.tickets, i)
	b.tickets.dropDeadline(i)
	b.tickets.release(i)
	p.wake = 0 // another may be the head now
}

// timeOf is the zero time for never.
func timeOf(t int64) time.Time {
	if t == never {
		return time.Time{}
	}
	return time.Unix(0, t)
}
