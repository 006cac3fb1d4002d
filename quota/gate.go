package quota

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Gate is a Book for goroutines: it adds a lock, the clock, and one timer. It
// is safe for concurrent use and owns no goroutine; the timer's callback runs
// only while something waits or is held.
type Gate struct {
	mu     sync.Mutex
	book   *Book
	timer  *time.Timer
	at     time.Time // when the timer fires; zero when it is not set
	wait   map[TicketID]chan Decision
	grants []Grant
	closed bool
}

// ErrClosed is returned by Acquire once the Gate is closed, and to those who wait
// when it is.
var ErrClosed = errors.New("quota: gate is closed")

// NewGate takes over a Book, which must not be used any more.
func NewGate(b *Book) *Gate {
	return &Gate{book: b, wait: make(map[TicketID]chan Decision)}
}

// Acquire waits for a reservation. The context's deadline joins the request's.
// The caller must end the ticket by Settle, Interrupted, Cancel, Throttled or
// Unavailable. A refusal is a *RefusedError; a context that ends while waiting
// gives back what was booked and returns its error.
func (g *Gate) Acquire(ctx context.Context, r Request) (TicketID, Decision, error) {
	if err := ctx.Err(); err != nil {
		return 0, Decision{}, err
	}
	if d, ok := ctx.Deadline(); ok && (!r.Deadline.IsZero() || r.MaxWait > 0) && (r.Deadline.IsZero() || d.Before(r.Deadline)) {
		r.Deadline = d
	}
	id, d, woken, err := g.reserve(r)
	if err != nil {
		return 0, d, err
	}
	if woken == nil {
		return id, d, d.Err()
	}
	begun := time.Now()
	select {
	case d, open := <-woken:
		if !open {
			return 0, d, ErrClosed
		}
		d.Waited = time.Since(begun)
		return id, d, d.Err()
	case <-ctx.Done():
		g.do(func(now time.Time) bool {
			delete(g.wait, id)
			return g.book.Cancel(now, id)
		})
		return 0, d, ctx.Err()
	}
}

// reserve books the request; woken is not nil when it waits.
func (g *Gate) reserve(r Request) (id TicketID, d Decision, woken chan Decision, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, Decision{}, nil, ErrClosed
	}
	now := time.Now()
	id, d, err = g.book.Reserve(now, r)
	if err != nil {
		return 0, d, nil, err
	}
	if d.State == Waiting {
		woken = make(chan Decision, 1)
		g.wait[id] = woken
	}
	g.poll(now)
	return id, d, woken, nil
}

// Grow is Book.Grow.
func (g *Gate) Grow(id TicketID, output int) bool {
	return g.do(func(now time.Time) bool { return g.book.Grow(now, id, output) })
}

// Renew is Book.Renew.
func (g *Gate) Renew(id TicketID) bool {
	return g.do(func(now time.Time) bool { return g.book.Renew(now, id) })
}

// Settle is Book.Settle.
func (g *Gate) Settle(id TicketID, u Usage) bool {
	return g.do(func(now time.Time) bool { return g.book.Settle(now, id, u) })
}

// Interrupted is Book.Interrupted.
func (g *Gate) Interrupted(id TicketID, output int) bool {
	return g.do(func(now time.Time) bool { return g.book.Interrupted(now, id, output) })
}

// Cancel is Book.Cancel, for a ticket that Acquire returned.
func (g *Gate) Cancel(id TicketID) bool {
	return g.do(func(now time.Time) bool { return g.book.Cancel(now, id) })
}

// Throttled is Book.Throttled.
func (g *Gate) Throttled(id TicketID, l Limit) bool {
	return g.do(func(now time.Time) bool { return g.book.Throttled(now, id, l) })
}

// Unavailable is Book.Unavailable.
func (g *Gate) Unavailable(id TicketID) bool {
	return g.do(func(now time.Time) bool { return g.book.Unavailable(now, id) })
}

// Add is Book.Add.
func (g *Gate) Add(pc PoolConfig) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Add(time.Now(), pc)
}

// Order is Book.Order.
func (g *Gate) Order(r Request, order []int) (_ []int, kept bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Order(time.Now(), r, order)
}

// Lengths is Book.Lengths.
func (g *Gate) Lengths(tenant, model string, q float64) (length, seen int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Lengths(tenant, model, q)
}

// Snapshot is Book.Snapshot into a new slice.
func (g *Gate) Snapshot() []PoolStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.book.Snapshot(time.Now(), nil)
}

// Close stops the timer and refuses who waits. Tickets that are held may still
// be ended. Closing twice does nothing.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.timer != nil {
		g.timer.Stop()
	}
	now := time.Now()
	for id, woken := range g.wait {
		g.book.Cancel(now, id)
		close(woken)
		delete(g.wait, id)
	}
}

func (g *Gate) do(f func(now time.Time) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	ok := f(now)
	g.poll(now)
	return ok
}

// poll hands out grants and sets the timer.
func (g *Gate) poll(now time.Time) {
	var next time.Time
	g.grants, next = g.book.Poll(now, g.grants[:0])
	for _, grant := range g.grants {
		if woken, ok := g.wait[grant.Ticket]; ok {
			delete(g.wait, grant.Ticket)
			woken <- grant.Decision
		}
	}
	// A timer that fires early costs one look; one that is late costs quota.
	if g.closed || next.IsZero() || !g.at.IsZero() && g.at.After(now) && !g.at.After(next) {
		return
	}
	g.at = next
	wait := max(0, next.Sub(now))
	if g.timer == nil {
		g.timer = time.AfterFunc(wait, g.fire)
		return
	}
	g.timer.Reset(wait)
}

func (g *Gate) fire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = time.Time{}
	g.poll(time.Now())
}
