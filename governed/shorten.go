package governed

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// goOn asks for the rest of a reply.
const goOn = "Your reply was cut off. Go on exactly where it stops, in the middle of a word if need be, and write nothing else."

// continued makes an attempt whose limit was lowered. A reply that the lower
// limit has cut is asked to go on, once, with all that is left of the caller's
// limit. Where that fails, the caller gets what there is, which says max_tokens.
func (b *Backend) continued(ctx context.Context, a *attempt) (*outcrop.Reply, error) {
	a.pool.note(func(s *Stats) { s.Shortened++ })
	reply, err := b.once(ctx, a)
	if err != nil {
		return nil, err
	}
	response, err := reply.Converse()
	if err != nil || response.StopReason != bedrock.StopReasonMaxTokens {
		return reply, nil //nolint:nilerr // a reply that cannot be read is the reader's to complain of
	}
	text, ok := plainText(response)
	rest := b.rest(a, text, response.Usage.OutputTokens)
	if !ok || rest == nil {
		tell(&reply.Meta, HeaderContinued, "no: not plain text")
		return reply, nil
	}
	var more *bedrock.ConverseResponse
	second, err := b.once(ctx, rest)
	if err == nil {
		more, err = second.Converse()
	}
	if err != nil {
		tell(&reply.Meta, HeaderContinued, "no: "+outcrop.AsError(err).Code)
		return reply, nil
	}
	meta := second.Meta
	if limit := a.told(); limit != "" {
		tell(&meta, HeaderMaxTokens, limit)
	}
	tell(&meta, HeaderContinued, "1")
	return outcrop.NewConverseReply(meta, joined(response, more)), nil
}

// rest is the attempt that continues a reply, or nil when there is nothing to
// continue.
func (b *Backend) rest(a *attempt, text string, output int) *attempt {
	req, err := a.call.Converse()
	left := a.ceiling - output
	if err != nil || strings.TrimSpace(text) == "" || left < 1 {
		return nil
	}
	a.pool.note(func(s *Stats) { s.Continued++ })
	again := withLimit(req, left)
	again.Messages = append(append([]bedrock.Message(nil), req.Messages...),
		bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}},
		bedrock.UserText(goOn))
	return &attempt{
		pool: a.pool, call: a.call.WithConverse(a.call.Operation, again), input: a.pool.counter.Input(again).Total,
		asked: left, limit: left, ceiling: left, continued: true,
	}
}

// plainText is a reply's text, and whether it is nothing else.
func plainText(r *bedrock.ConverseResponse) (string, bool) {
	if r.Output.Message == nil {
		return "", false
	}
	var text strings.Builder
	for i := range r.Output.Message.Content {
		block := &r.Output.Message.Content[i]
		if block.Text == nil {
			return "", false
		}
		text.WriteString(*block.Text)
	}
	return text.String(), true
}

// joined is a reply with its continuation: one text, and the cost of both.
func joined(first, second *bedrock.ConverseResponse) *bedrock.ConverseResponse {
	out := *second
	begun, _ := plainText(first)
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant}
	if second.Output.Message != nil {
		var rest strings.Builder
		rest.WriteString(begun)
		for i := range second.Output.Message.Content {
			if text := second.Output.Message.Content[i].Text; text != nil {
				rest.WriteString(*text)
			}
		}
		begun = rest.String()
	}
	message.Content = []bedrock.ContentBlock{{Text: &begun}}
	out.Output = bedrock.ConverseOutput{Message: &message}
	out.Usage = first.Usage
	out.Usage.Add(second.Usage)
	out.Metrics.LatencyMs += first.Metrics.LatencyMs
	return &out
}

// continuedStream is continued for a stream: what ends the first reply is held
// back until it is known whether another follows.
func (b *Backend) continuedStream(ctx context.Context, a *attempt) (*outcrop.Reply, error) {
	a.pool.note(func(s *Stats) { s.Shortened++ })
	reply, err := b.once(ctx, a)
	if err != nil {
		return nil, err
	}
	s := &seam{backend: b, ctx: ctx, attempt: a, current: reply.Stream}
	reply.Stream = outcrop.NewStream(s.events(reply.Stream), s.close)
	return reply, nil
}

