package quotasim

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/outcrop-ai/outcrop/backend/simulator/throttle"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/tokens"
)

// client runs one request to its end, in as many attempts as it likes.
type client interface {
	do(r *work, done func(error))
}

// policy is a row of the table.
type policy struct {
	name     string
	baseline bool // run one factor at a time only
	bubble   bool // reads the clock itself
	make     func(w *world) client
}

const (
	ledgerName     = "ledger"
	shapeKnownName = "ledger, shape known"
	toldName       = "ledger, told of 503s"
)

var clients = []policy{
	{"SDK standard, 10 attempts", true, false, newStandard},
	{"SDK adaptive, 10 attempts", true, true, newAdaptive},
	{"tuned semaphore + SDK standard", true, false, newSemaphore},
	{"corrected fixed window", true, false, func(w *world) client { return &windowed{world: w} }},
	{ledgerName, false, false, func(w *world) client { return newLedger(w, known(w)) }},
	{shapeKnownName, false, false, func(w *world) client { return newLedger(w, shapeKnown(w)) }},
	{"ledger, shape learned", true, false, func(w *world) client { return newLedger(w, shapeLearned(w)) }},
	{toldName, true, false, func(w *world) client { return newTold(w, shapeKnown(w)) }},
	{"ledger, quota unknown", false, false, func(w *world) client { return newLedger(w, unknown(w)) }},
}

// semaphore admits as many at a time as spend the bound on average, by Little's
// law: the best single number, from knowledge that users do not have.
type semaphore struct {
	client
	free int
	line []func()
}

func newSemaphore(w *world) client {
	m := w.means()
	n := w.bound() * float64(w.tpm) / 60 * m.seconds / m.spent
	return &semaphore{client: newStandard(w), free: max(1, int(math.Ceil(n)))}
}

func (c *semaphore) do(r *work, done func(error)) {
	run := func() {
		c.client.do(r, func(err error) {
			if len(c.line) > 0 {
				next := c.line[0]
				c.line = c.line[1:]
				done(err)
				next()
				return
			}
			c.free++
			done(err)
		})
	}
	if c.free == 0 {
		c.line = append(c.line, run)
		return
	}
	c.free--
	run()
}

// windowed counts minute keys as gateways do, but with Bedrock's formulas:
// reserve I+M, settle with the burndown, wait for the next window when full.
type windowed struct {
	world  *world
	number int64
	used   float64
	count  int64
}

func (c *windowed) do(r *work, done func(error)) {
	window, wait := c.take(r)
	if wait > 0 {
		c.again(r, wait, done)
		return
	}
	c.world.attempt(r, func(err error) {
		c.settle(r, window, err == nil)
		if err == nil {
			done(nil)
			return
		}
		_, left := c.window()
		c.again(r, left, done)
	})
}

// again spreads the rush at the window's start a little.
func (c *windowed) again(r *work, wait time.Duration, done func(error)) {
	c.world.after(wait+time.Duration(rand.Int64N(int64(100*time.Millisecond))), func() { c.do(r, done) })
}

// window returns the window's number and what is left of it.
func (c *windowed) window() (number int64, left time.Duration) {
	return int64(c.world.now / c.world.window), c.world.window - c.world.now%c.world.window
}

func (c *windowed) roll() (left time.Duration) {
	number, left := c.window()
	if number != c.number {
		c.number, c.used, c.count = number, 0, 0
	}
	return left
}

func (c *windowed) take(r *work) (window int64, wait time.Duration) {
	left := c.roll()
	minutes := c.world.window.Minutes()
	full := c.used+float64(r.estimate+r.max) > float64(c.world.tpm)*minutes
	full = full || c.world.rpm > 0 && float64(c.count+1) > max(1, float64(c.world.rpm)*minutes)
	if full {
		return c.number, left
	}
	c.used += float64(r.estimate + r.max)
	c.count++
	return c.number, 0
}

func (c *windowed) settle(r *work, window int64, ok bool) {
	spent := 0.0
	if ok {
		spent = r.spent(c.world.b)
	}
	c.roll()
	over := spent - float64(r.estimate+r.max)
	if window != c.number {
		over = max(0, over)
	}
	c.used += over
}

// ledger is package quota's Book, driven as a Gate drives it.
type ledger struct {
	world  *world
	book   *quota.Book
	id     quota.PoolID
	wait   map[quota.TicketID]func(quota.TicketID)
	grants []quota.Grant
	at     time.Time // when the timer fires; zero when it is not set
	// attempt sends a request: the world's own, unless somebody stands between.
	attempt func(r *work, done func(error))
}

// known is a pool whose quota and window are known, and nothing else.
func known(w *world) quota.PoolConfig {
	return quota.PoolConfig{Accounting: quota.Window, Window: w.window, TokensPerMinute: w.tpm, RequestsPerMinute: w.rpm}
}

