package outcrop

import (
	"context"
	"iter"
	"sync"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Stream is a reply that arrives event by event. Range over Events once, and
// Close it in any case:
//
//	stream, err := m.ConverseStream(ctx, request)
//	if err != nil { … }
//	defer stream.Close()
//	for event, err := range stream.Events() { … }
//
// Close may be called from any goroutine, at any time, more than once; Events
// from one goroutine.
type Stream struct {
	events iter.Seq2[bedrock.Event, error]
	cancel context.CancelFunc
	settle func(error)
	pause  *Pause // nil when the source does not say that it waits

	mu     sync.Mutex
	ranged bool
	closed bool
}

// NewStream makes a stream of events, which produces them as they are asked
// for. cancel stops the work behind the stream; it is called when the stream
// is closed or has ended, perhaps twice, and may be nil.
//
// An error ends the stream and is the last thing that is delivered.
func NewStream(events iter.Seq2[bedrock.Event, error], cancel context.CancelFunc) *Stream {
	if cancel == nil {
		cancel = func() {}
	}
	return &Stream{events: events, cancel: cancel}
}

// Events yields the events in order. An error is the last pair, with a zero
// event; it is an [*Error]. Events can be ranged once: a second time, and
// after Close, it yields one error. Leaving the range early closes the stream.
func (s *Stream) Events() iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		if err := s.begin(); err != nil {
			yield(bedrock.Event{}, err)
			return
		}
		last := context.Canceled // it is left early, by a panic perhaps
		defer func() {
			s.cancel()
			s.finish(last)
		}()
		for event, err := range s.events {
			if err != nil {
				last = AsError(err)
				yield(bedrock.Event{}, last)
				return
			}
			if !yield(event, nil) {
				return
			}
		}
		last = nil
	}
}

// Close stops the work behind the stream. It always returns nil; the result is
// there so that a Stream is an io.Closer.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	unread := !s.ranged
	s.mu.Unlock()
	s.cancel()
	if unread {
		s.finish(context.Canceled)
	}
	return nil
}

// OnEnd has settle called once, when the stream has ended or was closed, with
// the error it ended with: nil when it was read to its end. It must be called
// before the stream is handed on. A decorator settles there what it booked.
func (s *Stream) OnEnd(settle func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.settle
	s.settle = func(err error) {
		if before != nil {
			before(err)
		}
		settle(err)
	}
}

// Map is the stream with its events changed by a function; settlement and
// closing pass through to s, which must not be used any more, and so do the
// pauses of its source: change itself waits for nothing but events.
func (s *Stream) Map(change func(iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error]) *Stream {
	return s.Wrap(change(s.Events()))
}

// Wrap is the stream with other events, which are made of its own by somebody
// who ranges over them already; as with [Stream.Map].
func (s *Stream) Wrap(events iter.Seq2[bedrock.Event, error]) *Stream {
	return NewStream(events, func() { _ = s.Close() }).WithPause(s.pause)
}

func (s *Stream) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return Errorf(bedrock.CodeModelStreamError, "the stream was closed before it was read")
	case s.ranged:
		return Errorf(bedrock.CodeModelStreamError, "the stream was read before; its events come once")
	}
	s.ranged = true
	return nil
}

func (s *Stream) finish(err error) {
	s.mu.Lock()
	settle := s.settle
	s.settle = nil
	s.mu.Unlock()
	if settle != nil {
		settle(err)
	}
}

// Collect reads a Converse stream to its end and puts it together to the
// response that Converse would have given. When the stream fails, the error
// carries what had arrived as its Partial, and its Usage where that came too.
func Collect(s *Stream) (*bedrock.ConverseResponse, error) {
	defer s.Close()
	var c bedrock.Collector
	for event, err := range s.Events() {
		if err == nil {
			var out *bedrock.ConverseStreamOutput
			if out, err = event.Output(); err == nil {
				err = c.Add(out)
			}
		}
		if err != nil {
			return nil, interrupted(err, &c)
		}
	}
	response, err := c.Response()
	if err != nil {
		return nil, interrupted(Errorf(bedrock.CodeModelStreamError, "%w", err), &c)
	}
	return response, nil
}

// interrupted is err with the message that had arrived, and what it cost where
// the stream said so.
func interrupted(err error, c *bedrock.Collector) *Error {
	e := *AsError(err)
	message := c.Message()
	if len(message.Content) > 0 {
		if text, err := bedrock.Marshal(&message); err == nil {
			e.Partial = text
		}
	}
	if usage := c.Usage(); usage != nil {
		e.Usage = usage
	}
	return &e
}
