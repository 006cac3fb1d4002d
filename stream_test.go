package outcrop_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// text is the events of a Converse stream that says words.
func text(words ...string) []*bedrock.ConverseStreamOutput {
	out := []*bedrock.ConverseStreamOutput{{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}}
	for _, word := range words {
		out = append(out, &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &word}}})
	}
	return append(out,
		&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{}},
		&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: bedrock.StopReasonEndTurn}},
		&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{
			Usage: bedrock.TokenUsage{InputTokens: 3, OutputTokens: len(words), TotalTokens: 3 + len(words)},
		}},
	)
}

// play yields events, and then an error unless it is nil.
func play(events []*bedrock.ConverseStreamOutput, last error) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		for _, event := range events {
			if !yield(bedrock.NewEvent(event), nil) {
				return
			}
		}
		if last != nil {
			yield(bedrock.Event{}, last)
		}
	}
}

func TestCollectIsConverse(t *testing.T) {
	response, err := outcrop.Collect(outcrop.NewStream(play(text("Hello, ", "world"), nil), nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Output.Message.Text(); got != "Hello, world" {
		t.Errorf("text %q", got)
	}
	if response.StopReason != bedrock.StopReasonEndTurn || response.Usage.TotalTokens != 5 {
		t.Errorf("stop reason %s, usage %+v", response.StopReason, response.Usage)
	}
}

func TestCollectKeepsWhatHadArrived(t *testing.T) {
	all := text("Hello, ", "world")
	tests := map[string]struct {
		events []*bedrock.ConverseStreamOutput
		last   error
		code   string
	}{
		"an exception in the stream": {all[:3], outcrop.Errorf(bedrock.CodeThrottling, "slow down"), bedrock.CodeThrottling},
		"a stream that just ends":    {all[:3], nil, bedrock.CodeModelStreamError},
		"no metadata":                {all[:len(all)-1], nil, bedrock.CodeModelStreamError},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := outcrop.Collect(outcrop.NewStream(play(tt.events, tt.last), nil))
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok || e.Code != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			var partial bedrock.Message
			if err := bedrock.Unmarshal(e.Partial, &partial); err != nil {
				t.Fatal(err)
			}
			if got := partial.Text(); got == "" || got != "Hello, world"[:len(got)] {
				t.Errorf("partial text %q", got)
			}
		})
	}
}

func TestStreamContract(t *testing.T) {
	open := func() (s *outcrop.Stream, cancelled, settled *atomic.Int32, end *error) {
		cancelled, settled, end = new(atomic.Int32), new(atomic.Int32), new(error)
		s = outcrop.NewStream(play(text("a", "b"), nil), func() { cancelled.Add(1) })
		s.OnEnd(func(err error) { settled.Add(1); *end = err })
		return
	}

	t.Run("read to its end settles once, without an error", func(t *testing.T) {
		s, cancelled, settled, end := open()
		for _, err := range s.Events() {
			if err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		s.Close()
		if settled.Load() != 1 || cancelled.Load() == 0 || *end != nil {
			t.Errorf("settled %d times with %v, cancelled %d times", settled.Load(), *end, cancelled.Load())
		}
	})
	t.Run("closed before it is read", func(t *testing.T) {
		s, cancelled, settled, end := open()
		s.Close()
		for event, err := range s.Events() {
			if err == nil {
				t.Errorf("an event after Close: %s", event.Type())
			}
		}
		if settled.Load() != 1 || cancelled.Load() == 0 || !errors.Is(*end, context.Canceled) {
			t.Errorf("settled %d times with %v, cancelled %d times", settled.Load(), *end, cancelled.Load())
		}
	})
	t.Run("left early", func(t *testing.T) {
		s, cancelled, settled, end := open()
		for range s.Events() {
			break
		}
		if settled.Load() != 1 || cancelled.Load() == 0 || !errors.Is(*end, context.Canceled) {
			t.Errorf("settled %d times with %v, cancelled %d times", settled.Load(), *end, cancelled.Load())
		}
	})
	t.Run("left by a panic", func(t *testing.T) {
		s, cancelled, settled, end := open()
		func() {
			defer func() {
				if p := recover(); p != "enough" {
					t.Errorf("panicked with %v", p)
				}
			}()
			for range s.Events() {
				panic("enough")
			}
		}()
		if settled.Load() != 1 || cancelled.Load() == 0 || !errors.Is(*end, context.Canceled) {
			t.Errorf("settled %d times with %v, cancelled %d times", settled.Load(), *end, cancelled.Load())
		}
	})
	t.Run("read twice", func(t *testing.T) {
		s, _, settled, _ := open()
		for range s.Events() {
		}
		n := 0
		for _, err := range s.Events() {
			n++
			if err == nil {
				t.Error("an event the second time")
			}
		}
		if n != 1 || settled.Load() != 1 {
			t.Errorf("%d pairs the second time, settled %d times", n, settled.Load())
		}
	})
	t.Run("every decorator settles, the innermost first", func(t *testing.T) {
		s, _, _, _ := open()
		var order []string
		s.OnEnd(func(error) { order = append(order, "first") })
		s.OnEnd(func(error) { order = append(order, "second") })
		s.Close()
		if len(order) != 2 || order[0] != "first" {
			t.Errorf("order %v", order)
		}
	})
}
