package governed

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// frame is what the marks around a message, a system prompt or a tool may cost,
// in tokens. No vendor publishes it; what is learned per tenant and model
// corrects it, with the rest of the estimate.
const frame = 6

// inputTokens estimates a request's input: all that the model reads.
func inputTokens(m tokens.Model, req *bedrock.ConverseRequest) int {
	n := frame
	for i := range req.System {
		if text := req.System[i].Text; text != nil {
			n += frame + m.Text(*text)
		}
	}
	for i := range req.Messages {
		n += frame
		for j := range req.Messages[i].Content {
			n += blockTokens(m, &req.Messages[i].Content[j])
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if spec := req.ToolConfig.Tools[i].ToolSpec; spec != nil {
				n += frame + m.Text(spec.Name) + m.Text(spec.Description) + m.TextBytes(spec.InputSchema.JSON)
			}
		}
	}
	if c := req.OutputConfig; c != nil && c.TextFormat != nil && c.TextFormat.Structure.JSONSchema != nil {
		schema := c.TextFormat.Structure.JSONSchema
		n += frame + m.Text(schema.Name) + m.Text(schema.Description) + m.Text(schema.Schema)
	}
	return n
}

func blockTokens(m tokens.Model, b *bedrock.ContentBlock) int {
	switch {
	case b.Text != nil:
		return m.Text(*b.Text)
	case b.Image != nil:
		return m.ImageData(b.Image.Source.Bytes)
	case b.Document != nil:
		return m.Text(b.Document.Name) + m.Document(string(b.Document.Format), b.Document.Source.Bytes)
	case b.ToolUse != nil:
		return frame + m.Text(b.ToolUse.Name) + m.TextBytes(b.ToolUse.Input)
	case b.ToolResult != nil:
		n := frame
		for i := range b.ToolResult.Content {
			n += resultTokens(m, &b.ToolResult.Content[i])
		}
		return n
	case b.CachePoint != nil:
		return 0
	}
	// Reasoning, citations, video, audio: by the size of their JSON.
	text, err := bedrock.Marshal(b)
	if err != nil {
		return 0
	}
	return m.TextBytes(text)
}

func resultTokens(m tokens.Model, c *bedrock.ToolResultContentBlock) int {
	switch {
	case c.Text != nil:
		return m.Text(*c.Text)
	case c.JSON != nil:
		return m.TextBytes(c.JSON)
	case c.Image != nil:
		return m.ImageData(c.Image.Source.Bytes)
	case c.Document != nil:
		return m.Document(string(c.Document.Format), c.Document.Source.Bytes)
	}
	return 0
}
