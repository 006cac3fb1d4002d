package bedrock

import (
	"errors"
	"fmt"
	"strings"
)

// Collector puts the events of a Converse stream together to the response
// that Converse would have given. The zero value is ready. Add every event in
// order; Message is what has arrived so far, Response the whole.
//
// A Collector is not safe for concurrent use. It keeps no event.
type Collector struct {
	role     ConversationRole
	blocks   []*collected
	stop     *MessageStopEvent
	metadata *ConverseStreamMetadataEvent
}

// collected is a content block that is still growing.
type collected struct {
	text, reasoning, signature, input strings.Builder
	kind                              blockKind
	tool                              *ToolUseBlockStart
	redacted                          []byte
	citations                         []Citation
}

type blockKind int

const (
	blockEmpty blockKind = iota
	blockText
	blockTool
	blockReasoning
)

// ErrIncomplete is the error of a stream that ended before its last event.
var ErrIncomplete = errors.New("the stream ended before its metadata event")

// Add takes the next event. An event of an unknown type is passed over.
func (c *Collector) Add(out *ConverseStreamOutput) error {
	switch {
	case out.MessageStart != nil:
		c.role = out.MessageStart.Role
	case out.ContentBlockStart != nil:
		block, err := c.block(out.ContentBlockStart.ContentBlockIndex)
		if err != nil {
			return err
		}
		if tool := out.ContentBlockStart.Start.ToolUse; tool != nil {
			block.kind, block.tool = blockTool, tool
		}
	case out.ContentBlockDelta != nil:
		block, err := c.block(out.ContentBlockDelta.ContentBlockIndex)
		if err != nil {
			return err
		}
		block.add(&out.ContentBlockDelta.Delta)
	case out.MessageStop != nil:
		c.stop = out.MessageStop
	case out.Metadata != nil:
		c.metadata = out.Metadata
	}
	return nil
}

// maxBlocks bounds how far ahead an index may point.
const maxBlocks = 10_000

func (c *Collector) block(index int) (*collected, error) {
	if index < 0 || index >= maxBlocks {
		return nil, fmt.Errorf("contentBlockIndex %d is out of range", index)
	}
	for len(c.blocks) <= index {
		c.blocks = append(c.blocks, new(collected))
	}
	return c.blocks[index], nil
}

func (b *collected) add(delta *ContentBlockDelta) {
	switch {
	case delta.Text != nil:
		b.kind = blockText
		b.text.WriteString(*delta.Text)
	case delta.ToolUse != nil:
		b.input.WriteString(delta.ToolUse.Input)
	case delta.ReasoningContent != nil:
		b.kind = blockReasoning
		r := delta.ReasoningContent
		if r.Text != nil {
			b.reasoning.WriteString(*r.Text)
		}
		if r.Signature != nil {
			b.signature.WriteString(*r.Signature)
		}
		b.redacted = append(b.redacted, r.RedactedContent...)
	case delta.Citation != nil:
		b.citations = append(b.citations, citation(delta.Citation))
	}
}

// citation is a delta as the citation of a finished block: the same, but that
// the source's content stands in blocks of another type.
func citation(d *CitationsDelta) Citation {
	c := Citation{Title: d.Title, Source: d.Source, Location: d.Location}
	for _, content := range d.SourceContent {
		c.SourceContent = append(c.SourceContent, CitationSourceContent{Text: &content.Text})
	}
	return c
}

// Message is the reply so far. The input of a tool use that has not ended is
// left out of it, as it is no JSON yet.
func (c *Collector) Message() Message {
	m := Message{Role: c.role, Content: []ContentBlock{}}
	if m.Role == "" {
		m.Role = ConversationRoleAssistant
	}
	for i := range c.blocks {
		if block, ok := c.blocks[i].finish(); ok {
			m.Content = append(m.Content, block)
		}
	}
	return m
}

// Usage is what the reply cost; nil before the metadata event.
func (c *Collector) Usage() *TokenUsage {
	if c.metadata == nil {
		return nil
	}
	return &c.metadata.Usage
}

func (b *collected) finish() (ContentBlock, bool) {
	switch b.kind {
	case blockText:
		text := b.text.String()
		if len(b.citations) > 0 {
			return ContentBlock{CitationsContent: &CitationsContentBlock{
				Content: []CitationGeneratedContent{{Text: &text}}, Citations: b.citations,
			}}, true
		}
		return ContentBlock{Text: &text}, true
	case blockTool:
		input := b.input.String()
		if input == "" {
			input = "{}"
		}
		if !Document(input).IsValid() {
			return ContentBlock{}, false
		}
		return ContentBlock{ToolUse: &ToolUseBlock{
			ToolUseID: b.tool.ToolUseID, Name: b.tool.Name, Type: b.tool.Type, Input: Document(input),
		}}, true
	case blockReasoning:
		if len(b.redacted) > 0 {
			return ContentBlock{ReasoningContent: &ReasoningContentBlock{RedactedContent: b.redacted}}, true
		}
		return ContentBlock{ReasoningContent: &ReasoningContentBlock{
			ReasoningText: &ReasoningTextBlock{Text: b.reasoning.String(), Signature: b.signature.String()},
		}}, true
	}
	return ContentBlock{}, false
}

// Response is the whole reply. It is an error when the stream ended early, or
// when the input of a tool is no JSON; a tool whose input the output limit cut
// off is left out instead, as the stop reason tells of it.
func (c *Collector) Response() (*ConverseResponse, error) {
	if c.stop == nil || c.metadata == nil {
		return nil, ErrIncomplete
	}
	for i := range c.blocks {
		if c.stop.StopReason == StopReasonMaxTokens {
			break
		}
		if b := c.blocks[i]; b.kind == blockTool && b.input.Len() > 0 && !Document(b.input.String()).IsValid() {
			return nil, fmt.Errorf("content block %d: the input of tool %s is not valid JSON", i, b.tool.Name)
		}
	}
	message := c.Message()
	return &ConverseResponse{
		Output:                        ConverseOutput{Message: &message},
		StopReason:                    c.stop.StopReason,
		AdditionalModelResponseFields: c.stop.AdditionalModelResponseFields,
		Usage:                         c.metadata.Usage,
		Metrics:                       ConverseMetrics{LatencyMs: c.metadata.Metrics.LatencyMs},
		Trace:                         trace(c.metadata.Trace),
		PerformanceConfig:             c.metadata.PerformanceConfig,
		ServiceTier:                   c.metadata.ServiceTier,
	}, nil
}

func trace(t *ConverseStreamTrace) *ConverseTrace {
	if t == nil {
		return nil
	}
	return &ConverseTrace{Guardrail: t.Guardrail, PromptRouter: t.PromptRouter, Unknown: t.Unknown}
}

// Text is all text of a message, without reasoning, tools and media.
func (m *Message) Text() string {
	var b strings.Builder
	for _, block := range m.Content {
		switch {
		case block.Text != nil:
			b.WriteString(*block.Text)
		case block.CitationsContent != nil:
			for _, content := range block.CitationsContent.Content {
				if content.Text != nil {
					b.WriteString(*content.Text)
				}
			}
		}
	}
	return b.String()
}

// UserText is a user's message of one text block.
func UserText(text string) Message {
	return Message{Role: ConversationRoleUser, Content: []ContentBlock{{Text: &text}}}
}
