package route

import (
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// The defaults of Breaker.
const (
	DefaultFailures = 5
	DefaultOpen     = 10 * time.Second
	DefaultMaxOpen  = 2 * time.Minute
)

// Breaker says when a lane is left alone. A zero means the default of that
// name.
type Breaker struct {
	// Failures is how many calls in a row must fail to open the circuit.
	Failures int
	// Open is how long it stays open the first time, before one call tries.
	// Each try that fails doubles the time, up to MaxOpen.
	Open, MaxOpen time.Duration
}

func (b Breaker) withDefaults() Breaker {
	if b.Failures <= 0 {
		b.Failures = DefaultFailures
	}
	if b.Open <= 0 {
		b.Open = DefaultOpen
	}
	if b.MaxOpen <= 0 {
		b.MaxOpen = DefaultMaxOpen
	}
	return b
}

// circuit remembers how a lane fared. It is closed while failures are fewer
// than the limit in a row; then open, and nobody is let in; then half-open,
// and one call at a time is let in, whose end decides. It is safe for
// concurrent use.
type circuit struct {
	rule Breaker

	mu       sync.Mutex
	failures int           // in a row
	wait     time.Duration // 0 while closed
	until    time.Time     // when it is half-open
	trying   bool          // a call is under way that decides
}

// admit asks to be let in, and tells whether the call is the one that decides.
// Who is let in must report how it went.
func (c *circuit) admit(now time.Time) (in, tries bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.wait == 0:
		return true, false
	case c.trying || now.Before(c.until):
		return false, false
	}
	c.trying = true
	return true, true
}

// outcome is what a call says of its lane.
type outcome uint8

const (
	answered outcome = iota // the lane works, whatever it said
	failed
	nothing // the caller went away
)

// report says how a call went, and whether it was let in to decide. It asks for
// the time only where it matters.
func (c *circuit) report(now func() time.Time, o outcome, tries bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o {
	case answered:
		c.failures, c.wait, c.trying = 0, 0, false
	case nothing:
		c.trying = c.trying && !tries
	case failed:
		c.failures++
		switch {
		case c.wait == 0 && c.failures >= c.rule.Failures:
			c.wait = c.rule.Open
		case c.trying && tries:
			c.wait = min(2*c.wait, max(c.rule.MaxOpen, c.rule.Open))
		default: // still closed, or a call from before it opened
			return
		}
		c.until, c.trying = now().Add(c.wait), false
	}
}

// judge reads an outcome from the error of a call. Throttling is an answer.
func judge(err error, gone bool) outcome {
	switch {
	case err == nil:
		return answered
	case gone:
		return nothing
	}
	switch outcrop.AsError(err).Code {
	case bedrock.CodeServiceUnavailable, bedrock.CodeInternalServer, bedrock.CodeModelTimeout, bedrock.CodeModelNotReady:
		return failed
	}
	return answered
}
