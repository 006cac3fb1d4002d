package tokens

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// What a Converse request costs beyond its texts, in tokens: the marks around
// the request, around a message or a block of the system prompt, and around a
// tool, a call of one, its result or a schema. Assumed; no vendor publishes
// them.
const (
	FrameRequest = 3
	FrameMessage = 4
	FrameTool    = 8
)

// Input is what the input of a Converse request comes to, in tokens.
type Input struct {
	Total int // all of it

	// Of the prompt cache, which is read in the order tools, system, messages.
	CachePoints bool // there are any
	Cached      int  // up to the last cache point
	Before      int  // what the turn before had sent: up to the last answer
}

// Input counts the input of a request. Equal requests get equal counts, however
// their JSON is spaced.
func (m Model) Input(req *bedrock.ConverseRequest) Input {
	in := Input{Total: FrameRequest}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			tool := &req.ToolConfig.Tools[i]
			if tool.ToolSpec != nil {
				in.Total += FrameTool + m.Tool(tool.ToolSpec)
			}
			in.point(tool.CachePoint)
		}
	}
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			in.Total += FrameMessage + m.Text(*t)
		}
		in.point(req.System[i].CachePoint)
	}
	for i := range req.Messages {
		if req.Messages[i].Role == bedrock.ConversationRoleAssistant {
			in.Before = in.Total
		}
		in.Total += FrameMessage
		for j := range req.Messages[i].Content {
			block := &req.Messages[i].Content[j]
			in.Total += m.Block(block)
			in.point(block.CachePoint)
		}
	}
	if schema := req.OutputConfig.JSONSchema(); schema != nil {
		in.Total += FrameTool + m.Schema(schema)
	}
	return in
}

func (in *Input) point(p *bedrock.CachePointBlock) {
	if p != nil {
		in.CachePoints, in.Cached = true, in.Total
	}
}

// Tool counts a tool without its frame.
func (m Model) Tool(spec *bedrock.ToolSpecification) int {
	return m.Text(spec.Name) + m.Text(spec.Description) + m.json(spec.InputSchema.JSON)
}

// Schema counts the schema of an answer without its frame.
func (m Model) Schema(s *bedrock.JSONSchemaDefinition) int {
	return m.Text(s.Name) + m.Text(s.Description) + m.Text(s.Schema)
}

// Block counts one block of a message, or of a reply.
func (m Model) Block(b *bedrock.ContentBlock) int {
	switch {
	case b.Text != nil:
		return m.Text(*b.Text)
	case b.Image != nil:
		return m.ImageData(b.Image.Source.Bytes)
	case b.Document != nil:
		return m.Text(b.Document.Name) + m.document(b.Document)
	case b.ToolUse != nil:
		return FrameTool + m.Text(b.ToolUse.Name) + m.json(b.ToolUse.Input)
	case b.ToolResult != nil:
		n := FrameTool
		for i := range b.ToolResult.Content {
			n += m.result(&b.ToolResult.Content[i])
		}
		return n
	case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
		return m.Text(b.ReasoningContent.ReasoningText.Text)
	case b.GuardContent != nil && b.GuardContent.Text != nil:
		return m.Text(b.GuardContent.Text.Text)
	case b.CachePoint != nil:
		return 0
	}
	return m.size(b) // video, audio, citations, search results
}

func (m Model) result(c *bedrock.ToolResultContentBlock) int {
	switch {
	case c.Text != nil:
		return m.Text(*c.Text)
	case c.JSON != nil:
		return m.json(c.JSON)
	case c.Image != nil:
		return m.ImageData(c.Image.Source.Bytes)
	case c.Document != nil:
		return m.document(c.Document)
	}
	return m.size(c)
}

func (m Model) document(d *bedrock.DocumentBlock) int {
	switch {
	case d.Source.Bytes != nil:
		return m.Document(string(d.Format), d.Source.Bytes)
	case d.Source.Text != nil:
		return m.Text(*d.Source.Text)
	}
	n := 0
	for i := range d.Source.Content {
		if t := d.Source.Content[i].Text; t != nil {
			n += m.Text(*t)
		}
	}
	return n
}

// size counts what has no rule of its own by the size of its JSON.
func (m Model) size(v any) int {
	text, err := bedrock.Marshal(v)
	if err != nil {
		return 0
	}
	return m.TextBytes(text)
}

// json counts a document without the white space between its tokens, so that
// clients which write JSON differently are charged alike.
func (m Model) json(d bedrock.Document) int {
	if bytes.ContainsAny(d, " \n\t\r") {
		if tight := bedrock.Document(bytes.Clone(d)); tight.Compact() == nil {
			d = tight
		}
	}
	return m.TextBytes(d)
}
