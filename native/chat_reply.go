package native

import (
	"errors"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// chatStyle is how a family's chat replies differ from Chat Completions.
type chatStyle struct {
	bare   bool   // no id, object, time, model and usage around the choices
	finish string // the name of the finish reason: "finish_reason" or "stop_reason"
	delta  string // the name of a chunk's message: "delta" or "message"
	tagged bool   // reasoning stands in the content, as <reasoning>…</reasoning>
}

type chatUsage struct {
	PromptTokens     int               `json:"prompt_tokens"`
	CompletionTokens int               `json:"completion_tokens"`
	TotalTokens      int               `json:"total_tokens"`
	Details          *chatUsageDetails `json:"prompt_tokens_details,omitzero"`
}

type chatUsageDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// chatUsageOf counts as Chat Completions does, where the prompt includes what
// came from a cache.
func chatUsageOf(u *bedrock.TokenUsage) *chatUsage {
	out := &chatUsage{PromptTokens: u.InputTokens, CompletionTokens: u.OutputTokens}
	if u.CacheWriteInputTokens != nil {
		out.PromptTokens += *u.CacheWriteInputTokens
	}
	if u.CacheReadInputTokens != nil {
		out.PromptTokens += *u.CacheReadInputTokens
		out.Details = &chatUsageDetails{CachedTokens: *u.CacheReadInputTokens}
	}
	out.TotalTokens = out.PromptTokens + out.CompletionTokens
	return out
}

func chatReplyUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply struct {
		Usage *chatUsage `json:"usage"`
	}
	if bedrock.Unmarshal(body, &reply) != nil || reply.Usage == nil {
		return bedrock.TokenUsage{}, false
	}
	u := reply.Usage
	if u.Details == nil || u.Details.CachedTokens == 0 {
		return tokenUsage(u.PromptTokens, u.CompletionTokens, nil, nil), true
	}
	cached := min(u.Details.CachedTokens, u.PromptTokens)
	return tokenUsage(u.PromptTokens-cached, u.CompletionTokens, &cached, nil), true
}

func chatFinish(reason bedrock.StopReason) string {
	switch reason {
	case bedrock.StopReasonToolUse:
		return "tool_calls"
	case bedrock.StopReasonMaxTokens, bedrock.StopReasonModelContextWindowExceeded:
		return "length"
	case bedrock.StopReasonContentFiltered, bedrock.StopReasonGuardrailIntervened:
		return "content_filter"
	}
	return "stop"
}

// reply writes a chat completion.
func (s chatStyle) reply(info *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	choice := object{}
	choice.set("index", 0)
	choice.set("message", s.message(res.Output.Message))
	choice.set(s.finish, chatFinish(res.StopReason))
	out := object{}
	out.set("choices", []object{choice})
	if !s.bare {
		out.set("id", chatID(info))
		out.set("object", "chat.completion")
		out.set("created", info.Created.Unix())
		out.set("model", info.ModelID)
		out.set("usage", chatUsageOf(&res.Usage))
	}
	if action := guardrailAction(res.StopReason); action != "" {
		out.set("amazon-bedrock-guardrailAction", action)
	}
	return out.document(), nil
}

func chatID(info *Info) string { return "chatcmpl-" + info.ID }

func (s chatStyle) message(m *bedrock.Message) *chatMessage {
	out := &chatMessage{Role: "assistant"}
	reasoning, text := reasoningText(m), m.Text()
	if s.tagged && reasoning != "" {
		text = "<reasoning>" + reasoning + "</reasoning>" + text
	} else {
		out.ReasoningContent = reasoning
	}
	for _, block := range m.Content {
		if block.ToolUse == nil {
			continue
		}
		call := chatToolCall{ID: block.ToolUse.ToolUseID, Type: "function"}
		call.Function.Name, call.Function.Arguments = block.ToolUse.Name, string(block.ToolUse.Input)
		out.ToolCalls = append(out.ToolCalls, call)
	}
	out.Content = bedrock.Document("null")
	if text != "" || len(out.ToolCalls) == 0 {
		out.Content = bedrock.AppendString(nil, text)
	}
	return out
}

// reasoningText is all reasoning of a message that the model showed.
func reasoningText(m *bedrock.Message) string {
	var b strings.Builder
	for _, block := range m.Content {
		if r := block.ReasoningContent; r != nil && r.ReasoningText != nil {
			b.WriteString(r.ReasoningText.Text)
		}
	}
	return b.String()
}

