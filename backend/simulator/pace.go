package simulator

import (
	"context"
	"fmt"
	"time"

	"github.com/outcrop-ai/outcrop/internal/sleep"
)

// Pace is how fast a simulated model is. The zero Pace takes the nominal one.
type Pace struct {
	// Name labels the pace where it is reported, so that nobody takes it for
	// a measurement of a real model.
	Name string

	// FirstToken is the time to the first token.
	FirstToken time.Duration

	// TokensPerSecond is the speed after it.
	TokensPerSecond float64

	// Jitter is how far times vary around these, as a fraction from 0 to 1;
	// how far in one reply follows from its request.
	Jitter float64
}

// Nominal is the pace that latency figures are computed with when no other is
// set. It is made up: the order of magnitude of a hosted model, no model's
// measured speed.
var Nominal = Pace{Name: "nominal", FirstToken: 400 * time.Millisecond, TokensPerSecond: 80, Jitter: 0.2}

// filled is the pace with what it leaves out taken from the nominal one.
func (p Pace) filled() Pace {
	if p.FirstToken == 0 && p.TokensPerSecond == 0 {
		p.FirstToken, p.TokensPerSecond = Nominal.FirstToken, Nominal.TokensPerSecond
	}
	if p.TokensPerSecond <= 0 {
		p.TokensPerSecond = Nominal.TokensPerSecond
	}
	if p.Name == "" {
		p.Name = fmt.Sprintf("%v, %v tokens/s", p.FirstToken, p.TokensPerSecond)
	}
	p.Jitter = min(max(p.Jitter, 0), 1)
	return p
}

// timing is the pace of one reply.
type timing struct {
	first    time.Duration
	perToken time.Duration
}

// of draws the timing of a reply.
func (p Pace) of(r random) timing {
	vary := func() float64 { return 1 + p.Jitter*(2*r.fraction()-1) }
	return timing{
		first:    time.Duration(float64(p.FirstToken) * vary()),
		perToken: time.Duration(float64(time.Second) / p.TokensPerSecond * vary()),
	}
}

// total is how long a reply of n tokens takes.
func (t timing) total(n int) time.Duration { return t.first + time.Duration(n)*t.perToken }

// Clock tells the time and waits. It is safe for concurrent use.
type Clock interface {
	Now() time.Time

	// Sleep waits for d, or until the context ends and returns its error.
	Sleep(ctx context.Context, d time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	return sleep.For(ctx, d)
}

// slots are the replies that a model writes at once; nil is any number. Who
// waits for one gets it in the order of arrival.
type slots chan struct{}

// take waits for a slot, which leave gives back.
func (s slots) take(ctx context.Context) (leave func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
