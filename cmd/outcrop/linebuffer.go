package main

import (
	"fmt"
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
// Nobody who logs waits for the writer. When whoever should read the log does
// not, as a test that opened a pipe and forgot it, lines are kept up to lineRoom;
// what is more is lost, and the log says so when it goes on.
//
// A goroutine belongs to it while it writes, and a timer while lines wait. Close
// writes them; lines that come after it are written by those who bring them.
type lineBuffer struct {
	w io.Writer

	mu      sync.Mutex
	waiting []byte
	spare   []byte
	lost    int           // lines
	written time.Time     // when last something was
	timer   *time.Timer   // nil until lines had to wait for the first time
	writing chan struct{} // closed when who writes has done; nil when nobody does
	closed  bool
}

const (
	lineDelay   = 100 * time.Millisecond
	lineWaiting = 32 << 10 // bytes that wait at most, while the writer gets on
	lineRoom    = 1 << 20  // and while it does not
	lineClose   = time.Second
)

// Write takes one line, or more, and does not keep it.
func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed && b.writing == nil {
		return b.w.Write(line)
	}
	if len(b.waiting)+len(line) > lineRoom {
		b.lost++
		return len(line), nil
	}
	alone := len(b.waiting) == 0
	b.waiting = append(b.waiting, line...)
	switch {
	case b.writing != nil: // and looks whether there is more
	case len(b.waiting) >= lineWaiting, alone && time.Since(b.written) >= lineDelay:
		b.begin()
	case alone:
		b.wait()
	}
	return len(line), nil
}

// wait starts the timer.
func (b *lineBuffer) wait() {
	if b.timer != nil {
		b.timer.Reset(lineDelay)
		return
	}
	b.timer = time.AfterFunc(lineDelay, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.writing == nil && len(b.waiting) > 0 {
			b.begin()
		}
	})
}

// begin has what waits written.
func (b *lineBuffer) begin() {
	b.writing = make(chan struct{})
	go b.write()
}

func (b *lineBuffer) write() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		text := b.waiting
		if b.lost > 0 {
			text = fmt.Appendf(text, "time=%s level=WARN msg=\"lines of the log were lost: nobody read it\" lines=%d\n", time.Now().Format(time.RFC3339), b.lost)
		}
		b.waiting, b.spare, b.lost = b.spare[:0], nil, 0
		b.mu.Unlock()
		_, _ = b.w.Write(text) // a log that cannot be written has nobody to tell
		b.mu.Lock()
		if b.written = time.Now(); cap(text) <= 2*lineWaiting {
			b.spare = text
		}
		if len(b.waiting) == 0 || !b.closed && len(b.waiting) < lineWaiting {
			break
		}
	}
	if len(b.waiting) > 0 {
		b.wait()
	}
	close(b.writing)
	b.writing = nil
}

// Close writes what waits, unless the writer does not get on. It may be called
// more than once.
func (b *lineBuffer) Close() error {
	b.mu.Lock()
	b.closed = true
	if b.writing == nil && len(b.waiting) > 0 {
		b.begin()
	}
	writing := b.writing
	b.mu.Unlock()
	if writing == nil {
		return nil
	}
	select {
	case <-writing:
		return nil
	case <-time.After(lineClose):
		return fmt.Errorf("nobody reads the log")
	}
}
