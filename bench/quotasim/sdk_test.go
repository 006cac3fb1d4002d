package quotasim

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// sdk is a client of aws-sdk-go-v2: its real retryer, asked in the order in
// which the SDK's attempt middleware asks it, its delays passed in virtual time.
type sdk struct {
	world   *world
	retryer aws.RetryerV2
	line    []func(release func(error) error) // attempts without a token
	rng     *rand.Rand
}

func newSDK(w *world, r aws.RetryerV2) client {
	return &sdk{world: w, retryer: r, rng: rand.New(rand.NewPCG(7, 7))}
}

func newStandard(w *world) client {
	return newSDK(w, retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 10
		o.RateLimiter = ratelimit.None // or most retries would not be made at all
	}))
}

func newAdaptive(w *world) client {
	return newSDK(w, retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.FailOnNoAttemptTokens = true // instead of sleeping: see attempt
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = 10
			o.RateLimiter = ratelimit.None
		})
	}))
}

func (c *sdk) do(r *work, done func(error)) {
	c.attempt(r, 1, func(error) error { return nil }, done)
}

// attempt waits for the attempt's token, sends, and goes on as the retryer
// decides.
func (c *sdk) attempt(r *work, n int, releaseRetry func(error) error, done func(error)) {
	c.line = append(c.line, func(release func(error) error) { c.send(r, n, releaseRetry, release, done) })
	if len(c.line) == 1 {
		c.tokens()
	}
}

// tokens asks every 50 ms, and whoever waits may be next: each of the SDK's
// callers sleeps for a time of its own.
func (c *sdk) tokens() {
	for len(c.line) > 0 {
		release, err := c.retryer.GetAttemptToken(context.Background())
		if err != nil {
			c.world.after(50*time.Millisecond, c.tokens)
			return
		}
		i, last := c.rng.IntN(len(c.line)), len(c.line)-1
		next := c.line[i]
		c.line[i] = c.line[last]
		c.line = c.line[:last]
		next(release)
	}
}

func (c *sdk) send(r *work, n int, releaseRetry, releaseAttempt func(error) error, done func(error)) {
	ctx := context.Background()
	c.world.attempt(r, func(err error) {
		releaseRetry(err)
		releaseAttempt(err)
		if err == nil || !c.retryer.IsErrorRetryable(err) || n >= c.retryer.MaxAttempts() {
			done(err)
			return
		}
		release, tokenErr := c.retryer.GetRetryToken(ctx, err)
		if tokenErr != nil {
			done(err)
			return
		}
		delay, delayErr := c.retryer.RetryDelay(n, err)
		if delayErr != nil {
			done(err)
			return
		}
		c.world.after(delay, func() { c.attempt(r, n+1, release, done) })
	})
}
