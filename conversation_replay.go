package outcrop

import (
	"iter"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// maxReplayed is how many of the last turns are looked through for an
// idempotency key.
const maxReplayed = 200

// repeated is the stored turn that a request repeats, or nil. A key that was
// used for something else is an error.
func (r *turnRun) repeated() (*turnRecord, error) {
	if r.keys.idempotency == "" {
		return nil, nil
	}
	records := r.c.records
	for i := len(records) - 1; i >= 0 && i >= len(records)-maxReplayed; i-- {
		t := &records[i]
		switch {
		case t.Key != r.keys.idempotency || t.Turn.Interrupted:
		case t.Digest != r.digest:
			return nil, Invalid("requestMetadata."+KeyIdempotency, "turn %d had the same key and other messages", t.Turn.Number)
		default:
			return t, nil
		}
	}
	return nil, nil
}

// replay answers as a stored turn was answered; no model is asked. The
// conversation is given back with it.
func (r *turnRun) replay(t *turnRecord) *Reply {
	response := &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &t.Turn.Messages[len(t.Turn.Messages)-1]},
		StopReason: t.StopReason, Metrics: bedrock.ConverseMetrics{LatencyMs: t.LatencyMs},
	}
	if t.Usage != nil {
		response.Usage = *t.Usage
	}
	meta := withTurnHeaders(Meta{ModelID: t.Turn.ModelID, Conversation: r.c.key.ID, Turn: t.Turn.Number})
	meta.Header[HeaderReplayed] = "true"
	if !r.call.Streams() {
		return NewConverseReply(meta, response)
	}
	stream := NewStream(replayed(response), nil)
	stream.OnEnd(func(error) { r.k.release(r.c) })
	return NewStreamReply(meta, stream)
}

// replayed are the events of a reply that is there already: a delta a block.
func replayed(response *bedrock.ConverseResponse) iter.Seq2[bedrock.Event, error] {
	message := response.Output.Message
	out := []*bedrock.ConverseStreamOutput{{MessageStart: &bedrock.MessageStartEvent{Role: message.Role}}}
	for i := range message.Content {
		out = append(out, blockEvents(i, &message.Content[i])...)
	}
	out = append(out,
		&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: response.StopReason}},
		&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{
			Usage: response.Usage, Metrics: bedrock.ConverseStreamMetrics{LatencyMs: response.Metrics.LatencyMs},
		}})
	return func(yield func(bedrock.Event, error) bool) {
		for _, o := range out {
			if !yield(bedrock.NewEvent(o), nil) {
				return
			}
		}
	}
}

func blockEvents(i int, b *bedrock.ContentBlock) []*bedrock.ConverseStreamOutput {
	var out []*bedrock.ConverseStreamOutput
	delta := func(d bedrock.ContentBlockDelta) {
		out = append(out, &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{ContentBlockIndex: i, Delta: d}})
	}
	switch {
	case b.Text != nil:
		delta(bedrock.ContentBlockDelta{Text: b.Text})
	case b.ToolUse != nil:
		start := bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: b.ToolUse.ToolUseID, Name: b.ToolUse.Name, Type: b.ToolUse.Type}}
		out = append(out, &bedrock.ConverseStreamOutput{ContentBlockStart: &bedrock.ContentBlockStartEvent{ContentBlockIndex: i, Start: start}})
		delta(bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: string(b.ToolUse.Input)}})
	case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
		t := b.ReasoningContent.ReasoningText
		delta(bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{Text: &t.Text}})
		if t.Signature != "" {
			delta(bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{Signature: &t.Signature}})
		}
	case b.ReasoningContent != nil:
		delta(bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{RedactedContent: b.ReasoningContent.RedactedContent}})
	case b.CitationsContent != nil:
		for j := range b.CitationsContent.Content {
			delta(bedrock.ContentBlockDelta{Text: b.CitationsContent.Content[j].Text})
		}
	}
	return append(out, &bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{ContentBlockIndex: i}})
}
