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
// last event is the "result". Parts come from a reply in the caller's own JSON:
// XML, and a form that a back-end needed the schema reshaped for, bring the
// result alone. The caller must close the stream.
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
func (c *climber) settled(s *Stream, step bedrock.ConstructStep) *Stream {
	f := &follower{climber: c, reader: c.schema.Stream(), tool: step == bedrock.ConstructStepTool, block: -1}
	return s.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
		return func(yield func(bedrock.Event, error) bool) {
			for event, err := range events {
				if err == nil && !f.follow(event) {
					err = errNobodyReads
				}
				if !yield(event, err) || err != nil {
					return
				}
			}
		}
	})
}

// follower reads the value out of the events of a reply while it grows.
type follower struct {
	*climber
	reader *structured.Stream
	tool   bool // the value is a tool's input, not text
	block  int  // the tool use that holds it; -1 before it
}

// follow feeds an event to the reader and emits what it settles. It is false
// when nobody reads on.
func (f *follower) follow(event bedrock.Event) bool {
	out, err := event.Output()
	if err != nil || out.ContentBlockDelta == nil {
		return true
	}
	delta := &out.ContentBlockDelta.Delta
	switch {
	case f.tool && delta.ToolUse != nil && (f.block < 0 || f.block == out.ContentBlockDelta.ContentBlockIndex):
		f.block = out.ContentBlockDelta.ContentBlockIndex
		return f.settle(f.reader.Feed(delta.ToolUse.Input))
	case !f.tool && delta.Text != nil:
		return f.settle(f.reader.Feed(*delta.Text))
	}
	return true
}

// settle emits updates and remembers them: they stand.
func (l *ladder) settle(updates []structured.Update) bool {
	for _, update := range updates {
		switch {
		case !update.Open:
			l.sent, l.text = append(l.sent, update), nil
		case l.text != nil && update.Path == l.open:
			l.text = append(l.text, update.Text...)
		default:
			l.open, l.text = update.Path, []byte(update.Text)
		}
	}
	return l.emit(updates)
}
