package main

import (
	"io"
	"sync"
	"time"
)

// lineBuffer writes lines for a server's log. A line that comes alone is
// written at once; of lines that come close together, the later ones are
// collected and written with one system call, which costs more than all else
// of a line. Collected lines wait for lineDelay at most; a process that is
// killed in that time loses them. It is safe for concurrent use.
//
// No goroutine belongs to it: a timer runs while lines wait. Flush writes them
// at once; Close does so too, after which lines pass straight through.
type lineBuffer struct {
	w io.Writer

	mu      sync.Mutex
	waiting []byte
	written time.Time   // when last something was
	timer   *time.Timer // nil until lines had to wait for the first time
	closed  bool
}

const (
	lineDelay   = 100 * time.Millisecond
	lineWaiting = 32 << 10 // bytes that wait at most
)

// Write takes one line, or more, and does not keep it.
func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		now := time.Now()
		if b.closed || now.Sub(b.written) >= lineDelay {
			b.written = now
			return b.w.Write(line)
		}
		b.wait()
	}
	b.waiting = append(b.waiting, line...)
	if len(b.waiting) >= lineWaiting {
		return len(line), b.flush()
	}
	return len(line), nil
}

// wait starts the timer.
func (b *lineBuffer) wait() {
	if b.timer == nil {
		b.timer = time.AfterFunc(lineDelay, func() { _ = b.Flush() }) // a log that cannot be written has nobody to tell
		return
	}
	b.timer.Reset(lineDelay)
}

// Flush writes what waits.
func (b *lineBuffer) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

func (b *lineBuffer) flush() error {
	if len(b.waiting) == 0 {
		return nil
	}
	_, err := b.w.Write(b.waiting)
	b.waiting, b.written = b.waiting[:0], time.Now()
	b.timer.Stop()
	return err
}

// Close writes what waits. It may be called more than once.
func (b *lineBuffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.flush()
}
