package outcrop

import (
	"context"
	"errors"
	"iter"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// ConstructStream is [Manager.Construct] as a stream. While the model writes,
// "partial" events say what is settled: a scalar or an array's element that is
// closed and passed its own subschema, at its JSON Pointer; or what was added
// to a string that is still open. Nothing that was settled is taken back. The
// last event is the "result". The caller must close the stream.
func (m *Manager) ConstructStream(ctx context.Context, req *bedrock.ConstructRequest) (*Stream, error) {
	if c, ok := m.config.Backend.(Constructor); ok {
		return c.ConstructStream(ctx, m.withModel(req))
	}
	l, err := m.ladder(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return NewStream(l.events(ctx), cancel), nil
}

func (l *ladder) events(ctx context.Context) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		left := false
		l.emit = func(updates []structured.Update) bool {
			for _, update := range updates {
				if !yield(partialEvent(l.schema, update), nil) {
					left = true
					return false
				}
			}
			return true
		}
		response, err := l.climb(ctx)
		switch {
		case left:
		case err != nil:
			yield(bedrock.Event{}, err)
		default:
			yield(bedrock.NewConstructEvent(&bedrock.ConstructStreamOutput{Result: response}), nil)
		}
	}
}

func partialEvent(s *structured.Schema, u structured.Update) bedrock.Event {
	partial := &bedrock.ConstructPartialEvent{Path: u.Path, Text: u.Text}
	if u.Open {
		partial.Open = &u.Open
	} else {
		partial.Value = s.Encode(u.Value)
	}
	return bedrock.NewConstructEvent(&bedrock.ConstructStreamOutput{Partial: partial})
}

// errNobodyReads ends the model's stream when the reader of ours has left.
var errNobodyReads = errors.New("nobody reads the stream any more")

// settled is a Converse stream that tells the ladder's reader, as its events
// pass, which parts of the value are settled.
func (c *climber) settled(s *Stream) *Stream {
	reader := c.schema.Stream()
	return s.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
		return func(yield func(bedrock.Event, error) bool) {
			for event, err := range events {
				if err == nil && !c.forward(reader, event) {
					err = errNobodyReads
				}
				if !yield(event, err) || err != nil {
					return
				}
			}
		}
	})
}

// forward feeds a delta to the reader and emits what it settles.
func (c *climber) forward(reader *structured.Stream, event bedrock.Event) bool {
	out, err := event.Output()
	if err != nil || out.ContentBlockDelta == nil {
		return true
	}
	delta := &out.ContentBlockDelta.Delta
	var updates []structured.Update
	switch {
	case delta.Text != nil:
		updates = reader.Feed(*delta.Text)
	case delta.ToolUse != nil:
		updates = reader.Feed(delta.ToolUse.Input)
	}
	for _, update := range updates {
		switch {
		case !update.Open:
			c.sent, c.open = append(c.sent, update), structured.Update{}
		case update.Path == c.open.Path:
			c.open.Text += update.Text
		default:
			c.open = update
		}
	}
	return c.emit(updates)
}
