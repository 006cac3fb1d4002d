package batch

import (
	"context"
	"net/http"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// lanes are the back-ends, each with its limiter.
type lanes struct {
	adapt Adapt

	mu     sync.Mutex
	byName map[string]*limiter
}

func (l *lanes) limiter(name string) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byName[name] == nil {
		l.byName[name] = newLimiter(l.adapt)
	}
	return l.byName[name]
}

// limiter bounds the calls at one back-end, and moves the bound by what becomes
// of them. It is safe for concurrent use.
type limiter struct {
	adapt Adapt

	mu     sync.Mutex
	limit  float64
	round  int           // how often the limit has fallen
	calls  int           // at the back-end
	waiter chan struct{} // closed when there may be room; nil while nobody waits
}

// ticket is one call's place.
type ticket struct{ round int }

func newLimiter(a Adapt) *limiter { return &limiter{adapt: a, limit: float64(a.Max)} }

// take waits for a place, or for the end of ctx or stop: then there is none.
func (l *limiter) take(ctx context.Context, stop <-chan struct{}) (ticket, bool) {
	for {
		l.mu.Lock()
		if l.calls < int(l.limit) {
			l.calls++
			t := ticket{l.round}
			l.mu.Unlock()
			return t, true
		}
		if l.waiter == nil {
			l.waiter = make(chan struct{})
		}
		room := l.waiter
		l.mu.Unlock()
		select {
		case <-room:
		case <-stop:
			return ticket{}, false
		case <-ctx.Done():
			return ticket{}, false
		}
	}
}

// give returns a place. A call that was throttled lowers the limit, unless it
// was made before the limit last fell: then it says nothing about this one. A
// call that was answered raises it.
func (l *limiter) give(t ticket, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls--
	switch {
	case err == nil:
		l.limit = min(l.limit+l.adapt.Increase/l.limit, float64(l.adapt.Max))
	case throttled(outcrop.AsError(err)) && t.round == l.round:
		l.round++
		l.limit = max(l.limit*l.adapt.Decrease, float64(l.adapt.Min))
	}
	if l.waiter != nil && l.calls < int(l.limit) {
		close(l.waiter)
		l.waiter = nil
	}
}

// throttled tells whether an error means that the back-end has no room now.
func throttled(e *outcrop.Error) bool {
	status := bedrock.Code(e.Code).Status
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}
