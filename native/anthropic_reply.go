package native

import (
	"errors"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

type anthropicResponse struct {
	Model           string           `json:"model"`
	ID              string           `json:"id"`
	Type            string           `json:"type"`
	Role            string           `json:"role"`
	Content         []anthropicBlock `json:"content"`
	StopReason      *string          `json:"stop_reason"`
	StopSequence    *string          `json:"stop_sequence"`
	Usage           anthropicUsage   `json:"usage"`
	GuardrailAction string           `json:"amazon-bedrock-guardrailAction,omitzero"`
}

type anthropicUsage struct {
	InputTokens              int  `json:"input_tokens"`
	CacheCreationInputTokens *int `json:"cache_creation_input_tokens,omitzero"`
	CacheReadInputTokens     *int `json:"cache_read_input_tokens,omitzero"`
	OutputTokens             int  `json:"output_tokens"`
}

func anthropicUsageOf(u *bedrock.TokenUsage) anthropicUsage {
	return anthropicUsage{
		InputTokens: u.InputTokens, OutputTokens: u.OutputTokens,
		CacheReadInputTokens: u.CacheReadInputTokens, CacheCreationInputTokens: u.CacheWriteInputTokens,
	}
}

func anthropicReply(info *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	out := anthropicResponse{
		Model: info.ModelID, ID: anthropicID(info), Type: "message", Role: "assistant", Content: []anthropicBlock{},
		StopReason:      pointer(anthropicStop(res.StopReason)),
		StopSequence:    stopSequence(res.StopReason, res.AdditionalModelResponseFields),
		Usage:           anthropicUsageOf(&res.Usage),
		GuardrailAction: guardrailAction(res.StopReason),
	}
	for _, block := range res.Output.Message.Content {
		out.Content = append(out.Content, anthropicReplyBlocks(block)...)
	}
	return bedrock.Marshal(&out)
}

func anthropicID(info *Info) string { return "msg_bdrk_" + info.ID }

// anthropicReplyBlocks is what a model may have generated, in Anthropic's
// form; other blocks do not occur in replies.
func anthropicReplyBlocks(block bedrock.ContentBlock) []anthropicBlock {
	switch {
	case block.Text != nil:
		return []anthropicBlock{{Type: "text", Text: block.Text}}
	case block.ToolUse != nil:
		use := block.ToolUse
		return []anthropicBlock{{Type: "tool_use", ID: use.ToolUseID, Name: use.Name, Input: use.Input}}
	case block.ReasoningContent != nil && block.ReasoningContent.ReasoningText != nil:
		r := block.ReasoningContent.ReasoningText
		return []anthropicBlock{{Type: "thinking", Thinking: &r.Text, Signature: &r.Signature}}
	case block.ReasoningContent != nil:
		data := hidden(block.ReasoningContent.RedactedContent)
		return []anthropicBlock{{Type: "redacted_thinking", Data: &data}}
	case block.CitationsContent != nil:
		var blocks []anthropicBlock
		for _, content := range block.CitationsContent.Content {
			blocks = append(blocks, anthropicBlock{Type: "text", Text: content.Text})
		}
		return blocks
	}
	return nil
}

// anthropicStop is Converse's stop reason, which has nearly Anthropic's
// names.
func anthropicStop(reason bedrock.StopReason) string {
	switch reason {
	case bedrock.StopReasonContentFiltered:
		return "refusal"
	case bedrock.StopReasonGuardrailIntervened, bedrock.StopReasonMalformedModelOutput, bedrock.StopReasonMalformedToolUse:
		return "end_turn"
	}
	return string(reason)
}

// guardrailAction is what InvokeModel's replies say when a guardrail stepped
// in.
func guardrailAction(reason bedrock.StopReason) string {
	if reason == bedrock.StopReasonGuardrailIntervened {
		return "INTERVENED"
	}
	return ""
}

// stopSequence is which stop sequence ended the reply, where the model told.
func stopSequence(reason bedrock.StopReason, fields bedrock.Document) *string {
	if reason != bedrock.StopReasonStopSequence || len(fields) == 0 {
		return nil
	}
	var additional struct {
		StopSequence *string          `json:"stop_sequence"`
		Unknown      bedrock.Document `json:",embed"`
	}
	if bedrock.Unmarshal(fields, &additional) != nil {
		return nil
	}
	return additional.StopSequence
}

func anthropicReplyUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply struct {
		Usage   *anthropicUsage  `json:"usage"`
		Unknown bedrock.Document `json:",embed"`
	}
	if bedrock.Unmarshal(body, &reply) != nil || reply.Usage == nil {
		return bedrock.TokenUsage{}, false
	}
	u := reply.Usage
	return tokenUsage(u.InputTokens, u.OutputTokens, u.CacheReadInputTokens, u.CacheCreationInputTokens), true
}

