package quotasim

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/tokens"
)

// client runs one request to its end: as many attempts as it likes. It returns
// when the attempt began that succeeded.
type client interface {
	do(ctx context.Context, r *work) (began time.Time, err error)
}

// clients are the table's rows.
var clients = []struct {
	name string
	make func(w *world) client
}{
	{"sdk standard, 10 attempts", func(w *world) client { return newSDK(w, standard()) }},
	{"sdk adaptive, 10 attempts", func(w *world) client { return newSDK(w, adaptive()) }},
	{"tuned semaphore + sdk standard", newSemaphore},
	{"corrected fixed window", func(w *world) client { return &windowed{world: w} }},
	{"ledger, bucket", func(w *world) client { return newLedger(w, quota.Bucket, false) }},
	{"ledger, window", func(w *world) client { return newLedger(w, quota.Window, false) }},
	{"ledger, quota unknown", func(w *world) client { return newLedger(w, quota.Bucket, true) }},
}

func standard() aws.RetryerV2 {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 10
		o.RateLimiter = ratelimit.None // or most retries would not be made at all
	})
}

func adaptive() aws.RetryerV2 {
	return polled{retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.FailOnNoAttemptTokens = true
		o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) {
			o.MaxAttempts = 10
			o.RateLimiter = ratelimit.None
		})
	})}
}

// polled asks the adaptive retryer for its token every 200 ms. Its own loop
// sleeps for what it lacks, which rounds to nothing at the end: a real clock
// moves on meanwhile, a virtual one never does.
type polled struct{ *retry.AdaptiveMode }

func (p polled) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	for {
		release, err := p.AdaptiveMode.GetAttemptToken(ctx)
		if err == nil {
			return release, nil
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
}

// sdk is aws-sdk-go-v2's own attempt loop.
type sdk struct {
	world *world
	loop  *retry.Attempt
}

func newSDK(w *world, r aws.RetryerV2) client {
	return &sdk{world: w, loop: retry.NewAttemptMiddleware(r, func(v any) any { return v })}
}

func (c *sdk) do(ctx context.Context, r *work) (began time.Time, err error) {
	_, _, err = c.loop.HandleFinalize(ctx, middleware.FinalizeInput{Request: r}, middleware.FinalizeHandlerFunc(
		func(ctx context.Context, _ middleware.FinalizeInput) (out middleware.FinalizeOutput, md middleware.Metadata, err error) {
			began, err = c.world.attempt(ctx, r)
			return out, md, err
		}))
	return began, err
}

// semaphore admits as many at a time as spend the bound on average, by Little's
// law: the best single number, from knowledge that users do not have.
type semaphore struct {
	client
	slots chan struct{}
}

func newSemaphore(w *world) client {
	m := w.means()
	n := w.bound() * float64(w.tpm) / 60 * m.seconds / m.spent
	return &semaphore{client: newSDK(w, standard()), slots: make(chan struct{}, max(1, int(math.Ceil(n))))}
}

func (c *semaphore) do(ctx context.Context, r *work) (began time.Time, err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return time.Now(), ctx.Err()
	}
	defer func() { <-c.slots }()
	return c.client.do(ctx, r)
}

// windowed counts minute keys as gateways do, but with Bedrock's formulas:
// reserve I+M, settle with the burndown, wait for the next window when full.
type windowed struct {
	world  *world
	mu     sync.Mutex
	number int64
	used   float64
	count  int64
}

func (c *windowed) do(ctx context.Context, r *work) (began time.Time, err error) {
	for {
		in, wait := c.take(r)
		if wait == 0 {
			began, err = c.world.attempt(ctx, r)
			c.settle(r, in, err == nil)
			if err == nil || ctx.Err() != nil {
				return began, err
			}
			_, wait = c.now()
		}
		// Spread the rush at the window's start a little.
		if !sleep(ctx, wait+time.Duration(rand.Int64N(int64(100*time.Millisecond)))) {
			return time.Now(), ctx.Err()
		}
	}
}

// now returns the window's number and what is left of it.
func (c *windowed) now() (number int64, left time.Duration) {
	at := time.Since(c.world.start)
	return int64(at / c.world.window), c.world.window - at%c.world.window
}

func (c *windowed) take(r *work) (window int64, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	number, left := c.now()
	if number != c.number {
		c.number, c.used, c.count = number, 0, 0
	}
	minutes := c.world.window.Minutes()
	full := c.used+float64(r.estimate+r.max) > float64(c.world.tpm)*minutes
	full = full || c.world.rpm > 0 && float64(c.count+1) > max(1, float64(c.world.rpm)*minutes)
	if full {
		return number, left
	}
	c.used += float64(r.estimate + r.max)
	c.count++
	return number, 0
}

func (c *windowed) settle(r *work, window int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spent := 0.0
	if ok {
		spent = r.spent(c.world.b)
	}
	number, _ := c.now()
	if number != c.number {
		c.number, c.used, c.count = number, 0, 0
	}
	over := spent - float64(r.estimate+r.max)
	if window != number {
		over = max(0, over)
	}
	c.used += over
}

// ledger is quota.Gate.
type ledger struct {
	world *world
	gate  *quota.Gate
	id    quota.PoolID
}

func newLedger(w *world, kind quota.Accounting, unknown bool) client {
	c := &ledger{world: w, id: quota.PoolID{Account: "1", Region: "us-east-1", Model: "m"}}
	p := quota.PoolConfig{
		ID: c.id, Accounting: kind, Window: w.window, Burndown: w.b,
		TokensPerMinute: w.tpm, RequestsPerMinute: w.rpm,
	}
	if unknown {
		// Told half as much again, and nothing of the window.
		p.TokensPerMinute, p.RequestsPerMinute, p.Window = w.tpm*3/2, w.rpm*3/2, 0
		p.Adaptive.On = true
	}
	book, err := quota.NewBook(quota.Config{
		Now: time.Now(), Pools: []quota.PoolConfig{p},
		Ratios: tokens.NewRatios(tokens.RatioConfig{}),
	})
	if err != nil {
		panic(err)
	}
	c.gate = quota.NewGate(book)
	return c
}

func (c *ledger) close() { c.gate.Close() }

func (c *ledger) do(ctx context.Context, r *work) (began time.Time, err error) {
	q := quota.Request{
		Pools: []quota.PoolID{c.id}, Tenant: r.tenant, Weight: r.weight, Class: quota.Batch,
		Input: r.estimate, MaxTokens: r.max, MaxWait: time.Hour,
	}
	if r.interactive {
		q.Class = quota.Interactive
	}
	for {
		id, _, err := c.gate.Acquire(ctx, q)
		if err != nil {
			return time.Now(), err
		}
		began, err = c.world.attempt(ctx, r)
		switch {
		case err == nil:
			c.gate.Settle(id, quota.Usage{Input: r.input, Output: r.output})
			return began, nil
		case errors.Is(err, errThrottled):
			c.gate.Throttled(id, quota.Tokens)
		case errors.Is(err, errRequests):
			c.gate.Throttled(id, quota.Requests)
		case errors.Is(err, errUnavailable):
			c.gate.Unavailable(id)
		default:
			c.gate.Interrupted(id, 0)
			return began, err
		}
	}
}
