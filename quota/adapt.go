package quota

import (
	"errors"
	"time"
)

// Adaptive finds the rate that a server really grants. To a client that sends
// smoothly, every way of counting is a rate, so one number is learned and
// neither shape nor window need be known.
//
// The zero value takes the configured limits at their word until a throttle
// proves them wrong, for instance because others use the same quota. With On the
// limits are not known: the rate begins at Start × the configured one.
//
// The rate grows while requests wait for it. A throttle takes it × Cut, at most
// once in five seconds and once per round trip: a ticket admitted before the last
// throttle says nothing new. It then grows fast to just under where it was
// throttled, and from there slowly, and only as often as Budget allows; past it,
// fast again (the idea of CUBIC, RFC 9438, with straight lines).
type Adaptive struct {
	// Start is the first rate, as a share of the configured one. Default 0.5
	// where On is set.
	Start float64
	// On turns adaptation on from the start.
	On bool
	// Off takes the configured limits at their word whatever the server says.
	Off bool
	// Growth is the rate's growth per second. Default 0.01.
	Growth float64
	// Cut is what a throttle multiplies the rate with. Default 0.9.
	Cut float64
	// Most bounds the rate, as a share of the configured one. Default 1: the
	// quota is known to be no larger, but may be shared. Set it higher when
	// even that is not known.
	Most float64
	// Budget is the share of attempts that may be throttled for the sake of
	// learning. Default 0.005.
	Budget float64
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
	case a.Budget < 0 || a.Budget > 1:
		return errors.New("budget: must lie between 0 and 1")
	case a.On && a.Off:
		return errors.New("off: excludes on")
	}
	return nil
}

const (
	nearCeiling = 0.98 // of the rate last throttled: growth slows here
	slowGrowth  = 0.1  // of Growth, above nearCeiling
	caution     = 0.08 // above the ceiling by which growth is still slow
	cutEvery    = int64(5 * time.Second)
	leastPause  = int64(200 * time.Millisecond)
	mostPause   = int64(2 * time.Second)
	leastRamp   = int64(5 * time.Millisecond)
	quickly     = 4    // the ramp begins with that part of the pause
	leastShare  = 0.01 // the rate never falls below this share
	mostBudget  = 3    // throttles that may be saved up
	mostOwed    = 10   // throttles that may be owed
)

// share is the adapted part of one limit.
type share struct {
	now     float64 // share of the configured rate
	ceiling float64 // where it was throttled last; 0 when never
	goal    float64 // up to where it then grows fast
	hitAt   int64   // the last throttle: tickets admitted before it say nothing new
	cutAt   int64   // the last cut
	budget  float64 // throttles that learning may still cost
	// After a throttle everything pauses; then one goes at a time, ramp apart,
	// and the ramp halves as long as none is refused.
	pause, ramp int64
}

// adaptation is a pool's state of it.
type adaptation struct {
	Adaptive
	tokens, requests share
	last             int64 // time of the last growth
	wanted           Limit // what a request was refused for since the last look
	capacity         capacity
}

func newAdaptation(p *pool, now int64) adaptation {
	a := adaptation{Adaptive: p.Adaptive, last: now, capacity: newCapacity()}
	a.tokens = share{now: 1, hitAt: -1, cutAt: -1}
	a.requests = a.tokens
	or := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	or(&a.Start, 0.5)
	or(&a.Growth, 0.01)
	or(&a.Cut, 0.9)
	or(&a.Most, 1)
	or(&a.Budget, 0.005)
	if a.On {
		a.tokens.now, a.requests.now = a.Start, a.Start
	}
	if a.On || p.reach() > 1 {
		a.apply(p)
	}
	return a
}

// apply paces the meters.
func (a *adaptation) apply(p *pool) {
	p.tokens.pace.limit(&p.tokens, a.tokens.now/p.reach(), a.On)
	p.requests.pace.limit(&p.requests, a.requests.now/p.reach(), a.On)
}

// learning says whether the rate could change by itself.
func (a *adaptation) learning() bool {
	return a.On || a.tokens.now < 1 || a.requests.now < 1
}

// grow raises the limit that requests have been waiting for since the last
// look; a rate that nobody needed is not evidence of anything.
func (a *adaptation) grow(p *pool, now int64) {
	if !a.learning() || now <= a.last {
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

// grow raises the rate, by a share of itself. Below the goal that the last cut
// set it is fast; from there to a little above where it was throttled it is
// slow, and waits for the budget; beyond, the faster the farther it gets. A
// bucket that had filled up hides for a while that the rate is too high, so
// haste there would be paid for later.
func (s *share) grow(by, most float64) {
	switch {
	case s.ceiling == 0 || s.now < s.goal:
	case s.budget <= 0 && s.now >= nearCeiling*s.ceiling:
		return
	default:
		by *= min(1, max(slowGrowth, slowGrowth*(s.now/s.ceiling-1)/caution))
	}
	s.now = min(most, s.now*(1+by))
}

// cut lowers the rate; more, if the last cut was too small to end the throttling.
func (s *share) cut(by float64, now int64) {
	again := s.cutAt >= 0 && now-s.cutAt < 2*cutEvery
	s.cutAt = now
	s.ceiling = s.now
	if again {
		by = max(0.5, 2*by-1) // twice as much
	}
	s.now = max(leastShare, s.now*by)
	s.goal = nearCeiling * s.ceiling
	if again {
		s.goal = (s.now + s.ceiling) / 2
	}
}

// admitted counts an attempt, and holds back the next while the ramp lasts.
func (a *adaptation) admitted(p *pool) {
	a.tokens.admitted(&p.tokens, a.Budget)
	a.requests.admitted(&p.requests, a.Budget)
}

func (s *share) admitted(m *meter, budget float64) {
	s.budget = min(mostBudget, s.budget+budget)
	if s.ramp == 0 {
		return
	}
	m.after = max(m.after, m.last+s.ramp)
	if s.ramp /= 2; s.ramp < leastRamp {
		s.ramp, s.pause = 0, 0
	}
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
// counts windows refuses for the rest of one, and that is one piece of news.
// Nobody can say when the server's window moves on, so the pool pauses, longer
// each time until some have gone through. A bucket has nothing free, whatever it
// said.
func (a *adaptation) hit(p *pool, s *share, m *meter, start, now int64) {
	s.budget = max(-mostOwed, s.budget-1)
	if start < s.hitAt || m.rate == 0 {
		return
	}
	s.hitAt = now
	if !a.Off && (s.cutAt < 0 || now-s.cutAt >= cutEvery) {
		s.cut(a.Cut, now)
		a.apply(p)
	}
	if m.kind == Bucket && !a.On {
		m.level = min(m.level, 0)
	}
	s.pause = min(max(leastPause, 2*s.pause), mostPause)
	s.ramp = s.pause / quickly
	m.after = max(m.after, now+s.pause)
	m.pace.rest(m.after)
}
