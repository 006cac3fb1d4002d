package quota

import (
	"errors"
	"time"
)

// Adaptive finds the rate that a server really grants, for a quota that is not
// known or is shared. The zero value is off: the configured limits are taken at
// their word. Set Start to turn it on.
//
// The rate begins at Start × the configured one and grows while requests wait
// for it. A throttle takes it × Cut, at most once per round trip: a ticket that
// was admitted before the last cut says nothing new. It then grows fast to just
// under where it was throttled and slowly from there, which is where the time
// should be spent (the idea of CUBIC, RFC 9438, with two straight lines).
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
	leastShare  = 0.01 // the rate never falls below this share
	lessAtOnce  = 0.7  // of the tickets held, after the service had no capacity
)

// share is the adapted part of one limit.
type share struct {
	now     float64 // share of the configured rate
	ceiling float64 // where it was throttled last; 0 when never
}

// adaptation is a pool's state of it.
type adaptation struct {
	Adaptive
	tokens, requests share
	last             int64 // time of the last growth
	cutTokens        int64 // tickets admitted before it say nothing new
	cutRequests      int64
	cutConcurrent    int64
	concurrent       float64 // bound after a lack of capacity; 0 is none
	lift             float64 // where the bound is dropped again
	wanted           Limit   // what a request was refused for since the last look
}

func newAdaptation(p *pool, now int64) adaptation {
	a := adaptation{Adaptive: p.Adaptive, last: now, cutTokens: -1, cutRequests: -1, cutConcurrent: -1}
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
	if s.ceiling > 0 && s.now >= nearCeiling*s.ceiling {
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
		if start < a.cutTokens {
			return
		}
		a.cutTokens = now
		if a.On {
			a.tokens.cut(a.Cut)
			a.apply(p)
		}
		// The server's level was below this hold, whatever ours says.
		if p.tokens.kind == Bucket && p.tokens.rate > 0 {
			p.tokens.level = min(p.tokens.level, p.tokens.held)
		}
	case Requests:
		if start < a.cutRequests {
			return
		}
		a.cutRequests = now
		if a.On {
			a.requests.cut(a.Cut)
			a.apply(p)
		}
		if p.requests.kind == Bucket && p.requests.rate > 0 {
			p.requests.level = min(p.requests.level, 0)
		}
	}
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
func (a *adaptation) succeeded() {
	if a.concurrent == 0 {
		return
	}
	a.concurrent += 1 / a.concurrent
	if a.concurrent > a.lift {
		a.concurrent, a.lift = 0, 0
	}
}
