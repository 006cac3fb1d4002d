package openai

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

const chatPath = "/chat/completions"

// converse asks for a whole reply.
func (b *Backend) converse(ctx context.Context, a *ask) (*outcrop.Reply, error) {
	started := b.config.Now()
	w := upstream.NewWatch(ctx, &upstream.Limit{D: b.config.ReplyTimeout, What: "the server did not reply"})
	defer w.Stop()
	res, err := b.send(w.Context(), http.MethodPost, chatPath, a.body)
	if err != nil {
		return nil, err
	}
	text, err := b.readAll(w.Context(), res)
	if err != nil {
		return nil, err
	}
	var c completion
	if err := bedrock.Unmarshal(text, &c); err != nil {
		return nil, unreadable(err)
	}
	switch {
	case len(c.Error) > 0 && string(c.Error) != "null":
		return nil, classify(http.StatusInternalServerError, text) // some servers answer 200 to anything
	case len(c.Choices) == 0:
		return nil, unreadable(errors.New("it has no choices"))
	}
	response, err := b.response(a, &c)
	if err != nil {
		return nil, err
	}
	response.Metrics.LatencyMs = int(b.config.Now().Sub(started).Milliseconds())
	meta := b.meta(res, &c, a)
	meta.Estimated = c.Usage == nil
	return outcrop.NewConverseReply(meta, response), nil
}

// unreadable is the error of a reply that is not what it should be. The
// reader's error names a place in it, not its words.
func unreadable(cause error) *outcrop.Error {
	return outcrop.Errorf(bedrock.CodeModelError, "the server's reply cannot be read: %w", cause)
}

func (b *Backend) meta(res *http.Response, c *completion, a *ask) outcrop.Meta {
	meta := outcrop.Meta{Backend: Name, ModelID: a.model, RequestID: res.Header.Get("X-Request-Id"), ContentType: "application/json"}
	if meta.RequestID == "" {
		meta.RequestID = c.ID
	}
	if c.Model != "" {
		meta.ModelID = c.Model
	}
	return meta
}

// response is a whole reply as Converse's.
func (b *Backend) response(a *ask, c *completion) (*bedrock.ConverseResponse, error) {
	first := &c.Choices[0]
	m := &first.Message
	e := ending{finish: first.FinishReason, matched: first.matchedStop(a.request), refused: m.Refusal != "", text: m.Content}
	out := &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{}}
	if thoughts := m.thoughts(); thoughts != "" {
		out.Content = append(out.Content, bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{
			ReasoningText: &bedrock.ReasoningTextBlock{Text: thoughts},
		}})
	}
	for _, text := range []*string{&m.Content, &m.Refusal} {
		if *text != "" {
			out.Content = append(out.Content, bedrock.ContentBlock{Text: text})
		}
	}
	given := map[string]bool{}
	for i := range m.ToolCalls {
		use, err := b.toolUse(&m.ToolCalls[i], e.finish, given)
		if err != nil {
			return nil, withPartial(err, out)
		}
		if use == nil {
			continue
		}
		e.tools = append(e.tools, use.Name)
		out.Content = append(out.Content, bedrock.ContentBlock{ToolUse: use})
	}
	response := &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: out}, StopReason: b.stop(a, &e), AdditionalModelResponseFields: a.additional(e.matched),
	}
	if c.Usage != nil {
		response.Usage = c.Usage.converse()
	} else {
		response.Usage = estimatedUsage(a, out)
	}
	return response, nil
}

// toolUse is one call of a tool. A call whose input was cut off by the output
// limit is left out; input that is no JSON otherwise is the model's error.
func (b *Backend) toolUse(call *toolCall, finish string, given map[string]bool) (*bedrock.ToolUseBlock, error) {
	input := bedrock.Document(call.Function.Arguments)
	if strings.TrimSpace(call.Function.Arguments) == "" {
		input = bedrock.Document("{}")
	}
	switch {
	case !input.IsValid() && finish == "length":
		return nil, nil
	case !input.IsValid():
		return nil, badInput(bedrock.CodeModelError)
	case call.Function.Name == "":
		return nil, outcrop.Errorf(bedrock.CodeModelError, "the model called a tool without a name")
	}
	id := b.toolID(call.ID, func(id string) bool { return given[id] })
	given[id] = true
	return &bedrock.ToolUseBlock{ToolUseID: id, Name: call.Function.Name, Input: input}, nil
}

func badInput(code string) *outcrop.Error {
	return outcrop.Errorf(code, "the model called a tool with input that is not valid JSON")
}

// withPartial is err with the message that had arrived.
func withPartial(err error, m *bedrock.Message) *outcrop.Error {
	e := *outcrop.AsError(err)
	if len(m.Content) > 0 {
		if text, err := bedrock.Marshal(m); err == nil {
			e.Partial = text
		}
	}
	return &e
}