// chatEncoder writes chat completion chunks. The finish reason waits for the
// usage, which the last chunk tells too.
type chatEncoder struct {
	style          chatStyle
	prefix, suffix string // around a chunk's message
	chunks         [][]byte
	tools          int // how many tool calls have begun
	reasoning      bool
	stop           bedrock.StopReason
}

func (s chatStyle) encoder(info *Info) Encoder {
	e := &chatEncoder{style: s}
	var head []byte
	if !s.bare {
		head = append(bedrock.AppendString([]byte(`"id":`), chatID(info)), `,"object":"chat.completion.chunk","created":`...)
		head = append(appendInt(head, int(info.Created.Unix())), `,"model":`...)
		head = append(bedrock.AppendString(head, info.ModelID), ',')
	}
	e.prefix = "{" + string(head) + `"choices":[{"index":0,"` + s.delta + `":`
	e.suffix = `,"` + s.finish + `":`
	return e
}

func (e *chatEncoder) Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error) {
	e.chunks = e.chunks[:0]
	switch {
	case out.ContentBlockDelta != nil:
		e.delta(&out.ContentBlockDelta.Delta)
	case out.MessageStart != nil:
		e.add(append([]byte(e.prefix), `{"role":"assistant","content":""}`...))
	case out.ContentBlockStart != nil:
		if tool := out.ContentBlockStart.Start.ToolUse; tool != nil {
			e.endReasoning()
			chunk := append([]byte(e.prefix), `{"tool_calls":[{"index":`...)
			chunk = append(appendInt(chunk, e.tools), `,"id":`...)
			chunk = append(bedrock.AppendString(chunk, tool.ToolUseID), `,"type":"function","function":{"name":`...)
			e.add(append(bedrock.AppendString(chunk, tool.Name), `,"arguments":""}}]}`...))
			e.tools++
		}
	case out.MessageStop != nil:
		e.endReasoning()
		e.stop = out.MessageStop.StopReason
	case out.Metadata != nil:
		return e.chunks, e.end(out.Metadata, firstByte)
	}
	return e.chunks, nil
}

func (e *chatEncoder) delta(delta *bedrock.ContentBlockDelta) {
	switch {
	case delta.Text != nil:
		e.endReasoning()
		e.text(`{"content":`, *delta.Text, `}`)
	case delta.ToolUse != nil && e.tools > 0:
		chunk := append([]byte(e.prefix), `{"tool_calls":[{"index":`...)
		chunk = append(appendInt(chunk, e.tools-1), `,"function":{"arguments":`...)
		e.add(append(bedrock.AppendString(chunk, delta.ToolUse.Input), `}}]}`...))
	case delta.ReasoningContent != nil && delta.ReasoningContent.Text != nil:
		text := *delta.ReasoningContent.Text
		if !e.style.tagged {
			e.text(`{"reasoning_content":`, text, `}`)
			return
		}
		if !e.reasoning {
			e.reasoning = true
			text = "<reasoning>" + text
		}
		e.text(`{"content":`, text, `}`)
	}
}

func (e *chatEncoder) endReasoning() {
	if e.reasoning {
		e.reasoning = false
		e.text(`{"content":`, "</reasoning>", `}`)
	}
}

func (e *chatEncoder) text(before, text, after string) {
	chunk := make([]byte, 0, len(e.prefix)+len(before)+len(text)+len(e.suffix)+24)
	chunk = append(append(chunk, e.prefix...), before...)
	e.add(append(bedrock.AppendString(chunk, text), after...))
}

// add ends a chunk that has its message.
func (e *chatEncoder) add(chunk []byte) {
	e.chunks = append(e.chunks, append(append(chunk, e.suffix...), `null}]}`...))
}

func (e *chatEncoder) end(m *bedrock.ConverseStreamMetadataEvent, firstByte time.Duration) error {
	chunk := append([]byte(e.prefix), `{}`...)
	chunk = append(bedrock.AppendString(append(chunk, e.suffix...), chatFinish(e.stop)), `}]`...)
	tail := object{}
	tail.set(metricsName, metricsOf(m, firstByte))
	if !e.style.bare {
		tail.set("usage", chatUsageOf(&m.Usage))
	}
	if action := guardrailAction(e.stop); action != "" {
		tail.set("amazon-bedrock-guardrailAction", action)
	}
	e.chunks = append(e.chunks, append(append(chunk, ','), tail.document()[1:]...))
	return nil
}
