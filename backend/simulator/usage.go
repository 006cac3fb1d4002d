package simulator

import (
	"bytes"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// What the frame of a conversation costs beyond its texts, in tokens: the
// marks around a message, a system prompt and a tool. Assumed; no vendor
// publishes them.
const (
	framePerRequest = 3
	framePerMessage = 4
	framePerTool    = 8
)

// minCached is the shortest prefix that a cache keeps, in tokens: that of most
// models that have one.
const minCached = 1024

// inputCount is what a request's input counts as.
type inputCount struct {
	total       int // all of it
	cached      int // up to the last cache point
	sentBefore  int // what the turn before sent: up to the last answer
	cachePoints bool
}

// inputTokens counts a request's input, in the order of the prompt cache:
// tools, system, messages; and the schema of the answer. CountTokens and the
// usage of a reply both come from here, so they agree.
func inputTokens(m tokens.Model, req *bedrock.ConverseRequest) inputCount {
	c := inputCount{total: framePerRequest}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			tool := &req.ToolConfig.Tools[i]
			if spec := tool.ToolSpec; spec != nil {
				c.total += framePerTool + m.Text(spec.Name) + m.Text(spec.Description) + m.TextBytes(compact(spec.InputSchema.JSON))
			}
			c.point(tool.CachePoint)
		}
	}
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			c.total += framePerMessage + m.Text(*t)
		}
		c.point(req.System[i].CachePoint)
	}
	for i := range req.Messages {
		if req.Messages[i].Role == bedrock.ConversationRoleAssistant {
			c.sentBefore = c.total
		}
		c.total += framePerMessage
		for j := range req.Messages[i].Content {
			block := &req.Messages[i].Content[j]
			c.total += blockTokens(m, block)
			c.point(block.CachePoint)
		}
	}
	if schema := schemaOf(req); schema != nil {
		c.total += framePerTool + m.Text(schema.Name) + m.Text(schema.Description) + m.Text(schema.Schema)
	}
	return c
}

func (c *inputCount) point(p *bedrock.CachePointBlock) {
	if p != nil {
		c.cachePoints, c.cached = true, c.total
	}
}

// usage is the usage of a reply with so many output tokens. What lies before
// the last cache point is cached. Equal requests get equal replies, so the
// simulator keeps no cache: of a conversation, it takes what the turn before
// sent for read, and the rest for written.
func (c *inputCount) usage(output int) bedrock.TokenUsage {
	u := bedrock.TokenUsage{InputTokens: c.total, OutputTokens: output, TotalTokens: c.total + output}
	if !c.cachePoints {
		return u
	}
	read, write := min(c.cached, c.sentBefore), 0
	if read < minCached {
		read = 0
	}
	if c.cached >= minCached {
		write = c.cached - read
	}
	u.InputTokens -= read + write
	u.CacheReadInputTokens, u.CacheWriteInputTokens = &read, &write
	return u
}

// blockTokens counts one block of a message.
func blockTokens(m tokens.Model, b *bedrock.ContentBlock) int {
	switch {
	case b.Text != nil:
		return m.Text(*b.Text)
	case b.Image != nil:
		return m.ImageData(b.Image.Source.Bytes)
	case b.Document != nil:
		return m.Text(b.Document.Name) + documentTokens(m, b.Document)
	case b.ToolUse != nil:
		return framePerTool + m.Text(b.ToolUse.Name) + m.TextBytes(compact(b.ToolUse.Input))
	case b.ToolResult != nil:
		n := framePerTool
		for i := range b.ToolResult.Content {
			c := &b.ToolResult.Content[i]
			switch {
			case c.Text != nil:
				n += m.Text(*c.Text)
			case c.JSON != nil:
				n += m.TextBytes(compact(c.JSON))
			case c.Image != nil:
				n += m.ImageData(c.Image.Source.Bytes)
			case c.Document != nil:
				n += documentTokens(m, c.Document)
			}
		}
		return n
	case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
		return m.Text(b.ReasoningContent.ReasoningText.Text)
	case b.GuardContent != nil && b.GuardContent.Text != nil:
		return m.Text(b.GuardContent.Text.Text)
	case b.CachePoint != nil:
		return 0
	}
	// Video, audio, citations, search results: by the size of their JSON.
	text, err := bedrock.Marshal(b)
	if err != nil {
		return 0
	}
	return m.TextBytes(text)
}

func documentTokens(m tokens.Model, d *bedrock.DocumentBlock) int {
	if d.Source.Bytes != nil {
		return m.Document(string(d.Format), d.Source.Bytes)
	}
	return m.Text(documentText(d))
}

// cutToFit is the longest beginning of a text that has at most limit tokens,
// and how many it has. It never cuts a character in two. A limit that leaves
// any room leaves it for one piece at least, as one token of a real model
// always is some text.
func cutToFit(m tokens.Model, text string, limit int) (string, int) {
	n := m.Text(text)
	if n <= limit {
		return text, n
	}
	low, high := 0, len(text) // low fits, high does not
	for high-low > 1 {
		middle := (low + high) / 2
		if m.Text(text[:runeStart(text, middle)]) <= limit {
			low = middle
		} else {
			high = middle
		}
	}
	cut := text[:runeStart(text, low)]
	if cut == "" && limit > 0 {
		return text[:tokenEnd(text, 0)], limit
	}
	return cut, m.Text(cut)
}

// runeStart moves i back to where a character begins.
func runeStart(text string, i int) int {
	for i > 0 && i < len(text) && text[i]&0xc0 == 0x80 {
		i--
	}
	return i
}

// compact is a document without white space between its tokens, so that clients
// which write JSON differently are charged alike. It does not change d.
func compact(d bedrock.Document) bedrock.Document {
	if !bytes.ContainsAny(d, " \n\t\r") {
		return d
	}
	tight := bytes.Clone(d)
	if doc := bedrock.Document(tight); doc.Compact() == nil {
		return doc
	}
	return d
}
