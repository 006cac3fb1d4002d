package batch

import (
	"context"
	"iter"
	"sync"
)

// window bounds the work that inOrder has begun and not delivered.
type window struct {
	workers int // at work at once
	items   int // begun and waiting for delivery; two more are being begun and delivered
	bytes   int // their sizes together, where they are more than one
}

// inOrder does the work of a sequence, many items at once, and delivers each
// result in the sequence's order, from one goroutine. It returns when all its
// goroutines have ended, with the first error: of the sequence, after what came
// before it was delivered; or of deliver, after which nothing more is begun and
// the context that do was given is cancelled.
func inOrder[I, O any](ctx context.Context, w window, items iter.Seq2[I, error], size func(I) int,
	do func(context.Context, I) O, deliver func(O) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type slot struct {
		item I
		size int
		out  chan O
	}
	var (
		wg      sync.WaitGroup
		readErr error
		room    = newBudget(w.bytes)
		begun   = make(chan *slot, w.items) // in order, for delivery
		work    = make(chan *slot)
	)
	wg.Go(func() {
		defer close(begun)
		defer close(work)
		for item, err := range items {
			if err != nil {
				readErr = err
				return
			}
			s := &slot{item: item, size: size(item), out: make(chan O, 1)}
			room.take(s.size)
			if ctx.Err() != nil {
				return
			}
			// Neither send can hang: delivery drains what was begun to the
			// end, and workers take work until there is no more.
			begun <- s
			work <- s
		}
	})
	for range w.workers {
		wg.Go(func() {
			for s := range work {
				s.out <- do(ctx, s.item)
			}
		})
	}
	var err error
	for s := range begun {
		out := <-s.out
		room.give(s.size)
		if err == nil {
			if err = deliver(out); err != nil {
				cancel()
			}
		}
	}
	wg.Wait()
	if err == nil {
		err = readErr
	}
	return err
}

// budget is a number of bytes that is shared out.
type budget struct {
	mu    sync.Mutex
	given sync.Cond
	limit int
	used  int
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
	for b.used > 0 && b.used+n > b.limit {
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
