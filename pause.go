package outcrop

import "io"

// Pause is how the source of a stream says that it is about to wait, so that
// whoever sends the events on can write those that come together at once, and
// still holds none back while the source waits. A source has a Pause, gives it
// to its stream with [Stream.WithPause], and calls Begin each time before it
// may have to wait: for the network, or for a clock. The zero value is ready.
type Pause struct{ before func() }

// Begin is called right before a wait, in the goroutine that produces the
// events and between two of them. It costs a comparison while nobody listens.
func (p *Pause) Begin() {
	if p.before != nil {
		p.before()
	}
}

// Reader is a reader that calls Begin before each Read of r. Put it under the
// buffer from which events are taken: what lies there already needs no wait.
func (p *Pause) Reader(r io.Reader) io.Reader { return pausingReader{p, r} }

type pausingReader struct {
	pause *Pause
	r     io.Reader
}

func (r pausingReader) Read(b []byte) (int, error) {
	r.pause.Begin()
	return r.r.Read(b)
}

// WithPause promises that the source of the stream calls Begin of p before
// each wait. It must be called before the stream is handed on, and returns s.
func (s *Stream) WithPause(p *Pause) *Stream {
	s.pause = p
	return s
}

// BeforeWait has f called each time the stream's source is about to wait for
// its next event, in the goroutine that ranges over the events, and tells
// whether that source says so. When it does not, an event may be followed by a
// wait at any time, and should be sent on as it comes. It must be called before
// Events is ranged over; f must not range over them, and may close the stream.
func (s *Stream) BeforeWait(f func()) bool {
	if s.pause == nil {
		return false
	}
	s.pause.before = f
	return true
}
