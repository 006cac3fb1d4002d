package server

import (
	"container/list"
	"context"
	"sync"
)

// room is how many bytes of long bodies a server holds at once. Who finds none
// waits, in the order of coming. It is safe for concurrent use.
type room struct {
	mu      sync.Mutex
	free    int64
	waiting list.List // of *guest
}

type guest struct {
	bytes int64
	in    chan struct{} // closed when there is room
}

// take waits for room, or until the context ends.
func (r *room) take(ctx context.Context, bytes int64) error {
	r.mu.Lock()
	if bytes <= r.free && r.waiting.Len() == 0 {
		r.free -= bytes
		r.mu.Unlock()
		return nil
	}
	g := &guest{bytes, make(chan struct{})}
	place := r.waiting.PushBack(g)
	r.mu.Unlock()
	select {
	case <-g.in:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-g.in: // just now
		return nil
	default:
	}
	r.waiting.Remove(place)
	r.admit() // those behind it may need less
	return ctx.Err()
}

// give gives room back.
func (r *room) give(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += bytes
	r.admit()
}

// admit lets in who waits, as far as there is room. Call it with the lock.
func (r *room) admit() {
	for first := r.waiting.Front(); first != nil; first = r.waiting.Front() {
		g := first.Value.(*guest)
		if g.bytes > r.free {
			return
		}
		r.free -= g.bytes
		r.waiting.Remove(first)
		close(g.in)
	}
}