// anthropicEncoder writes Anthropic's stream. Converse leaves out the start
// of text blocks and tells the usage last; Anthropic announces every block and
// tells the usage with the stop reason, which therefore waits for it.
type anthropicEncoder struct {
	info   *Info
	chunks [][]byte
	open   int // the block that has begun and not ended; -1 for none
	stop   *bedrock.MessageStopEvent
}

func newAnthropicEncoder(info *Info) Encoder { return &anthropicEncoder{info: info, open: -1} }

func (e *anthropicEncoder) Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error) {
	e.chunks = e.chunks[:0]
	var err error
	switch {
	case out.ContentBlockDelta != nil:
		err = e.delta(out.ContentBlockDelta)
	case out.MessageStart != nil:
		err = e.add(map[string]any{"type": "message_start", "message": &anthropicResponse{
			Model: e.info.ModelID, ID: anthropicID(e.info), Type: "message", Role: "assistant", Content: []anthropicBlock{},
		}})
	case out.ContentBlockStart != nil:
		if tool := out.ContentBlockStart.Start.ToolUse; tool != nil {
			err = e.start(out.ContentBlockStart.ContentBlockIndex, &anthropicBlock{
				Type: "tool_use", ID: tool.ToolUseID, Name: tool.Name, Input: bedrock.Document("{}"),
			})
		}
	case out.ContentBlockStop != nil:
		e.close()
	case out.MessageStop != nil:
		e.close()
		e.stop = out.MessageStop
	case out.Metadata != nil:
		err = e.end(out.Metadata, firstByte)
	}
	return e.chunks, err
}

func (e *anthropicEncoder) delta(event *bedrock.ContentBlockDeltaEvent) error {
	index, delta := event.ContentBlockIndex, &event.Delta
	switch {
	case delta.Text != nil:
		if e.open != index { // the first delta begins the block
			if err := e.start(index, &anthropicBlock{Type: "text", Text: new(string)}); err != nil {
				return err
			}
		}
		e.addDelta(index, `"text_delta","text":`, *delta.Text)
	case delta.ToolUse != nil:
		e.addDelta(index, `"input_json_delta","partial_json":`, delta.ToolUse.Input)
	case delta.ReasoningContent != nil:
		return e.reasoning(index, delta.ReasoningContent)
	}
	return nil
}

func (e *anthropicEncoder) reasoning(index int, r *bedrock.ReasoningContentBlockDelta) error {
	if r.RedactedContent != nil {
		data := hidden(r.RedactedContent)
		return e.start(index, &anthropicBlock{Type: "redacted_thinking", Data: &data})
	}
	if e.open != index {
		if err := e.start(index, &anthropicBlock{Type: "thinking", Thinking: new(string), Signature: new(string)}); err != nil {
			return err
		}
	}
	if r.Text != nil {
		e.addDelta(index, `"thinking_delta","thinking":`, *r.Text)
	}
	if r.Signature != nil {
		e.addDelta(index, `"signature_delta","signature":`, *r.Signature)
	}
	return nil
}

func (e *anthropicEncoder) start(index int, block *anthropicBlock) error {
	e.close()
	e.open = index
	return e.add(map[string]any{"type": "content_block_start", "index": index, "content_block": block})
}

func (e *anthropicEncoder) close() {
	if e.open < 0 {
		return
	}
	e.chunks = append(e.chunks, append(appendInt([]byte(`{"type":"content_block_stop","index":`), e.open), '}'))
	e.open = -1
}

func (e *anthropicEncoder) end(m *bedrock.ConverseStreamMetadataEvent, firstByte time.Duration) error {
	delta := map[string]any{"stop_reason": "end_turn", "stop_sequence": nil}
	message := map[string]any{"type": "message_delta", "delta": delta, "usage": anthropicUsageOf(&m.Usage)}
	if e.stop != nil {
		delta["stop_reason"] = anthropicStop(e.stop.StopReason)
		delta["stop_sequence"] = stopSequence(e.stop.StopReason, e.stop.AdditionalModelResponseFields)
		if action := guardrailAction(e.stop.StopReason); action != "" {
			message["amazon-bedrock-guardrailAction"] = action
		}
	}
	if err := e.add(message); err != nil {
		return err
	}
	return e.add(map[string]any{"type": "message_stop", metricsName: metricsOf(m, firstByte)})
}

func (e *anthropicEncoder) add(v any) error {
	chunk, err := bedrock.Marshal(v)
	e.chunks = append(e.chunks, chunk)
	return err
}

// addDelta writes the event that nearly every chunk is, without reflection.
func (e *anthropicEncoder) addDelta(index int, kind, text string) {
	chunk := make([]byte, 0, len(text)+len(kind)+96)
	chunk = appendInt(append(chunk, `{"type":"content_block_delta","index":`...), index)
	chunk = append(append(chunk, `,"delta":{"type":`...), kind...)
	chunk = bedrock.AppendString(chunk, text)
	e.chunks = append(e.chunks, append(chunk, `}}`...))
}
