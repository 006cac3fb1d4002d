package quota

import (
	"fmt"
	"time"
)

// Scope is the kind of inference profile; each has quotas of its own.
type Scope uint8

// The scopes.
const (
	InRegion Scope = iota
	Geo
	Global
)

func (s Scope) String() string { return [...]string{"in-region", "geo", "global"}[min(s, Global)] }

// PoolID names what Bedrock counts together.
type PoolID struct {
	Account string
	Region  string // the source Region
	Scope   Scope
	Model   string
	// Method separates a pool per inference method. Bedrock has none: leave it
	// empty unless the books are your own.
	Method string
}

func (id PoolID) String() string {
	s := id.Account + "/" + id.Region + "/" + id.Scope.String() + "/" + id.Model
	if id.Method != "" {
		s += "/" + id.Method
	}
	return s
}

// PoolConfig sets up a pool. A limit of 0 is no limit.
type PoolConfig struct {
	ID PoolID
	// TokensPerMinute and RequestsPerMinute are the quotas.
	TokensPerMinute   int64
	RequestsPerMinute int64
	// TokensPerDay is a day of the pool's own, in the place of its account's.
	TokensPerDay int64
	// Concurrent bounds the tickets held at a time.
	Concurrent int
	// Accounting and Window (default a minute) describe the server's counting.
	// The default is refused by no server with that window.
	Accounting Accounting
	Window     time.Duration
	// Exact is for a book that is the service's own, of a Bucket: it grants to
	// the last token. A client's book keeps some free for what the service
	// knows before it does.
	Exact bool
	// Price orders pools that could admit at the same time; any unit.
	Price float64
	// Burndown overrides the table for this pool; 0 asks the table.
	Burndown float64
	// Adaptive is for a quota that is not known or is shared with others: see
	// Adaptive.
	Adaptive Adaptive
}

// Limit names what an admission waits for.
type Limit uint8

// The limits. Behind means that the request waits and is not the head of its
// queue; a refusal names what the head waits for.
const (
	NoLimit Limit = iota
	Tokens
	Requests
	TokensPerDay
	Concurrency
	Capacity // lowered concurrency after the service said it had none
	Behind
)

func (l Limit) String() string {
	return [...]string{"none", "tokens", "requests", "tokens-per-day", "concurrency", "capacity", "behind"}[min(l, Behind)]
}

// Message is the text of Bedrock's ThrottlingException for the limit, for a
// server that refuses in Bedrock's name.
func (l Limit) Message() string {
	switch l {
	case Tokens:
		return "Too many tokens, please wait before trying again."
	case TokensPerDay:
		return "Too many tokens per day, please wait before trying again."
	}
	return "Too many requests, please wait before trying again."
}

// pool is one set of meters and the queue before it.
type pool struct {
	PoolConfig
	burndown float64
	tokens   meter
	requests meter
	day      *day
	held     []int32 // tickets
	exposure exposure
	tickets  *tickets
	adapt    adaptation
	queue    queue
	wake     int64 // when the head may be admitted; never without one
	active   bool  // in Book.active
	binding  Limit // what held the head back at the last look
}

func newPool(cfg PoolConfig, table Burndown, d *day, floor [classes]float64, now int64) (*pool, error) {
	switch {
	case cfg.ID.Model == "":
		return nil, fmt.Errorf("quota: pool %s: id.model: must not be empty", cfg.ID)
	case cfg.TokensPerMinute < 0, cfg.RequestsPerMinute < 0, cfg.TokensPerDay < 0, cfg.Concurrent < 0:
		return nil, fmt.Errorf("quota: pool %s: tokensPerMinute, requestsPerMinute, tokensPerDay, concurrent: must not be negative", cfg.ID)
	case cfg.Window < 0:
		return nil, fmt.Errorf("quota: pool %s: window: must not be negative, got %s", cfg.ID, cfg.Window)
	case cfg.Exact && cfg.Accounting != Bucket:
		return nil, fmt.Errorf("quota: pool %s: exact: only a bucket grants exactly", cfg.ID)
	case cfg.Accounting > Fixed:
		return nil, fmt.Errorf("quota: pool %s: accounting: unknown value %d", cfg.ID, cfg.Accounting)
	case cfg.Burndown < 0:
		return nil, fmt.Errorf("quota: pool %s: burndown: must not be negative, got %v", cfg.ID, cfg.Burndown)
	}
	if err := cfg.Adaptive.validate(); err != nil {
		return nil, fmt.Errorf("quota: pool %s: adaptive.%w", cfg.ID, err)
	}
	if cfg.Window == 0 {
		cfg.Window = time.Minute
	}
	p := &pool{PoolConfig: cfg, burndown: cfg.Burndown, day: d, wake: never, queue: newQueue(floor)}
	if p.burndown == 0 {
		p.burndown = table.Of(cfg.ID.Model)
	}
	p.tokens = newMeter(cfg.Accounting, cfg.Window, p.reach()*float64(cfg.TokensPerMinute), now)
	p.requests = newRequests(cfg.Accounting, cfg.Window, p.reach()*float64(cfg.RequestsPerMinute), now)
	p.tokens.exact, p.requests.exact = cfg.Exact, cfg.Exact
	p.adapt = newAdaptation(p, now)
	return p, nil
}

