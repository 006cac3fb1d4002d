package batch

import "sync"

// budget is a number of bytes that is shared out. It is safe for concurrent
// use.
type budget struct {
	mu     sync.Mutex
	given  sync.Cond
	limit  int
	used   int
	opened bool
}

func newBudget(limit int) *budget {
	b := &budget{limit: limit}
	b.given.L = &b.mu
	return b
}

// take waits until n bytes are free, or nothing is used: what is larger than
// the whole goes alone.
func (b *budget) take(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.used > 0 && b.used+n > b.limit && !b.opened {
		b.given.Wait()
	}
	b.used += n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	b.used -= n
	b.mu.Unlock()
	b.given.Signal()
}

// open lets everybody in from now on.
func (b *budget) open() {
	b.mu.Lock()
	b.opened = true
	b.mu.Unlock()
	b.given.Broadcast()
}
