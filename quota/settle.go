package quota

import "time"

// Grow tells that a held ticket's stream has produced this many output tokens
// so far. The hold rises once b × output has outgrown it; debt is allowed. It
// also renews the lease. It says whether the ticket was held.
func (b *Book) Grow(now time.Time, id TicketID, output int) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	k := b.tickets.get(i)
	k.output, k.outputAt = float64(output), t
	if need := k.input + k.pool.burndown*float64(output); need > k.hold {
		k.pool.grow(need - k.hold)
		k.tenant.v += (need - k.hold) / k.weight
		if k.tenant.place >= 0 {
			k.pool.queue.classes[k.class].fix(&b.tickets, k.tenant)
			k.pool.wake = 0 // another may be the head now
		}
		k.hold = need
	}
	if p := k.pool; p.tokens.cover > 0 { // less may have been exceeded than was thought
		p.exposure.stale = true
		p.wake = min(p.wake, p.exposure.next)
	}
	b.renew(i, t)
	return true
}

// Renew begins a held ticket's lease anew and says whether it was held.
func (b *Book) Renew(now time.Time, id TicketID) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	b.renew(i, t)
	return true
}

func (b *Book) renew(i int32, now int64) {
	b.tickets.unlink(&b.tickets.leases, i)
	b.tickets.get(i).ends = now + int64(b.cfg.Lease)
	b.tickets.push(&b.tickets.leases, i)
}

// Settle ends a held ticket with the usage that came back:
// S = Input + CacheWrite + b × Output. Debt is allowed. It teaches the input
// ratio and the output length, and says whether the ticket was still held;
// ending one twice does nothing.
func (b *Book) Settle(now time.Time, id TicketID, u Usage) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	k := b.tickets.get(i)
	model := k.pool.ID.Model
	if b.cfg.Ratios != nil {
		b.cfg.Ratios.Observe(model, k.tenant.name, k.estimate, u.Input+u.CacheRead+u.CacheWrite)
	}
	if u.Output > 0 {
		b.lengths.observe(k.tenant.name, model, u.Output)
		k.pool.exposure.learn(u.Output, t-k.start)
	}
	b.end(i, float64(u.Input+u.CacheWrite)+k.pool.burndown*float64(u.Output), t)
	return true
}

// Interrupted ends a held ticket whose reply broke off without usage: it is
// settled by estimate, the input plus b × the output seen. Nothing is learned.
func (b *Book) Interrupted(now time.Time, id TicketID, output int) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	k := b.tickets.get(i)
	b.end(i, k.input+k.pool.burndown*float64(output), t)
	return true
}

// Cancel ends a ticket that was never sent, waiting or held: all of its tokens
// return. A held one has used up its request, which is safe and simple.
func (b *Book) Cancel(now time.Time, id TicketID) bool {
	t := b.tick(now)
	i := b.tickets.find(id)
	if i == none {
		return false
	}
	if b.tickets.get(i).state == stateWaiting {
		b.unqueue(i)
		return true
	}
	b.end(i, 0, t)
	return true
}

// Throttled ends a held ticket that the service refused for a limit: Tokens,
// Requests or TokensPerDay. Nothing is charged; the pool learns (see Adaptive),
// and a day is over.
func (b *Book) Throttled(now time.Time, id TicketID, limit Limit) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	k := b.tickets.get(i)
	p, start := k.pool, k.start
	b.end(i, 0, t)
	p.advance(t)
	if limit == TokensPerDay && p.day != nil {
		p.day.used = max(p.day.used, p.day.limit-p.day.held)
	}
	p.adapt.throttled(p, limit, start, t)
	return true
}

// Unavailable ends a held ticket for which the service had no capacity (503).
// Nothing is charged; fewer go at a time for a while.
func (b *Book) Unavailable(now time.Time, id TicketID) bool {
	i, t := b.held(id, now)
	if i == none {
		return false
	}
	k := b.tickets.get(i)
	p := k.pool
	p.adapt.capacity.unavailable(p.inflight(), k.start, t)
	b.end(i, 0, t)
	return true
}

// held returns the record of a held ticket, or none.
func (b *Book) held(id TicketID, now time.Time) (i int32, t int64) {
	t = b.tick(now)
	i = b.tickets.find(id)
	if i == none || b.tickets.get(i).state != stateHeld {
		return none, t
	}
	return i, t
}

// end settles a held ticket at what it spent. Its pool's queue is looked at by
// the next Poll.
func (b *Book) end(i int32, spent float64, now int64) {
	k := b.tickets.get(i)
	p := k.pool
	p.advance(now)
	p.settle(k, spent)
	p.queue.ended(&b.tickets, k, spent)
	b.tickets.unlink(&b.tickets.leases, i)
	b.tickets.release(i)
	p.wake = 0
}
