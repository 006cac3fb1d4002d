package outcrop

import (
	"context"
	"sync"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// turnStream is the reply of a turn while it is read. The last event is
// delivered when the turn is stored; a stream that ends early leaves an
// interrupted turn with what had arrived.
type turnStream struct {
	*turnRun
	ctx       context.Context
	pause     *Pause
	collector bedrock.Collector
	delivered bool // a part of the reply
	committed bool

	mu      sync.Mutex
	current *Stream // from the model
	closed  bool
}

// stream asks for a reply as a stream.
func (r *turnRun) stream(ctx context.Context) (*Reply, error) {
	reply, err := r.begin(ctx)
	if tooLong(err) && r.smaller(ctx) {
		reply, err = r.begin(ctx)
	}
	if err != nil {
		return nil, err
	}
	s := &turnStream{turnRun: r, ctx: ctx, pause: new(Pause), current: reply.Stream}
	out := NewStream(s.events, s.close).WithPause(s.pause)
	out.OnEnd(func(error) { s.end() })
	return NewStreamReply(r.told(reply.Meta), out), nil
}

func (r *turnRun) begin(ctx context.Context) (*Reply, error) {
	reply, err := r.ask(ctx)
	if err == nil && reply.Stream == nil {
		return nil, Errorf(bedrock.CodeInternalServer, "the back-end answered %s without a stream", r.call.Operation)
	}
	return reply, err
}

// close ends the model's stream; from any goroutine.
func (s *turnStream) close() {
	s.mu.Lock()
	s.closed = true
	current := s.current
	s.mu.Unlock()
	_ = current.Close()
}

// replace goes on with another stream of the model.
func (s *turnStream) replace(other *Stream) {
	s.mu.Lock()
	before, closed := s.current, s.closed
	s.current = other
	s.mu.Unlock()
	_ = before.Close()
	if closed {
		_ = other.Close()
	}
}

// events yields the model's events, and asks once more when the model finds
// the context too long before it has said anything.
func (s *turnStream) events(yield func(bedrock.Event, error) bool) {
	for {
		again := s.follow(yield)
		if !again {
			return
		}
		reply, err := s.begin(s.ctx)
		if err != nil {
			yield(bedrock.Event{}, err)
			return
		}
		s.collector = bedrock.Collector{}
		s.replace(reply.Stream)
	}
}

// follow yields the events of the current stream. It holds the first ones back
// until there is something of a reply, or none.
func (s *turnStream) follow(yield func(bedrock.Event, error) bool) (again bool) {
	var held []bedrock.Event
	tells := s.current.BeforeWait(s.pause.Begin)
	for event, err := range s.current.Events() {
		var out *bedrock.ConverseStreamOutput
		if err == nil {
			out, err = event.Output()
		}
		if err == nil {
			err = s.collector.Add(out)
		}
		if err == nil && out.Metadata != nil {
			err = s.complete()
		}
		if err != nil {
			yield(bedrock.Event{}, err)
			return false
		}
		if stop := out.MessageStop; stop != nil && !s.delivered &&
			stop.StopReason == bedrock.StopReasonModelContextWindowExceeded && s.smaller(s.ctx) {
			return true
		}
		if out.MessageStart != nil {
			held = append(held, event)
			continue
		}
		s.delivered = s.delivered || out.ContentBlockStart != nil || out.ContentBlockDelta != nil
		for _, e := range append(held, event) {
			if !yield(e, nil) {
				return false
			}
		}
		held = held[:0]
		if !tells {
			s.pause.Begin() // it may wait any time
		}
	}
	return false
}

// complete stores the turn, before its last event is delivered.
func (s *turnStream) complete() error {
	s.pause.Begin()
	response, err := s.collector.Response()
	if err != nil {
		return Errorf(bedrock.CodeModelStreamError, "%w", err)
	}
	if err := s.commit(s.ctx, response, false); err != nil && !s.unnamed {
		return err
	}
	s.committed = true
	return nil
}

// end stores what had arrived of a reply that was interrupted, and gives the
// conversation back. It is called once, when nobody reads any more.
func (s *turnStream) end() {
	if message := s.collector.Message(); !s.committed && s.delivered && s.c.loaded && len(message.Content) > 0 {
		// There is nobody to be told: when it fails, the turn is as if it had
		// not been asked.
		_ = s.commit(s.ctx, &bedrock.ConverseResponse{Output: bedrock.ConverseOutput{Message: &message}}, true)
		s.committed = true
	}
	if s.committed || !s.forked {
		s.k.release(s.c)
		return
	}
	s.giveUp(s.ctx)
}
