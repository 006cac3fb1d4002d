package simulator

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// prompt is what the composer wants to know of a request.
type prompt struct {
	seed    random
	text    string                     // the last user message's text, documents behind it
	results []*bedrock.ToolResultBlock // the tool results it brings
	images  int
	turn    int // which user message it is, from 1
}

// Tags keep parts of different kinds apart in the digest.
const (
	tagSystem = iota + 1
	tagMessage
	tagText
	tagMedia
	tagTool
	tagToolUse
	tagToolResult
	tagOther
	tagSchema
)

// readPrompt looks through a request once: for the seed, and for what the
// last user message says.
func readPrompt(modelID string, req *bedrock.ConverseRequest) prompt {
	var p prompt
	var d digest
	d.text(modelID)
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			d.word(tagSystem)
			d.text(*t)
		}
	}
	for i := range req.Messages {
		m := &req.Messages[i]
		d.word(tagMessage)
		d.text(string(m.Role))
		if m.Role == bedrock.ConversationRoleUser {
			p.turn++
		}
		for j := range m.Content {
			d.block(&m.Content[j])
		}
	}
	d.config(req)
	p.seed = random(d)
	if n := len(req.Messages); n > 0 {
		p.read(&req.Messages[n-1])
	}
	return p
}

func (d *digest) config(req *bedrock.ConverseRequest) {
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if spec := req.ToolConfig.Tools[i].ToolSpec; spec != nil {
				d.word(tagTool)
				d.text(spec.Name)
				d.text(spec.Description)
				d.data(compact(spec.InputSchema.JSON))
			}
		}
		if choice := req.ToolConfig.ToolChoice; choice != nil {
			switch {
			case choice.Any != nil:
				d.text("any")
			case choice.Tool != nil:
				d.text(choice.Tool.Name)
			}
		}
	}
	if schema := req.OutputConfig.JSONSchema(); schema != nil {
		d.word(tagSchema)
		d.text(schema.Schema)
	}
}

func (d *digest) block(b *bedrock.ContentBlock) {
	switch {
	case b.Text != nil:
		d.word(tagText)
		d.text(*b.Text)
	case b.Image != nil:
		d.word(tagMedia)
		d.data(b.Image.Source.Bytes)
	case b.Document != nil:
		d.word(tagMedia)
		d.text(b.Document.Name)
		d.data(b.Document.Source.Bytes)
		d.text(documentText(b.Document))
	case b.Video != nil:
		d.word(tagMedia)
		d.data(b.Video.Source.Bytes)
	case b.Audio != nil:
		d.word(tagMedia)
		d.data(b.Audio.Source.Bytes)
	case b.ToolUse != nil:
		d.word(tagToolUse)
		d.text(b.ToolUse.ToolUseID)
		d.text(b.ToolUse.Name)
		d.data(b.ToolUse.Input)
	case b.ToolResult != nil:
		d.word(tagToolResult)
		d.text(b.ToolResult.ToolUseID)
		for i := range b.ToolResult.Content {
			c := &b.ToolResult.Content[i]
			switch {
			case c.JSON != nil:
				d.data(c.JSON)
			case c.Text != nil:
				d.text(*c.Text)
			default:
				if text, err := bedrock.Marshal(c); err == nil {
					d.data(text)
				}
			}
		}
	case b.CachePoint != nil:
		// Where a cache ends does not change what a model says.
	default:
		if text, err := bedrock.Marshal(b); err == nil {
			d.word(tagOther)
			d.data(text)
		}
	}
}

// read takes what the composer needs from the last message. The common
// message, one text, is not copied.
func (p *prompt) read(m *bedrock.Message) {
	if len(m.Content) == 1 && m.Content[0].Text != nil {
		p.text = *m.Content[0].Text
		return
	}
	var b strings.Builder
	add := func(s string) {
		if s != "" {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(s)
		}
	}
	for i := range m.Content {
		c := &m.Content[i]
		switch {
		case c.Text != nil:
			add(*c.Text)
		case c.GuardContent != nil && c.GuardContent.Text != nil:
			add(c.GuardContent.Text.Text)
		case c.ToolResult != nil:
			p.results = append(p.results, c.ToolResult)
		case c.Image != nil:
			p.images++
		case c.SearchResult != nil:
			add(c.SearchResult.Title)
		}
	}
	for i := range m.Content {
		if d := m.Content[i].Document; d != nil {
			add(documentText(d))
		}
	}
	p.text = b.String()
}

// maxDocumentText bounds how much of a document is looked at, in bytes.
const maxDocumentText = 64 << 10

// documentText is the text of a document: given as text, as content blocks,
// or as the bytes of a text format. Of PDF and office formats nothing is read.
func documentText(d *bedrock.DocumentBlock) string {
	switch {
	case d.Source.Text != nil:
		return *d.Source.Text
	case len(d.Source.Content) > 0:
		var b strings.Builder
		for i := range d.Source.Content {
			if t := d.Source.Content[i].Text; t != nil {
				b.WriteString(*t)
				b.WriteByte('\n')
			}
		}
		return b.String()
	}
	switch d.Format {
	case bedrock.DocumentFormatTxt, bedrock.DocumentFormatMd, bedrock.DocumentFormatCsv, bedrock.DocumentFormatHtml:
		text := d.Source.Bytes
		if len(text) > maxDocumentText {
			text = text[:maxDocumentText]
		}
		return strings.ToValidUTF8(string(text), "")
	}
	return ""
}