// shapeKnown is a pool that is also told how the service counts.
func shapeKnown(w *world) quota.PoolConfig {
	p := known(w)
	p.Accounting = map[throttle.Policy]quota.Accounting{
		throttle.FixedWindow: quota.Fixed, throttle.RefundBucket: quota.Bucket, throttle.Strict: quota.Window,
	}[w.policy]
	return p
}

// shapeLearned begins a little below what a strict server grants and finds out.
func shapeLearned(w *world) quota.PoolConfig {
	p := known(w)
	p.Accounting = quota.Bucket
	p.Adaptive = quota.Adaptive{On: true, Start: 0.85}
	return p
}

// unknown is told half as much again, and nothing of window or shape.
func unknown(w *world) quota.PoolConfig {
	return quota.PoolConfig{
		Accounting:      quota.Bucket,
		TokensPerMinute: w.tpm * 3 / 2, RequestsPerMinute: w.rpm * 3 / 2,
		Adaptive: quota.Adaptive{On: true},
	}
}

func newLedger(w *world, p quota.PoolConfig) *ledger {
	p.ID = quota.PoolID{Account: "1", Region: "us-east-1", Model: "m"}
	p.Burndown = w.b
	book, err := quota.NewBook(quota.Config{
		Now: w.time(), Pools: []quota.PoolConfig{p},
		Ratios: tokens.NewRatios(tokens.RatioConfig{}),
	})
	if err != nil {
		panic(err)
	}
	return &ledger{world: w, book: book, id: p.ID, wait: map[quota.TicketID]func(quota.TicketID){}, attempt: w.attempt}
}

func (c *ledger) do(r *work, done func(error)) {
	q := quota.Request{
		Pools: []quota.PoolID{c.id}, Tenant: r.tenant, Weight: r.weight, Class: quota.Batch,
		Input: r.estimate, MaxTokens: r.max, MaxWait: time.Hour,
	}
	if r.interactive {
		q.Class = quota.Interactive
	}
	id, d, err := c.book.Reserve(c.world.time(), q)
	if err == nil {
		err = d.Err()
	}
	if err != nil {
		c.world.after(0, func() { done(err) })
		return
	}
	send := func(id quota.TicketID) { c.send(id, r, done) }
	if d.State == quota.Waiting {
		c.wait[id] = send
	} else {
		send(id)
	}
	c.poll()
}

func (c *ledger) send(id quota.TicketID, r *work, done func(error)) {
	c.attempt(r, func(err error) {
		now := c.world.time()
		switch {
		case err == nil:
			c.book.Settle(now, id, quota.Usage{Input: r.input, Output: r.output})
		case errors.Is(err, errThrottled):
			c.book.Throttled(now, id, quota.Tokens)
		case errors.Is(err, errRequests):
			c.book.Throttled(now, id, quota.Requests)
		case errors.Is(err, errUnavailable):
			c.book.Unavailable(now, id)
		}
		if err == nil {
			done(nil)
		} else {
			c.do(r, done)
		}
		c.poll()
	})
}

// told is a client that nobody has: the service tells it, without delay, how many
// more it has room for in a burst of 503s. Its waits are those that none avoids.
type told struct {
	world  *world
	line   [2][]func() // interactive, batch
	coming int         // sent and not there yet
	looks  bool        // will look again
}

func newTold(w *world, p quota.PoolConfig) *ledger {
	c, t := newLedger(w, p), &told{world: w}
	c.attempt = t.attempt
	return c
}

func (t *told) attempt(r *work, done func(error)) {
	class := 1
	if r.interactive {
		class = 0
	}
	t.line[class] = append(t.line[class], func() {
		t.coming++
		t.world.after(network, func() { t.coming-- })
		t.world.attempt(r, done)
	})
	t.send()
}

// send lets go what there is room for, and looks again.
func (t *told) send() {
	for class := range t.line {
		for len(t.line[class]) > 0 {
			if t.world.bursting() && t.world.inflight+t.coming >= burstCapacity {
				t.lookAgain()
				return
			}
			next := t.line[class][0]
			t.line[class] = t.line[class][1:]
			next()
		}
	}
}

func (t *told) lookAgain() {
	if t.looks {
		return
	}
	t.looks = true
	t.world.after(5*time.Millisecond, func() {
		t.looks = false
		t.send()
	})
}

// poll hands out grants and sets the timer.
func (c *ledger) poll() {
	now := c.world.time()
	var next time.Time
	c.grants, next = c.book.Poll(now, c.grants[:0])
	for _, g := range c.grants {
		send := c.wait[g.Ticket]
		delete(c.wait, g.Ticket)
		if g.Decision.State == quota.Admitted {
			send(g.Ticket)
		}
	}
	if next.IsZero() || !c.at.IsZero() && c.at.After(now) && !c.at.After(next) {
		return
	}
	c.at = next
	c.world.after(next.Sub(now), func() {
		if c.at.Equal(next) {
			c.at = time.Time{}
		}
		c.poll()
	})
}
