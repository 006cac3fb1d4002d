package native

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// chatMessage is a message of a Chat Completions request or reply.
type chatMessage struct {
	Role             string           `json:"role,omitzero"`
	Content          bedrock.Document `json:"content,omitzero"` // a string, parts or null
	ReasoningContent string           `json:"reasoning_content,omitzero"`
	Reasoning        string           `json:"reasoning,omitzero"`
	ToolCalls        []chatToolCall   `json:"tool_calls,omitzero"`
	ToolCallID       string           `json:"tool_call_id,omitzero"`
	Name             string           `json:"name,omitzero"`
	Refusal          *string          `json:"refusal,omitzero"`
	Annotations      bedrock.Document `json:"annotations,omitzero"` // of an earlier reply; not sent back

	Unknown bedrock.Document `json:",embed"`
}

type chatToolCall struct {
	Index    *int   `json:"index,omitzero"`
	ID       string `json:"id,omitzero"`
	Type     string `json:"type,omitzero"`
	Function struct {
		Name      string `json:"name,omitzero"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// chatMessages reads a conversation. System messages at its beginning become
// the system prompt; the results of tools join the user's next turn, as
// Converse wants them.
func chatMessages(in []chatMessage) (system []bedrock.SystemContentBlock, out []bedrock.Message, err error) {
	for i := range in {
		m := &in[i]
		at := "messages." + strconv.Itoa(i)
		if err := only(m.Unknown, at); err != nil {
			return nil, nil, err
		}
		content, err := m.content(at)
		if err != nil {
			return nil, nil, err
		}
		var role bedrock.ConversationRole
		switch m.Role {
		case "system", "developer":
			if len(out) == 0 {
				for _, block := range content {
					system = append(system, bedrock.SystemContentBlock{Text: block.Text})
				}
				continue
			}
			role = bedrock.ConversationRoleSystem
		case "user", "tool":
			role = bedrock.ConversationRoleUser
		case "assistant":
			role = bedrock.ConversationRoleAssistant
		case "":
			return nil, nil, missing(at, "role")
		default:
			return nil, nil, bad(at+".role", "expected \"system\", \"user\", \"assistant\" or \"tool\"")
		}
		out = appendTurn(out, role, content)
	}
	return system, out, nil
}

// appendTurn adds content to the last turn when that has the same role, since
// Converse's roles take turns.
func appendTurn(turns []bedrock.Message, role bedrock.ConversationRole, content []bedrock.ContentBlock) []bedrock.Message {
	if last := len(turns) - 1; last >= 0 && turns[last].Role == role {
		turns[last].Content = append(turns[last].Content, content...)
		return turns
	}
	return append(turns, bedrock.Message{Role: role, Content: content})
}

func (m *chatMessage) content(at string) ([]bedrock.ContentBlock, error) {
	parts, err := chatParts(m.Content, at+".content")
	if err != nil {
		return nil, err
	}
	switch m.Role {
	case "tool":
		return m.toolResult(parts, at)
	case "assistant":
		return m.assistant(parts, at)
	}
	if len(parts) == 0 {
		return nil, missing(at, "content")
	}
	return parts, nil
}

func (m *chatMessage) toolResult(parts []bedrock.ContentBlock, at string) ([]bedrock.ContentBlock, error) {
	if m.ToolCallID == "" {
		return nil, missing(at, "tool_call_id")
	}
	result := &bedrock.ToolResultBlock{ToolUseID: m.ToolCallID, Content: []bedrock.ToolResultContentBlock{}}
	for _, part := range parts {
		result.Content = append(result.Content, bedrock.ToolResultContentBlock{Text: part.Text, Image: part.Image, Document: part.Document})
	}
	return []bedrock.ContentBlock{{ToolResult: result}}, nil
}

func (m *chatMessage) assistant(parts []bedrock.ContentBlock, at string) ([]bedrock.ContentBlock, error) {
	var out []bedrock.ContentBlock
	if text := m.ReasoningContent + m.Reasoning; text != "" {
		out = append(out, reasoningBlock(text))
	}
	out = append(out, parts...)
	if m.Refusal != nil && *m.Refusal != "" {
		out = append(out, bedrock.ContentBlock{Text: m.Refusal})
	}
	for i, call := range m.ToolCalls {
		at := at + ".tool_calls." + strconv.Itoa(i)
		if call.ID == "" {
			return nil, missing(at, "id")
		}
		if call.Function.Name == "" {
			return nil, missing(at+".function", "name")
		}
		input := bedrock.Document(call.Function.Arguments)
		if strings.TrimSpace(call.Function.Arguments) == "" {
			input = bedrock.Document("{}")
		}
		if !input.IsValid() {
			return nil, bad(at+".function.arguments", "the string is not valid JSON")
		}
		out = append(out, bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: call.ID, Name: call.Function.Name, Input: input}})
	}
	if len(out) == 0 {
		return nil, missing(at, "content")
	}
	return out, nil
}

func reasoningBlock(text string) bedrock.ContentBlock {
	return bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{ReasoningText: &bedrock.ReasoningTextBlock{Text: text}}}
}

type chatPart struct {
	Type     string  `json:"type"`
	Text     *string `json:"text"`
	Refusal  *string `json:"refusal"`
	ImageURL *struct {
		URL    string           `json:"url"`
		Detail bedrock.Document `json:"detail"` // how closely to look; a hint
	} `json:"image_url"`

	Unknown bedrock.Document `json:",embed"`
}

// chatParts reads content that may be null, a string or parts.
func chatParts(doc bedrock.Document, at string) ([]bedrock.ContentBlock, error) {
	switch kindOf(doc) {
	case 0, 'n':
		return nil, nil
	case '"':
		text := new(string)
		if err := read(doc, text, at); err != nil {
			return nil, err
		}
		if *text == "" {
			return nil, nil
		}
		return []bedrock.ContentBlock{{Text: text}}, nil
	}
	var parts []chatPart
	if err := read(doc, &parts, at); err != nil {
		return nil, err
	}
	var out []bedrock.ContentBlock
	for i := range parts {
		block, err := parts[i].block(at + "." + strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		out = append(out, block)
	}
	return out, nil
}

func (p *chatPart) block(at string) (bedrock.ContentBlock, error) {
	var out bedrock.ContentBlock
	if err := only(p.Unknown, at); err != nil {
		return out, err
	}
	switch {
	case p.Type == "text" && p.Text != nil:
		out.Text = p.Text
	case p.Type == "refusal" && p.Refusal != nil:
		out.Text = p.Refusal
	case p.Type == "image_url" && p.ImageURL != nil:
		image, err := dataImage(p.ImageURL.URL, at+".image_url.url")
		out.Image = image
		return out, err
	default:
		return out, bad(at+".type", "expected a text or image_url part")
	}
	return out, nil
}

// dataImage reads an image from a data URL. Addresses of images elsewhere are
// refused, since nothing here fetches them.
func dataImage(url, at string) (*bedrock.ImageBlock, error) {
	rest, ok := strings.CutPrefix(url, "data:image/")
	format, encoded, found := strings.Cut(rest, ";base64,")
	if !ok || !found {
		return nil, bad(at, "images are taken as data URLs only: data:image/png;base64,…")
	}
	if format == "jpg" {
		format = "jpeg"
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, bad(at, "the data URL is not valid base64")
	}
	return &bedrock.ImageBlock{Format: bedrock.ImageFormat(format), Source: bedrock.ImageSource{Bytes: data}}, nil
}
