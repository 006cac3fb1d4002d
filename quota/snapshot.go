package quota

import "time"

// PoolStatus is one pool's books at one time.
type PoolStatus struct {
	ID PoolID
	// Tokens and Requests are the limits per window as they are applied now:
	// an adaptive pool's may be lower than the configured ones. 0 is no limit.
	Tokens, Requests int64
	// Used is what the window has seen settle, or what a bucket still lacks;
	// more than Tokens is debt.
	Used         int64
	UsedRequests int64
	// Held is what tickets reserve, Inflight their number.
	Held     int64
	Inflight int
	// Queued counts what waits, by class; QueuedTokens are their holds.
	Queued       [classes]int
	QueuedTokens int64
	// Limit is what the head waits for, and Next when it may go: zero when
	// nothing waits or only a settlement can tell.
	Limit Limit
	Next  time.Time
	// Share is the adaptive part of the configured tokens per minute.
	Share float64
	// Concurrent bounds Inflight: the configured bound or the lower one after
	// a lack of capacity. 0 is none.
	Concurrent int
	// The day of the account and Region, shared by its pools; zero without one.
	DayTokens, DayUsed, DayHeld int64
	DayEnds                     time.Time
}

// Snapshot appends the status of every pool, in the order of the configuration.
// It brings the meters up to now and changes nothing else.
func (b *Book) Snapshot(now time.Time, dst []PoolStatus) []PoolStatus {
	t := b.tick(now)
	for _, p := range b.order {
		p.advance(t)
		s := PoolStatus{
			ID:           p.ID,
			Used:         int64(p.tokens.used()),
			UsedRequests: int64(p.requests.used()),
			Held:         int64(p.tokens.held),
			Inflight:     p.inflight(),
			QueuedTokens: int64(p.queue.tokens),
			Share:        p.adapt.tokens.now,
			Concurrent:   p.Concurrent,
		}
		if p.tokens.rate > 0 {
			s.Tokens = int64(p.tokens.capacity()*p.adapt.tokens.now/p.reach() + 0.5)
		}
		if p.requests.rate > 0 {
			s.Requests = int64(p.requests.capacity()*p.adapt.requests.now/p.reach() + 0.5)
		}
		for c := range p.queue.classes {
			s.Queued[c] = p.queue.classes[c].len
		}
		if i := p.queue.head(&b.tickets); i != none {
			k := b.tickets.get(i)
			limit, at := p.check(k.hold, k.class, t)
			s.Limit, s.Next = limit, timeOf(at)
		}
		if most := int(p.adapt.capacity.most); most > 0 && (s.Concurrent == 0 || most < s.Concurrent) {
			s.Concurrent = most
		}
		if d := p.day; d != nil {
			s.DayTokens, s.DayUsed, s.DayHeld = int64(d.limit), int64(d.used), int64(d.held)
			s.DayEnds = timeOf(d.ends)
		}
		dst = append(dst, s)
	}
	return dst
}