// reach is how many times the configured limits the adapted ones may become: the
// meters count up to that, and the pace does the rest.
func (p *pool) reach() float64 { return max(1, p.Adaptive.Most) }

// advance brings the meters up to now.
func (p *pool) advance(now int64) {
	p.adapt.grow(p, now)
	p.tokens.advance(now)
	p.requests.advance(now)
	if p.day != nil {
		p.day.advance(now)
	}
	p.expose(now)
}

func (p *pool) inflight() int { return len(p.held) }

// check returns NoLimit when hold may be admitted now, else what forbids it and
// when time alone could change that. Call advance first.
func (p *pool) check(hold float64, class Class, now int64) (Limit, int64) {
	limit, at := NoLimit, now
	wait := func(l Limit, when int64) {
		if limit == NoLimit || when > at {
			limit, at = l, when
		}
	}
	if p.Concurrent > 0 && p.inflight() >= p.Concurrent {
		wait(Concurrency, never)
	}
	if full, until := p.adapt.capacity.full(p.inflight(), now); full {
		wait(Capacity, until)
	}
	if !p.tokens.fits(hold, class) {
		wait(Tokens, p.tokens.when(hold, class, now))
	}
	if !p.requests.fits(1, class) {
		wait(Requests, p.requests.when(1, class, now))
	}
	if p.day != nil && !p.day.fits(hold) {
		wait(TokensPerDay, p.day.when(hold))
	}
	return limit, at
}

// take books an admitted ticket.
func (p *pool) take(i int32) {
	k := p.tickets.get(i)
	k.place = int32(len(p.held))
	p.held = append(p.held, i)
	hold := k.hold
	p.tokens.take(hold)
	p.requests.spend(1)
	p.adapt.admitted(p)
	p.adapt.capacity.admitted(p.inflight(), k.start)
	if p.day != nil {
		p.day.held += hold
	}
}

// grow raises what is held.
func (p *pool) grow(by float64) {
	p.tokens.grow(by)
	if p.day != nil {
		p.day.held += by
	}
}

// settle returns a ticket's hold and books what it came to.
func (p *pool) settle(k *ticket, spent float64) {
	hold := k.hold
	p.drop(k)
	p.tokens.settle(hold, k.taken, spent, k.start)
	if p.day != nil {
		p.day.held -= hold
		p.day.used += spent
	}
}

// drop takes a ticket out of those held.
func (p *pool) drop(k *ticket) {
	last := p.held[len(p.held)-1]
	p.held[k.place] = last
	p.tickets.get(last).place = k.place
	p.held = p.held[:len(p.held)-1]
	k.place = none
	p.exposure.stale = p.exposure.stale || p.tokens.cover > 0
}

// day is tokens per day of one account and Region.
type day struct {
	limit, used, held float64
	offset            int64 // when a day begins, after midnight UTC
	ends              int64
}

func newDay(limit float64, offset time.Duration, now int64) *day {
	d := &day{limit: limit, offset: int64(offset)}
	d.ends = d.end(now)
	return d
}

// end returns when the day of t ends.
func (d *day) end(t int64) int64 {
	const length = int64(24 * time.Hour)
	n := (t - d.offset) / length
	if (t-d.offset)%length < 0 {
		n--
	}
	return (n+1)*length + d.offset
}

func (d *day) advance(now int64) {
	if now >= d.ends {
		d.used = 0
		d.ends = d.end(now)
	}
}

func (d *day) fits(hold float64) bool { return d.used+d.held+hold <= d.limit }

// when is the end of the day, or never while what is held leaves no room even
// in an empty one.
func (d *day) when(hold float64) int64 {
	if d.held+hold > d.limit {
		return never
	}
	return d.ends
}

func (d *day) left() float64 { return d.limit - d.used - d.held }