// seam joins two streams to one.
type seam struct {
	backend *Backend
	ctx     context.Context //nolint:containedctx // the context governs the whole of a stream
	attempt *attempt

	text    strings.Builder
	block   int                 // of the last text
	held    []bedrock.Event     // ends of blocks and of the message
	stopped bedrock.StopReason  // of the first stream
	usage   *bedrock.TokenUsage // of the first stream

	mu      sync.Mutex
	current *outcrop.Stream
	closed  bool
}

func (s *seam) close() {
	s.mu.Lock()
	s.closed = true
	current := s.current
	s.mu.Unlock()
	_ = current.Close()
}

// follow puts another stream in the place of the one that ended; one that was
// closed meanwhile closes it too.
func (s *seam) follow(next *outcrop.Stream) {
	s.mu.Lock()
	s.current = next
	closed := s.closed
	s.mu.Unlock()
	if closed {
		_ = next.Close()
	}
}

func (s *seam) events(first *outcrop.Stream) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		for event, err := range first.Events() {
			if err != nil {
				if s.flush(yield) {
					yield(bedrock.Event{}, err)
				}
				return
			}
			if s.holds(event) {
				s.held = append(s.held, event)
				continue
			}
			if !s.flush(yield) || !yield(event, nil) {
				return
			}
		}
		if s.stopped == bedrock.StopReasonMaxTokens && s.usage != nil {
			if rest := s.backend.rest(s.attempt, s.text.String(), s.usage.OutputTokens); rest != nil {
				if reply, err := s.backend.once(s.ctx, rest); err == nil {
					s.follow(reply.Stream)
					s.more(reply.Stream, yield)
					return
				}
			}
		}
		s.flush(yield)
	}
}

// holds notes an event of the first stream, and tells whether to hold it back.
func (s *seam) holds(event bedrock.Event) bool {
	out, err := event.Output()
	if err != nil {
		return false
	}
	switch {
	case out.ContentBlockDelta != nil && out.ContentBlockDelta.Delta.Text != nil:
		s.block = out.ContentBlockDelta.ContentBlockIndex
		s.text.WriteString(*out.ContentBlockDelta.Delta.Text)
	case out.MessageStop != nil:
		s.stopped = out.MessageStop.StopReason
		return true
	case out.Metadata != nil:
		s.usage = &out.Metadata.Usage
		return true
	}
	return out.ContentBlockStop != nil
}

// flush delivers what was held back.
func (s *seam) flush(yield func(bedrock.Event, error) bool) bool {
	for _, event := range s.held {
		if !yield(event, nil) {
			return false
		}
	}
	s.held = s.held[:0]
	return true
}

// more delivers the second stream as the rest of the first: its text in the
// first's last block, and then its end, with the cost of both.
func (s *seam) more(second *outcrop.Stream, yield func(bedrock.Event, error) bool) {
	for event, err := range second.Events() {
		if err != nil {
			yield(bedrock.Event{}, err)
			return
		}
		out, err := event.Output()
		if err != nil {
			yield(bedrock.Event{}, outcrop.Errorf(bedrock.CodeModelStreamError, "an event of the model's stream cannot be read: %w", err))
			return
		}
		switch {
		case out.ContentBlockDelta != nil && out.ContentBlockDelta.Delta.Text != nil:
			delta := *out.ContentBlockDelta
			delta.ContentBlockIndex = s.block
			event = bedrock.NewEvent(&bedrock.ConverseStreamOutput{ContentBlockDelta: &delta})
		case out.MessageStop != nil:
			end := bedrock.NewEvent(&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{ContentBlockIndex: s.block}})
			if !yield(end, nil) {
				return
			}
		case out.Metadata != nil:
			metadata := *out.Metadata
			metadata.Usage = *s.usage
			metadata.Usage.Add(out.Metadata.Usage)
			event = bedrock.NewEvent(&bedrock.ConverseStreamOutput{Metadata: &metadata})
		default:
			continue
		}
		if !yield(event, nil) {
			return
		}
	}
}
