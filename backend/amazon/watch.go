package amazon

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// watch cancels a call that waits too long for the service. Between begin and
// end the service is being waited for; only that time counts. It costs no
// timer operation for each wait: one timer runs, and looks when it fires how
// long the present wait has been.
//
// begin and end are called by the one goroutine that waits, expect by it and
// outside a wait; stop by anyone, more than once.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	base   time.Time
	since  atomic.Int64 // when the wait began, after base; 0: nobody waits
	limit  atomic.Pointer[waitLimit]
	timer  *time.Timer
}

// waitLimit is how long a wait may be, and what is waited for.
type waitLimit struct {
	d    time.Duration
	what string // "no answer came"
}

// timeoutError is the cause of a context that a watch has cancelled.
type timeoutError struct{ limit *waitLimit }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("%s within %v", e.limit.what, e.limit.d)
}

// newWatch starts watching a first wait.
func newWatch(ctx context.Context, limit *waitLimit) *watch {
	w := &watch{base: time.Now().Add(-1)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.limit.Store(limit)
	w.begin()
	if limit.d >= 0 {
		w.timer = time.AfterFunc(limit.d, w.look)
	} else {
		w.timer = time.AfterFunc(forever, w.look)
	}
	return w
}

// forever is the timer of a wait without limit.
const forever = 1<<63 - 1

func (w *watch) begin() { w.since.Store(int64(time.Since(w.base))) }
func (w *watch) end()   { w.since.Store(0) }

// expect sets the limit of the waits to come.
func (w *watch) expect(limit *waitLimit) {
	w.limit.Store(limit)
	if limit.d < 0 {
		w.timer.Reset(forever)
	} else {
		w.timer.Reset(limit.d)
	}
}

// look is called when the timer fires.
func (w *watch) look() {
	limit := w.limit.Load()
	if w.ctx.Err() != nil || limit.d < 0 {
		return
	}
	since := w.since.Load()
	if since == 0 {
		w.timer.Reset(limit.d)
		return
	}
	if left := limit.d - (time.Since(w.base) - time.Duration(since)); left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(&timeoutError{limit})
}

// stop ends the watch, and with it the request.
func (w *watch) stop() {
	w.cancel(context.Canceled)
	w.timer.Stop()
}
