package governed

// search finds the least number of calls that keep a back-end about as busy as
// more of them do. It is told, epoch after epoch, how many replies a second there
// were under its bound, and halves the bound, or the step back, as long as that
// makes little difference:
//
//	no bound ── 16 ── 8 ── 4 ── 2: half the rate ── 3: too little ── 4, for a while ── 5: no more ── 4 …
//
// It knows nothing of service times, which differ from call to call. Where half
// the calls get hardly more than half the replies, the back-end is not full, and
// there is no bound.
type search struct {
	bound   int     // calls under way; 0 is any number
	low     int     // too few
	high    int     // enough, or while there is no bound, not too many
	best    float64 // replies a second, of this search or, when it is over, lately
	first   bool    // the next epoch is the first one of a search
	rest    int     // epochs until it looks again
	raising bool    // it looks whether more is better
}

const (
	// muchAlike is the share of the best rate that is as good: less than the
	// noise of an epoch would tell.
	muchAlike = 0.85
	// inProportion is the share of the rate that half the calls have, or less,
	// where nobody waits.
	inProportion = 0.7
	// searchRest is how many epochs a bound holds, for each one in which more
	// calls are tried.
	searchRest = 40
)

// learn takes an epoch's rate, and sets the bound of the next. inflight is how
// many calls were under way all the time.
func (s *search) learn(inflight int, rate float64) {
	switch {
	case s.rest > 0:
		s.hold(inflight, rate)
	case s.raising:
		s.raised(rate)
	case s.bound == 0:
		if inflight >= 2 {
			*s = search{high: inflight, best: rate, bound: inflight / 2, first: true}
		}
	default:
		s.narrow(rate)
	}
}

// narrow takes the rate of a bound between too few and enough.
func (s *search) narrow(rate float64) {
	first := s.first
	s.first = false
	s.best = max(s.best, rate)
	switch {
	case rate >= muchAlike*s.best:
		s.high = s.bound
	case first && rate < inProportion*s.best:
		*s = search{rest: searchRest, high: s.high}
		return
	default:
		s.low = s.bound
	}
	if s.high-s.low <= max(1, s.high/8) {
		s.bound, s.rest = s.high, searchRest
		return
	}
	s.bound = (s.low + s.high) / 2
}

// hold takes the rate of a bound that was found, or of none. When the rest of
// none is over, the search begins anew, and at once where a quarter more calls are
// there than did not fill the back-end.
func (s *search) hold(inflight int, rate float64) {
	s.rest--
	if s.bound == 0 {
		if 4*inflight > 5*s.high {
			*s = search{}
			s.learn(inflight, rate)
		}
		return
	}
	s.best = rate // what is asked changes
	if s.rest == 0 {
		s.low, s.raising = s.bound, true
		s.bound += max(1, s.bound/4)
	}
}

// raised takes the rate of a bound above the one that was found.
func (s *search) raised(rate float64) {
	if muchAlike*rate >= s.best {
		*s = search{} // more is better: begin anew
		return
	}
	s.bound, s.rest, s.raising = s.low, searchRest, false
}
