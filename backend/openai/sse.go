package openai

import (
	"bytes"
	"errors"
	"io"
)

// errEventTooLong is the error of an event over Config.MaxEvent.
var errEventTooLong = errors.New("an event of the stream is longer than the limit")

// errStreamTooLong is the error of a stream over Config.MaxReply.
var errStreamTooLong = errors.New("the stream is longer than the limit")

// sse reads server-sent events (WHATWG HTML, section 9.2): lines that end in
// LF, CR LF or CR, an event for each blank line. Comments, ids and retry times
// are passed over. An event at the end of the stream that no blank line ends
// is delivered too, as some servers leave that out; whether it is whole is
// for the reader of its data to see.
type sse struct {
	r         io.Reader
	maxEvent  int
	remaining int64 // bytes of the stream that may still come

	buf        []byte // what has been read: buf[start:] is not consumed
	start      int
	scanned    int // of buf[start:], known to hold no line's end
	err        error
	afterCR    bool // the last line ended in CR, an LF may follow
	begun      bool // the byte order mark was looked for
	event      []byte
	data       []byte // joined lines, when an event has several
	dataInBuf  []byte // the only line, inside buf
	hasData    bool
	emptyReads int
}

func newSSE(r io.Reader, maxEvent int, maxStream int64) *sse {
	return &sse{r: r, maxEvent: maxEvent, remaining: maxStream, buf: make([]byte, 0, 4096)}
}

// next is the next event with data. Both slices are valid until the next
// call. The error is io.EOF at the end.
func (s *sse) next() (event, data []byte, err error) {
	s.event, s.data, s.dataInBuf, s.hasData = s.event[:0], s.data[:0], nil, false
	for {
		line, err := s.line()
		if err != nil {
			if errors.Is(err, io.EOF) && s.hasData {
				return s.take()
			}
			return nil, nil, err
		}
		if len(line) == 0 {
			if s.hasData {
				return s.take()
			}
			s.event = s.event[:0]
			continue
		}
		if err := s.field(line); err != nil {
			return nil, nil, err
		}
	}
}

func (s *sse) take() (event, data []byte, err error) {
	if s.dataInBuf != nil {
		return s.event, s.dataInBuf, nil
	}
	return s.event, s.data, nil
}

// field takes one line of an event. A line of data stays where it is in the
// buffer unless a second one comes or the buffer moves.
func (s *sse) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		if !s.hasData {
			s.hasData, s.dataInBuf = true, value
			if value == nil {
				s.dataInBuf = []byte{}
			}
			return nil
		}
		s.settle()
		s.data = append(append(s.data, '\n'), value...)
		if len(s.data) > s.maxEvent {
			return errEventTooLong
		}
	case "event":
		s.event = append(s.event[:0], value...)
	}
	return nil
}

// settle copies the line of data out of the buffer, which is about to change.
func (s *sse) settle() {
	if s.dataInBuf != nil {
		s.data = append(s.data[:0], s.dataInBuf...)
		s.dataInBuf = nil
	}
}

// line is the next line without its end.
func (s *sse) line() ([]byte, error) {
	for {
		rest := s.buf[s.start:]
		if s.afterCR && len(rest) > 0 {
			s.afterCR = false
			if rest[0] == '\n' {
				s.start++
				continue
			}
		}
		if !s.begun && (len(rest) >= 3 || s.err != nil) {
			s.begun = true
			if bytes.HasPrefix(rest, []byte("\uFEFF")) {
				s.start += 3
				continue
			}
		}
		if s.begun {
			if i := lineEnd(rest, s.scanned); i > s.maxEvent {
				return nil, errEventTooLong
			} else if i >= 0 {
				s.afterCR = rest[i] == '\r'
				s.start += i + 1
				s.scanned = 0
				return rest[:i], nil
			}
			s.scanned = len(rest)
			if len(rest) > s.maxEvent {
				return nil, errEventTooLong
			}
		}
		if s.err != nil {
			if len(rest) > 0 && errors.Is(s.err, io.EOF) {
				s.start, s.scanned = len(s.buf), 0
				return rest, nil // the last line, without its end
			}
			return nil, s.err
		}
		s.fill()
	}
}

// lineEnd is the first LF or CR, at or after from.
func lineEnd(b []byte, from int) int {
	lf := bytes.IndexByte(b[from:], '\n')
	end := len(b)
	if lf >= 0 {
		end = from + lf
	}
	if cr := bytes.IndexByte(b[from:end], '\r'); cr >= 0 {
		return from + cr
	}
	if lf >= 0 {
		return end
	}
	return -1
}

// fill reads more, moving what is left to the front of the buffer first.
func (s *sse) fill() {
	if s.start > 0 {
		s.settle()
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.start = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.settle()
		s.buf = append(s.buf, make([]byte, cap(s.buf))...)[:len(s.buf)]
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if s.remaining -= int64(n); s.remaining < 0 && err == nil {
		err = errStreamTooLong
	}
	if n > 0 {
		s.emptyReads = 0
	} else if err == nil {
		if s.emptyReads++; s.emptyReads > 100 {
			err = io.ErrNoProgress
		}
	}
	s.err = err
}
