package quota

import (
	"errors"
	"time"
)

// Adaptive finds the rate that a server really grants, for a quota that is not
// known or is shared. The zero value is off: the configured limits are taken at
// their word.
//
// The rate begins at Start × the configured one and grows while requests wait
// for it. A throttle takes it × Cut, at most once in five seconds and once per
// round trip: a ticket admitted before the last throttle says nothing new. It
// then grows fast to just under where it was throttled, slowly past it, and fast
// again beyond (the idea of CUBIC, RFC 9438, with straight lines).
type Adaptive struct {
	// Start is the first rate, as a share of the configured one. Default 0.5
	// where On is set.
	Start float64
	// On turns adaptation on.
	On bool
	// Growth is the rate's growth per second. Default 0.01.
	Growth float64
	// Cut is what a throttle multiplies the rate with. Default 0.9.
	Cut float64
	// Most bounds the rate, as a share of the configured one. Default 1: the
	// quota is known to be no larger, but may be shared. Set it higher when
	// even that is not known.
	Most float64
}

func (a Adaptive) validate() error {
	switch {
	case a.Start < 0 || a.Start > 1:
		return errors.New("start: must lie between 0 and 1")
	case a.Growth < 0 || a.Growth > 1:
		return errors.New("growth: must lie between 0 and 1")
	case a.Cut < 0 || a.Cut >= 1:
		return errors.New("cut: must lie between 0 and 1")
	case a.Most < 0:
		return errors.New("most: must not be negative")
	}
	return nil
}

const (
	nearCeiling = 0.97 // of the rate last throttled: growth slows here
	slowGrowth  = 0.1  // of Growth, above nearCeiling
	cutEvery    = int64(5 * time.Second)
	leastPause  = int64(50 * time.Millisecond)
	mostPause   = int64(5 * time.Second)
	leastShare  = 0.01 // the rate never falls below this share
	lessAtOnce  = 0.7  // of the tickets held, after the service had no capacity
)

// share is the adapted part of one limit.
type share struct {
	now     float64 // share of the configured rate
	ceiling float64 // where it was throttled last; 0 when never
	hitAt   int64   // the last throttle: tickets admitted before it say nothing new
	cutAt   int64   // the last cut
	pause   int64   // after the last throttle; 0 once a ticket has gone through
}

// adaptation is a pool's state of it.
type adaptation struct {
	Adaptive
	tokens, requests share
	last             int64 // time of the last growth
	cutConcurrent    int64
	concurrent       float64 // bound after a lack of capacity; 0 is none
	lift             float64 // where the bound is dropped again
	wanted           Limit   // what a request was refused for since the last look
}

func newAdaptation(p *pool, now int64) adaptation {
	a := adaptation{Adaptive: p.Adaptive, last: now, cutConcurrent: -1}
	a.tokens.hitAt, a.requests.hitAt = -1, -1
	a.tokens.cutAt, a.requests.cutAt = -1, -1
	a.tokens.now, a.requests.now = 1, 1
	if !a.On {
		return a
	}
	if a.Start == 0 {
		a.Start = 0.5
	}
	if a.Growth == 0 {
		a.Growth = 0.01
	}
	if a.Cut == 0 {
		a.Cut = 0.9
	}
	if a.Most == 0 {
		a.Most = 1
	}
	a.tokens.now, a.requests.now = a.Start, a.Start
	a.apply(p)
	return a
}

// apply sets the meters' rates.
func (a *adaptation) apply(p *pool) {
	p.tokens.setRate(float64(p.TokensPerMinute) * a.tokens.now / float64(time.Minute))
	p.requests.setRate(float64(p.RequestsPerMinute) * a.requests.now / float64(time.Minute))
}

// grow raises the limit that requests have been waiting for since the last
// look; a rate that nobody needed is not evidence of anything.
func (a *adaptation) grow(p *pool, now int64) {
	if !a.On || now <= a.last {
		return
	}
	seconds := float64(now-a.last) / float64(time.Second)
	a.last = now
	binding := p.binding
	if p.queue.len == 0 {
		// Nobody waits, but somebody may have been turned away.
		binding, seconds = a.wanted, min(seconds, 1)
	}
	a.wanted = NoLimit
	switch binding {
	case Tokens:
		a.tokens.grow(a.Growth*seconds, a.Most)
	case Requests:
		a.requests.grow(a.Growth*seconds, a.Most)
	default:
		return
	}
	a.apply(p)
}

func (s *share) grow(by, most float64) {
	if s.now >= nearCeiling*s.ceiling && s.now*nearCeiling <= s.ceiling {
		by *= slowGrowth
	}
	s.now = min(most, s.now*(1+by))
}

func (s *share) cut(by float64) {
	s.ceiling = s.now
	s.now = max(leastShare, s.now*by)
}

// throttled learns that a ticket admitted at start was throttled.
func (a *adaptation) throttled(p *pool, limit Limit, start, now int64) {
	switch limit {
	case Tokens:
		a.hit(p, &a.tokens, &p.tokens, start, now)
	case Requests:
		a.hit(p, &a.requests, &p.requests, start, now)
	}
}

// hit books a throttle. The rate is cut at most every cutEvery: a server that
// counts windows refuses for the rest of one, and that is one piece of news. A
// bucket then has nothing free, whatever it said; a window cannot say when the
// server's moves on, so it pauses, longer each time until a ticket goes through.
func (a *adaptation) hit(p *pool, s *share, m *meter, start, now int64) {
	if start < s.hitAt || m.rate == 0 {
		return
	}
	s.hitAt = now
	if a.On && (s.cutAt < 0 || now-s.cutAt >= cutEvery) {
		s.cutAt = now
		s.cut(a.Cut)
		a.apply(p)
	}
	if m.kind == Bucket {
		m.level = min(m.level, m.held)
		return
	}
	s.pause = min(max(leastPause, 2*s.pause), mostPause)
	m.after = now + s.pause
}

// unavailable learns that the service had no capacity: fewer at a time, the
// rates untouched. inflight counts the ticket that failed.
func (a *adaptation) unavailable(inflight int, start, now int64) {
	if start < a.cutConcurrent {
		return
	}
	a.cutConcurrent = now
	a.lift = max(a.lift, 1.5*float64(inflight))
	a.concurrent = max(1, lessAtOnce*float64(inflight))
}

// succeeded lets one more in per round of successes, and drops the bound once
// it has been left well behind.
func (a *adaptation) succeeded(start int64) {
	if start >= a.tokens.hitAt {
		a.tokens.pause = 0
	}
	if start >= a.requests.hitAt {
		a.requests.pause = 0
	}
	if a.concurrent == 0 {
		return
	}
	a.concurrent += 1 / a.concurrent
	if a.concurrent > a.lift {
		a.concurrent, a.lift = 0, 0
	}
}
