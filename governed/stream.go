package governed

import (
	"context"
	"errors"
	"iter"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// watch is a stream that settles its ticket when it ends, however it ends, and
// raises the hold on the way when it outgrows it.
func (t *ticket) watch(s *outcrop.Stream) *outcrop.Stream {
	m := &flow{counter: t.attempt.pool.counter}
	out := s.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
		return func(yield func(bedrock.Event, error) bool) {
			for event, err := range events {
				if err == nil && m.see(event) {
					t.gate.Grow(t.id, m.tokens)
				}
				if !yield(event, err) {
					return
				}
			}
		}
	})
	out.OnEnd(func(err error) {
		switch {
		case m.usage != nil:
			t.settled(m.usage)
		case err == nil || errors.Is(err, context.Canceled):
			t.attempt.pool.note(func(s *Stats) { s.Interrupted++ })
			t.gate.Interrupted(t.id, m.output())
		default:
			t.failed(err, m.output())
		}
	})
	return out
}

// flow counts what comes out of a stream, until the stream says it itself. It
// belongs to whoever ranges.
type flow struct {
	counter tokens.Model
	tokens  int    // of what was counted
	text    []byte // not yet counted
	usage   *bedrock.TokenUsage
}

// piece is how much text is counted at once, in bytes: deltas are small, and
// every count is rounded up.
const piece = 512

// see notes an event, and tells whether the count has grown.
func (m *flow) see(event bedrock.Event) bool {
	if event.Type() == bedrock.ChunkEvent {
		m.chunk(event)
	} else {
		m.event(event)
	}
	if len(m.text) < piece {
		return false
	}
	m.tokens += m.counter.TextBytes(m.text)
	m.text = m.text[:0]
	return true
}

func (m *flow) chunk(event bedrock.Event) {
	chunk, err := event.Chunk()
	if err != nil {
		return
	}
	if usage, ok := native.ChunkUsage(chunk); ok {
		m.usage = &usage
	}
	if text, err := native.Text(chunk); err == nil {
		m.text = append(m.text, text...)
	}
}

func (m *flow) event(event bedrock.Event) {
	switch event.Type() {
	case "contentBlockDelta", "metadata":
	default:
		return
	}
	out, err := event.Output()
	if err != nil {
		return
	}
	if out.Metadata != nil {
		m.usage = &out.Metadata.Usage
	}
	if out.ContentBlockDelta == nil {
		return
	}
	switch d := &out.ContentBlockDelta.Delta; {
	case d.Text != nil:
		m.text = append(m.text, *d.Text...)
	case d.ToolUse != nil:
		m.text = append(m.text, d.ToolUse.Input...)
	case d.ReasoningContent != nil && d.ReasoningContent.Text != nil:
		m.text = append(m.text, *d.ReasoningContent.Text...)
	}
}

// output is all that was counted.
func (m *flow) output() int { return m.tokens + m.counter.TextBytes(m.text) }
