package openai

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// estimated marks a usage that the server did not tell. Clients of Amazon
// Bedrock pass the member over.
var estimated = bedrock.Document(`{"estimated":true}`)

// estimatedUsage is the usage of a reply whose server tells none.
func estimatedUsage(a *ask, m *bedrock.Message) bedrock.TokenUsage {
	counter := tokens.Default().For(a.model)
	u := bedrock.TokenUsage{InputTokens: estimateInput(counter, a.request), OutputTokens: estimateBlocks(counter, m.Content), Unknown: estimated}
	u.TotalTokens = u.InputTokens + u.OutputTokens
	return u
}

// What the marks around a message and a tool cost, in tokens. Assumed.
const (
	tokensPerMessage = 4
	tokensPerTool    = 8
)

// estimateInput counts the input of a request, which a server that counts
// would have read.
func estimateInput(counter tokens.Model, req *bedrock.ConverseRequest) int {
	n := 0
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			n += tokensPerMessage + counter.Text(*t)
		}
	}
	for i := range req.Messages {
		n += tokensPerMessage + estimateBlocks(counter, req.Messages[i].Content)
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if t := req.ToolConfig.Tools[i].ToolSpec; t != nil {
				n += tokensPerTool + counter.Text(t.Name) + counter.Text(t.Description) + counter.TextBytes(t.InputSchema.JSON)
			}
		}
	}
	return n
}

func estimateBlocks(counter tokens.Model, blocks []bedrock.ContentBlock) int {
	n := 0
	for i := range blocks {
		switch b := &blocks[i]; {
		case b.Text != nil:
			n += counter.Text(*b.Text)
		case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
			n += counter.Text(b.ReasoningContent.ReasoningText.Text)
		case b.ToolUse != nil:
			n += tokensPerTool + counter.Text(b.ToolUse.Name) + counter.TextBytes(b.ToolUse.Input)
		case b.Image != nil:
			n += counter.ImageData(b.Image.Source.Bytes)
		case b.Document != nil:
			if text, err := documentText(b.Document, place{}); err == nil {
				n += counter.Text(text)
			}
		case b.SearchResult != nil:
			n += counter.Text(searchText(b.SearchResult))
		case b.ToolResult != nil:
			for _, c := range b.ToolResult.Content {
				switch {
				case c.Text != nil:
					n += counter.Text(*c.Text)
				case c.JSON != nil:
					n += counter.TextBytes(c.JSON)
				case c.Image != nil:
					n += counter.ImageData(c.Image.Source.Bytes)
				}
			}
		}
	}
	return n
}
