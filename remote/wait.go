package remote

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// wait cancels a call when the server takes too long. begin and end are called
// by the one goroutine that waits, stop by anyone and more than once.
type wait struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	late   atomic.Pointer[lateError]
	timer  *time.Timer
}

// lateError is the cause of a context that ended because the server took too
// long.
type lateError struct {
	limit time.Duration
	what  string
}

func (e *lateError) Error() string { return fmt.Sprintf("%s within %v", e.what, e.limit) }

// forever stands for a limit that is none.
const forever = 1<<63 - 1

// newWait begins to wait; a negative limit is none.
func newWait(ctx context.Context, limit time.Duration, what string) *wait {
	w := new(wait)
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.late.Store(&lateError{limit, what})
	w.timer = time.AfterFunc(lasting(limit), func() { w.cancel(w.late.Load()) })
	return w
}

func lasting(limit time.Duration) time.Duration {
	if limit < 0 {
		return forever
	}
	return limit
}

// begin waits for something, from now on.
func (w *wait) begin(late *lateError) {
	if w.ctx.Err() == nil {
		w.late.Store(late)
		w.timer.Reset(lasting(late.limit))
	}
}

// end says that what was waited for has come.
func (w *wait) end() { w.timer.Stop() }

// stop ends the call.
func (w *wait) stop() {
	w.cancel(context.Canceled)
	w.timer.Stop()
}
