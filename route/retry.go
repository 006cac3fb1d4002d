package route

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/sleep"
)

// The defaults of RetryConfig.
const (
	DefaultAttempts = 4
	DefaultBudget   = time.Minute
	DefaultBase     = 500 * time.Millisecond
	DefaultCap      = 20 * time.Second
)

// RetryConfig says how often a call is tried. The zero value is useful.
type RetryConfig struct {
	// Attempts is how often a back-end is asked for one call, the first time
	// included; 0 means DefaultAttempts, 1 never to ask again. Where one fails
	// over to another each counts, and a failover goes no further than that.
	Attempts int

	// Budget is how long a call may take before it is not tried again: an
	// attempt whose wait would end later is not made, and one under way is left
	// to finish. 0 means DefaultBudget, a negative one no limit.
	Budget time.Duration

	// Base and Cap bound the wait before attempt n+1, which is drawn evenly
	// from 0 to min(Cap, Base·2^(n-1)): full jitter, so that many callers that
	// failed together do not come back together. 0 means the default.
	//
	// Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
	Base, Cap time.Duration

	// Now, Sleep and Random are the clock and the randomness; nil means the
	// system's. Sleep returns early, with its error, when the context ends.
	// Random is from [0, 1).
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Random func() float64
}

// Retry is a Backend that asks another one again after errors that may pass.
// It is safe for concurrent use, as far as its Random is.
//
// A call is tried again only as long as its Do has failed: once a stream's Do
// has returned, its first event is on its way, and its errors are the
// caller's. What is worth it is what the error says (Retryable), with two
// exceptions: after a ModelTimeoutException, which has cost the model's time
// already, only once; and never after an error that has a partial reply, or
// that tells of a wait in vain: its caller has waited long enough, and would
// come to the end of the same queue. Nor where its turn comes later than it may
// wait: a wait here would be as long.
type Retry struct {
	outcrop.Abilities
	config RetryConfig
}

var _ outcrop.Backend = (*Retry)(nil)

// NewRetry makes a Retry around a back-end.
func NewRetry(next outcrop.Backend, config RetryConfig) *Retry {
	if config.Attempts <= 0 {
		config.Attempts = DefaultAttempts
	}
	if config.Budget == 0 {
		config.Budget = DefaultBudget
	}
	if config.Base <= 0 {
		config.Base = DefaultBase
	}
	if config.Cap <= 0 {
		config.Cap = DefaultCap
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Sleep == nil {
		config.Sleep = sleep.For
	}
	if config.Random == nil {
		config.Random = rand.Float64
	}
	return &Retry{outcrop.Abilities{Next: next}, config}
}

// Do asks until there is a reply, an error that another attempt does not help,
// or nothing left of the budget. Meta.Attempts tells how often it asked, and
// MaxAttempts how often it would have; the error is that of the last attempt,
// with the same two figures.
func (r *Retry) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	begun := r.config.Now()
	timeouts, asked := 0, 0
	for attempt := 1; ; attempt++ {
		reply, err := r.Next.Do(withAttempts(ctx, r.config.Attempts-asked), call)
		if err == nil {
			reply.Meta.Attempts = asked + max(reply.Meta.Attempts, 1)
			reply.Meta.MaxAttempts = r.config.Attempts
			return reply, nil
		}
		e := outcrop.AsError(err)
		asked += max(e.Attempts, 1) // several, when it failed over
		if e.Code == bedrock.CodeModelTimeout {
			timeouts++
		}
		if asked >= r.config.Attempts || timeouts > 1 || !worth(ctx, e) {
			return nil, r.final(e, asked)
		}
		wait := r.wait(attempt, e)
		if !r.within(ctx, begun, wait) || r.config.Sleep(ctx, wait) != nil {
			return nil, r.final(e, asked)
		}
	}
}

type attemptsKey struct{}

// withAttempts tells a Router further in how many of its lanes it may ask.
func withAttempts(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptsKey{}, n)
}

// attemptsOf is how many lanes may be asked: all, where nobody says.
func attemptsOf(ctx context.Context) int {
	if n, ok := ctx.Value(attemptsKey{}).(int); ok {
		return n
	}
	return math.MaxInt
}

// final is the error with what became of the budget.
func (r *Retry) final(e *outcrop.Error, attempts int) *outcrop.Error {
	told := *e
	told.Attempts, told.MaxAttempts = attempts, r.config.Attempts
	return &told
}

// worth tells whether another attempt can help.
func worth(ctx context.Context, e *outcrop.Error) bool {
	return e.Retryable && e.Partial == nil && ctx.Err() == nil && !hasWaited(e) && !late(e)
}

// hasWaited tells whether an error's cause says that waiting was tried.
func hasWaited(e *outcrop.Error) bool {
	var w interface{ Waited() bool }
	return errors.As(e, &w) && w.Waited()
}

// late tells whether an error's cause says that to wait would have been in vain.
func late(e *outcrop.Error) bool {
	var l interface{ Late() bool }
	return errors.As(e, &l) && l.Late()
}

// wait is how long to leave the back-end alone: what it asks for, and at the
// least what is drawn.
func (r *Retry) wait(attempt int, e *outcrop.Error) time.Duration {
	ceiling := r.config.Cap
	if shift := attempt - 1; shift < 30 && r.config.Base<<shift < ceiling && r.config.Base<<shift > 0 {
		ceiling = r.config.Base << shift
	}
	drawn := time.Duration(r.config.Random() * float64(ceiling))
	if e.RetryAfter > 0 {
		// Those who were told the same time come back spread out as well.
		return e.RetryAfter + drawn
	}
	return drawn
}

// within tells whether a wait ends within the budget and the context's time.
func (r *Retry) within(ctx context.Context, begun time.Time, wait time.Duration) bool {
	end := r.config.Now().Add(wait)
	if r.config.Budget > 0 && end.Sub(begun) > r.config.Budget {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || end.Before(deadline)
}

// CountTokens asks the back-end, if it counts, with the same budget.
func (r *Retry) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	var count outcrop.TokenCount
	counting := NewRetry(outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		var err error
		count, err = r.Abilities.CountTokens(ctx, call)
		return &outcrop.Reply{}, err
	}), r.config)
	_, err := counting.Do(ctx, call)
	return count, err
}
