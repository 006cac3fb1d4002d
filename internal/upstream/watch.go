package upstream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Limit is how long a wait may be, and what is waited for. A negative D is no
// limit.
type Limit struct {
	D    time.Duration
	What string // "no answer came"
}

// LateError is the cause of a context that a Watch has cancelled.
type LateError struct{ Limit *Limit }

func (e *LateError) Error() string {
	return fmt.Sprintf("%s within %v", e.Limit.What, e.Limit.D)
}

// Watch cancels a call that waits too long for a server. Between Begin and End
// the server is being waited for; only that time counts. It costs no timer
// operation for each wait: one timer runs, and looks when it fires how long the
// present wait has been.
//
// Begin and End are called by the one goroutine that waits, Expect by it and
// outside a wait; Stop by anyone, more than once.
type Watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	base   time.Time
	since  atomic.Int64 // when the wait began, after base; 0: nobody waits
	limit  atomic.Pointer[Limit]
	timer  *time.Timer
}

// NewWatch starts watching a first wait.
func NewWatch(ctx context.Context, limit *Limit) *Watch {
	w := &Watch{base: time.Now().Add(-1)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.limit.Store(limit)
	w.Begin()
	w.timer = time.AfterFunc(limit.lasting(), w.look)
	return w
}

// lasting is the timer's time; that of a wait without limit is forever.
func (l *Limit) lasting() time.Duration {
	if l.D < 0 {
		return 1<<63 - 1
	}
	return l.D
}

// Context is that of the call. It ends with the one given, with Stop, or with a
// [*LateError] as its cause.
func (w *Watch) Context() context.Context { return w.ctx }

// Begin says that the server is waited for from now on.
func (w *Watch) Begin() { w.since.Store(int64(time.Since(w.base))) }

// End says that what was waited for has come.
func (w *Watch) End() { w.since.Store(0) }

// Expect sets the limit of the waits to come.
func (w *Watch) Expect(limit *Limit) {
	w.limit.Store(limit)
	w.timer.Reset(limit.lasting())
}

// look is called when the timer fires.
func (w *Watch) look() {
	limit := w.limit.Load()
	if w.ctx.Err() != nil || limit.D < 0 {
		return
	}
	since := w.since.Load()
	if since == 0 {
		w.timer.Reset(limit.D)
		return
	}
	if left := limit.D - (time.Since(w.base) - time.Duration(since)); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(&LateError{limit})
}

// Stop ends the watch, and with it the request.
func (w *Watch) Stop() {
	w.cancel(context.Canceled)
	w.timer.Stop()
}
