package simulator

import (
	"context"
	"iter"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// events yields a response as Bedrock streams it. waits, when it is set, is
// called with the tokens about to be sent, and its error ends the stream.
func events(response *bedrock.ConverseResponse, r random, wait func(tokens int) error) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		s := sender{yield: yield, wait: wait, random: r}
		if !s.send(0, &bedrock.ConverseStreamOutput{MessageStart: &bedrock.MessageStartEvent{Role: response.Output.Message.Role}}) {
			return
		}
		for i := range response.Output.Message.Content {
			if !s.block(i, &response.Output.Message.Content[i]) {
				return
			}
		}
		if s.send(rest, &bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{
			StopReason: response.StopReason, AdditionalModelResponseFields: response.AdditionalModelResponseFields,
		}}) {
			s.send(0, &bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{
				Usage: response.Usage, Metrics: bedrock.ConverseStreamMetrics{LatencyMs: response.Metrics.LatencyMs},
				PerformanceConfig: response.PerformanceConfig, ServiceTier: response.ServiceTier,
			}})
		}
	}
}

// sender sends events one by one, and remembers nothing but where it is.
type sender struct {
	yield  func(bedrock.Event, error) bool
	wait   func(tokens int) error
	random random
}

func (s *sender) send(tokens int, out *bedrock.ConverseStreamOutput) bool {
	if err := s.wait(tokens); err != nil {
		s.yield(bedrock.Event{}, err)
		return false
	}
	return s.yield(bedrock.NewEvent(out), nil)
}

// block sends a content block: a start for tools only, deltas, a stop.
func (s *sender) block(i int, b *bedrock.ContentBlock) bool {
	ok := true
	switch {
	case b.Text != nil:
		ok = s.pieces(*b.Text, func(piece string) *bedrock.ConverseStreamOutput { return textDelta(i, piece) })
	case b.ReasoningContent != nil:
		text := b.ReasoningContent.ReasoningText
		ok = s.pieces(text.Text, func(piece string) *bedrock.ConverseStreamOutput {
			return reasoningDelta(i, &bedrock.ReasoningContentBlockDelta{Text: &piece})
		}) && (text.Signature == "" || s.send(0, reasoningDelta(i, &bedrock.ReasoningContentBlockDelta{Signature: &text.Signature})))
	case b.ToolUse != nil:
		ok = s.send(0, &bedrock.ConverseStreamOutput{ContentBlockStart: &bedrock.ContentBlockStartEvent{
			ContentBlockIndex: i,
			Start:             bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: b.ToolUse.ToolUseID, Name: b.ToolUse.Name}},
		}}) && s.pieces(string(b.ToolUse.Input), func(piece string) *bedrock.ConverseStreamOutput {
			return toolDelta(i, piece)
		})
	}
	return ok && s.send(0, &bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{ContentBlockIndex: i}})
}

// pieces sends a text in deltas of one to three tokens.
func (s *sender) pieces(text string, delta func(string) *bedrock.ConverseStreamOutput) bool {
	for text != "" {
		end, n := 0, 1+s.random.below(3)
		for range n {
			end = tokenEnd(text, end)
		}
		if !s.send(n, delta(text[:end])) {
			return false
		}
		text = text[end:]
	}
	return true
}

// maxToken is the longest piece that counts as one token, in bytes.
const maxToken = 8

// tokenEnd is where the token that begins at i ends, in the manner of
// tokenizers: a word with the space before it, or a part of a long word.
func tokenEnd(text string, i int) int {
	start := i
	for i < len(text) && (text[i] == ' ' || text[i] == '\n') {
		i++
	}
	letters := i
	for i < len(text) && i-letters < maxToken && text[i] != ' ' && text[i] != '\n' {
		i++
	}
	for i < len(text) && text[i]&0xc0 == 0x80 {
		i++
	}
	if i == start && i < len(text) {
		i++
	}
	return i
}

// textEvent is a text delta in one allocation: nearly every event is one.
type textEvent struct {
	out   bedrock.ConverseStreamOutput
	delta bedrock.ContentBlockDeltaEvent
	text  string
}

func textDelta(i int, text string) *bedrock.ConverseStreamOutput {
	e := &textEvent{text: text}
	e.delta.ContentBlockIndex = i
	e.delta.Delta.Text = &e.text
	e.out.ContentBlockDelta = &e.delta
	return &e.out
}

func toolDelta(i int, input string) *bedrock.ConverseStreamOutput {
	return &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{
		ContentBlockIndex: i, Delta: bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: input}},
	}}
}

func reasoningDelta(i int, d *bedrock.ReasoningContentBlockDelta) *bedrock.ConverseStreamOutput {
	return &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{
		ContentBlockIndex: i, Delta: bedrock.ContentBlockDelta{ReasoningContent: d},
	}}
}

// rest, as a number of tokens, is all that a reply's usage counts and its
// deltas did not.
const rest = 1 << 30

// pacing makes the wait of one stream: the time to the first token before the
// first event, then each token's own. Deltas are cut in the manner of a
// tokenizer and not counted by one, so the waits are held to the time that the
// output tokens of the usage take together: a stream ends when the whole reply
// would have come.
func pacing(ctx context.Context, clock Clock, pause *outcrop.Pause, t timing, output int, paced bool) func(int) error {
	if !paced {
		return func(int) error { return ctx.Err() }
	}
	first, left := true, time.Duration(output)*t.perToken
	return func(tokens int) error {
		d := min(left, time.Duration(tokens)*t.perToken)
		left -= d
		if first {
			d += t.first
			first = false
		}
		if d == 0 {
			return ctx.Err()
		}
		pause.Begin()
		return clock.Sleep(ctx, d)
	}
}
