package backendtest

import (
	"context"
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// closeEarly closes a stream from another goroutine while it is read: the
// reading ends, and nothing is left running.
func (s *suite) closeEarly(t *testing.T) {
	b := s.open(t)
	watchGoroutines(t)
	st := stream(t, b, s.request("Write a long story about a lighthouse and the sea."))
	n := 0
	closed := make(chan struct{})
	for _, err := range st.Events() {
		if err != nil {
			_ = asError(t, err)
			break
		}
		if n++; n == 2 {
			go func() {
				defer close(closed)
				_ = st.Close()
			}()
			<-closed
		}
	}
	if n < 2 {
		t.Errorf("%d events before the end", n)
	}
}

func (s *suite) closeUnread(t *testing.T) {
	b := s.open(t)
	watchGoroutines(t)
	st := stream(t, b, s.request(question))
	for range 2 {
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	n := 0
	for _, err := range st.Events() {
		n++
		if err == nil {
			t.Error("an event after Close")
			continue
		}
		_ = asError(t, err)
	}
	if n != 1 {
		t.Errorf("a closed stream delivers one error, not %d", n)
	}
}

func (s *suite) leaveEarly(t *testing.T) {
	b := s.open(t)
	watchGoroutines(t)
	st := stream(t, b, s.request(question))
	for _, err := range st.Events() {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	n := 0
	for _, err := range st.Events() {
		n++
		_ = asError(t, err)
	}
	if n != 1 {
		t.Errorf("a stream that was read before delivers one error, not %d", n)
	}
}

func (s *suite) cancelledBefore(t *testing.T) {
	b := s.open(t)
	watchGoroutines(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
		reply, err := b.Do(ctx, outcrop.NewConverseCall(operation, s.request(question)))
		if err == nil && reply.Stream != nil {
			_, err = outcrop.Collect(reply.Stream)
		}
		if e := asError(t, err); !errors.Is(e, context.Canceled) {
			t.Errorf("%s: the error is not that of the context: %v", operation, e)
		}
	}
}

// cancelledWithin ends the context while the stream is read. What had arrived
// may still come; then one error ends it.
func (s *suite) cancelledWithin(t *testing.T) {
	b := s.open(t)
	watchGoroutines(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reply, err := b.Do(ctx, outcrop.NewConverseCall(bedrock.OpConverseStream, s.request("Write a long story about a lighthouse and the sea.")))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var last error
	var whole bool
	n := 0
	for event, err := range reply.Stream.Events() {
		if last != nil {
			t.Fatal("the stream went on after an error")
		}
		last = err
		whole = whole || event.Type() == "metadata"
		if n++; n == 2 {
			cancel()
		}
	}
	if whole {
		return // all of it had arrived before
	}
	_ = asError(t, last)
}

// settlesOnce checks that the end of a stream is told once, with nil for a
// stream that was read to its end.
func (s *suite) settlesOnce(t *testing.T) {
	b := s.open(t)
	for _, c := range []struct {
		name string
		read func(*outcrop.Stream)
		ok   bool
	}{
		{"read", func(st *outcrop.Stream) { collect(t, st) }, true},
		{"closed unread", func(st *outcrop.Stream) { _ = st.Close() }, false},
		{"left early", func(st *outcrop.Stream) {
			for range st.Events() {
				break
			}
			_ = st.Close()
		}, false},
	} {
		st := stream(t, b, s.request(question))
		var ends []error
		st.OnEnd(func(err error) { ends = append(ends, err) })
		c.read(st)
		if len(ends) != 1 || (ends[0] == nil) != c.ok {
			t.Errorf("%s: settled with %v", c.name, ends)
		}
	}
}
