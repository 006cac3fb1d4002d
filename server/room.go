package server

import (
	"container/list"
	"context"
	"sync"
)

// room is how many bytes of long bodies a server holds at once. Who finds none
// waits, in the order of coming; but a tenant that has its share waits for
// itself alone, so that no tenant can keep all others out. It is safe for
// concurrent use.
type room struct {
	mu      sync.Mutex
	free    int64
	share   int64            // of one tenant
	held    map[string]int64 // by tenant
	waiting list.List        // of *guest
}

// guest is a body that has room, or waits for it.
type guest struct {
	tenant string // "" where there are none: it has no share
	bytes  int64
	in     chan struct{} // closed when there is room
}

// newRoom is a room of which one tenant has half at most, but enough for one
// body.
func newRoom(bytes, longest int64) *room {
	return &room{free: bytes, share: max(bytes/2, longest), held: map[string]int64{}}
}

// take waits for room, or until the context ends.
func (r *room) take(ctx context.Context, tenant string, bytes int64) (*guest, error) {
	g := &guest{tenant, bytes, make(chan struct{})}
	r.mu.Lock()
	place := r.waiting.PushBack(g)
	r.admit()
	r.mu.Unlock()
	select {
	case <-g.in:
		return g, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-g.in: // just now
		return g, nil
	default:
	}
	r.waiting.Remove(place)
	r.admit() // those behind it may need less
	return nil, ctx.Err()
}

// shrink leaves a guest so many bytes, and gives the rest back. Who has fewer
// keeps them.
func (r *room) shrink(g *guest, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := g.bytes - bytes
	if rest <= 0 {
		return
	}
	g.bytes = bytes
	r.free += rest
	if r.held[g.tenant] -= rest; r.held[g.tenant] == 0 {
		delete(r.held, g.tenant)
	}
	r.admit()
}

// admit lets in who waits, as far as there is room. Call it with the lock.
func (r *room) admit() {
	for place := r.waiting.Front(); place != nil; {
		next, g := place.Next(), place.Value.(*guest)
		switch {
		case g.tenant != "" && r.held[g.tenant]+g.bytes > r.share:
			place = next
			continue
		case g.bytes > r.free:
			return
		}
		r.free -= g.bytes
		r.held[g.tenant] += g.bytes
		r.waiting.Remove(place)
		close(g.in)
		place = next
	}
}
