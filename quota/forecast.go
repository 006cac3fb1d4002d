package quota

// What is known of a request's turn is a bound: it cannot come before what has
// been spent, and nobody can give back, has made room again. All else may turn
// out better than it looks. What is held may be given back, whoever waits in
// front may give up, and the pace may be planned anew; so none of that counts
// here, and a request that is refused for its forecast would have waited in vain
// whatever had happened.

// soonest is the limit that lets a hold in last, and the time before which it
// does not: now, where nothing that is certain forbids it. Call advance first.
func (p *pool) soonest(hold float64, now int64) (Limit, int64) {
	limit, at := NoLimit, now
	wait := func(l Limit, when int64) {
		if when > at {
			limit, at = l, when
		}
	}
	wait(Tokens, p.tokens.soonest(hold, now))
	wait(Requests, p.requests.soonest(1, now))
	if d := p.day; d != nil && d.used+hold > d.limit+epsilon {
		wait(TokensPerDay, d.ends)
	}
	return limit, at
}

// soonest is the same of one meter.
func (m *meter) soonest(n float64, now int64) int64 {
	if m.rate == 0 {
		return now
	}
	at := max(now, m.after)
	need := min(n, m.capacity())
	back := m.held - m.grown // of what was taken
	if lack := need - m.level - back - 2*epsilon; lack > 0 {
		at = max(at, m.last+int64(lack/m.rate))
	}
	room := m.capacity() - m.sum
	if m.kind == Fixed {
		room += back
	}
	// roll may forget half a token.
	if lack := need - room - 0.5; m.kind != Bucket && lack > epsilon {
		at = max(at, m.leaves(lack))
	}
	return at
}
