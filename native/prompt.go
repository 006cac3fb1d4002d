package native

import (
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Several families take a prompt that is already written in the model's chat
// template. A back-end applies its own template to messages, so the prompt is
// read back into turns; one without a template is a single user's turn.

// turnMark begins a turn in a chat template.
type turnMark struct {
	text string
	role bedrock.ConversationRole
}

// promptTemplate is a chat template: what begins a turn, and what else in it
// is no text.
type promptTemplate struct {
	turns []turnMark
	noise []string
	begin string // put before the prompt, so that its first mark stands as the others do
}

const (
	roleSystem    = bedrock.ConversationRoleSystem
	roleUser      = bedrock.ConversationRoleUser
	roleAssistant = bedrock.ConversationRoleAssistant
)

// read is the conversation in a prompt. ok is false when the prompt is not
// written in the template, or does not begin with the user or the system.
func (t *promptTemplate) read(prompt string) (system []bedrock.SystemContentBlock, turns []bedrock.Message, ok bool) {
	rest, role := t.begin+prompt, bedrock.ConversationRole("")
	for {
		at, mark := t.next(rest)
		text := rest
		if mark != nil {
			text = rest[:at]
		}
		text = t.clean(text)
		switch {
		case role == "" && text != "":
			return nil, nil, false // text before the first turn: not this template
		case text == "":
		case role == roleSystem && len(turns) == 0:
			system = append(system, bedrock.SystemContentBlock{Text: &text})
		default:
			turns = appendTurn(turns, role, []bedrock.ContentBlock{{Text: &text}})
		}
		if mark == nil {
			return system, turns, len(turns) > 0 && turns[0].Role == roleUser
		}
		rest, role = rest[at+len(mark.text):], mark.role
	}
}

// next finds the first mark in a text, nil when there is none.
func (t *promptTemplate) next(text string) (int, *turnMark) {
	first, found := len(text), (*turnMark)(nil)
	for i := range t.turns {
		if at := strings.Index(text[:first], t.turns[i].text); at >= 0 {
			first, found = at, &t.turns[i]
		}
	}
	return first, found
}

func (t *promptTemplate) clean(text string) string {
	for _, noise := range t.noise {
		text = strings.ReplaceAll(text, noise, "")
	}
	return strings.TrimSpace(text)
}

// promptRequest is a Converse request of a prompt, by the first template that
// fits.
func promptRequest(prompt string, templates ...*promptTemplate) (*bedrock.ConverseRequest, error) {
	if strings.TrimSpace(prompt) == "" {
		return nil, missing("", "prompt")
	}
	for _, t := range templates {
		if system, turns, ok := t.read(prompt); ok {
			return &bedrock.ConverseRequest{System: system, Messages: turns}, nil
		}
	}
	return &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(prompt)}}, nil
}

// instTemplate is the [INST] template of Mistral and Llama 2. The system
// prompt stands inside the first instruction.
var instTemplate = &promptTemplate{
	turns: []turnMark{{"[INST]", roleUser}, {"[/INST]", roleAssistant}, {"<<SYS>>", roleSystem}, {"<</SYS>>", roleUser}},
	noise: []string{"<s>", "</s>"},
}

// before is a prompt with the system's words before it, if there are any.
func before(system, prompt string) string {
	if system == "" {
		return prompt
	}
	return system + "\n\n" + prompt
}

// textEncoder writes the chunks of families whose replies are plain text.
type textEncoder struct {
	chunk  func(text string) []byte
	last   func(stop bedrock.StopReason, m *bedrock.ConverseStreamMetadataEvent, metrics *invocationMetrics) ([]byte, error)
	after  string // what ends reasoning; "" leaves reasoning out
	chunks [1][]byte
	inside bool // reasoning
	stop   bedrock.StopReason
}

func (e *textEncoder) Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error) {
	switch {
	case out.ContentBlockDelta != nil:
		text, ok := e.text(&out.ContentBlockDelta.Delta)
		if !ok {
			return nil, nil
		}
		e.chunks[0] = e.chunk(text)
		return e.chunks[:], nil
	case out.MessageStop != nil:
		e.stop = out.MessageStop.StopReason
	case out.Metadata != nil:
		var err error
		e.chunks[0], err = e.last(e.stop, out.Metadata, metricsOf(out.Metadata, firstByte))
		return e.chunks[:], err
	}
	return nil, nil
}

func (e *textEncoder) text(delta *bedrock.ContentBlockDelta) (string, bool) {
	switch {
	case delta.Text != nil && e.inside:
		e.inside = false
		return e.after + *delta.Text, true
	case delta.Text != nil:
		return *delta.Text, true
	case e.after != "" && delta.ReasoningContent != nil && delta.ReasoningContent.Text != nil:
		e.inside = true
		return *delta.ReasoningContent.Text, true
	}
	return "", false
}

// lengthOrStop is the stop reason of families that know two.
func lengthOrStop(reason bedrock.StopReason) string {
	if reason == bedrock.StopReasonMaxTokens || reason == bedrock.StopReasonModelContextWindowExceeded {
		return "length"
	}
	return "stop"
}
