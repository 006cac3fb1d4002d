package native

import (
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// anthropicBlock is a content block of any type; which members count depends
// on the type.
type anthropicBlock struct {
	Type         string           `json:"type"`
	Text         *string          `json:"text,omitzero"`
	Source       bedrock.Document `json:"source,omitzero"`
	Title        string           `json:"title,omitzero"`
	Context      string           `json:"context,omitzero"`
	Citations    bedrock.Document `json:"citations,omitzero"`
	ID           string           `json:"id,omitzero"`
	Name         string           `json:"name,omitzero"`
	Input        bedrock.Document `json:"input,omitzero"`
	ToolUseID    string           `json:"tool_use_id,omitzero"`
	Content      bedrock.Document `json:"content,omitzero"`
	IsError      bool             `json:"is_error,omitzero"`
	Thinking     *string          `json:"thinking,omitzero"`
	Signature    *string          `json:"signature,omitzero"`
	Data         *string          `json:"data,omitzero"`
	CacheControl *anthropicCache  `json:"cache_control,omitzero"`

	Unknown bedrock.Document `json:",embed"`
}

// anthropicBlocks reads content, which may be a plain string.
func anthropicBlocks(doc bedrock.Document, at string) ([]anthropicBlock, error) {
	switch kindOf(doc) {
	case 0:
		parent, name := parentOf(at)
		return nil, missing(parent, name)
	case '"':
		var text string
		if err := read(doc, &text, at); err != nil {
			return nil, err
		}
		return []anthropicBlock{{Type: "text", Text: &text}}, nil
	}
	var blocks []anthropicBlock
	if err := read(doc, &blocks, at); err != nil {
		return nil, err
	}
	for i, b := range blocks {
		if err := only(b.Unknown, at+"."+strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// parentOf cuts the last name off a field.
func parentOf(field string) (parent, name string) {
	if i := strings.LastIndexByte(field, '.'); i >= 0 {
		return field[:i], field[i+1:]
	}
	return "", field
}

func (b *anthropicBlock) converse(at string) (bedrock.ContentBlock, error) {
	var out bedrock.ContentBlock
	var err error
	switch b.Type {
	case "text":
		if b.Text == nil {
			return out, missing(at, "text")
		}
		out.Text = b.Text // citations of an earlier reply are not sent back
	case "image":
		out.Image, err = b.image(at)
	case "document":
		out.Document, err = b.document(at)
	case "search_result":
		out.SearchResult, err = b.searchResult(at)
	case "tool_use":
		switch {
		case b.ID == "":
			return out, missing(at, "id")
		case b.Name == "":
			return out, missing(at, "name")
		case isNull(b.Input):
			return out, missing(at, "input")
		}
		out.ToolUse = &bedrock.ToolUseBlock{ToolUseID: b.ID, Name: b.Name, Input: b.Input}
	case "tool_result":
		out.ToolResult, err = b.toolResult(at)
	case "thinking":
		if b.Thinking == nil {
			return out, missing(at, "thinking")
		}
		text := &bedrock.ReasoningTextBlock{Text: *b.Thinking}
		if b.Signature != nil {
			text.Signature = *b.Signature
		}
		out.ReasoningContent = &bedrock.ReasoningContentBlock{ReasoningText: text}
	case "redacted_thinking":
		if b.Data == nil {
			return out, missing(at, "data")
		}
		out.ReasoningContent = &bedrock.ReasoningContentBlock{RedactedContent: redacted(*b.Data)}
	case "":
		return out, missing(at, "type")
	default:
		return out, bad(at+".type", strconv.Quote(b.Type)+" blocks have no place in Converse")
	}
	return out, err
}

type anthropicSource struct {
	Type      string           `json:"type"`
	MediaType string           `json:"media_type"`
	Data      bedrock.Document `json:"data"` // base64, or plain text
	Content   bedrock.Document `json:"content"`

	Unknown bedrock.Document `json:",embed"`
}

func (b *anthropicBlock) source(at string) (*anthropicSource, error) {
	if isNull(b.Source) {
		return nil, missing(at, "source")
	}
	source := new(anthropicSource)
	return source, read(b.Source, source, at+".source")
}

func (b *anthropicBlock) image(at string) (*bedrock.ImageBlock, error) {
	source, err := b.source(at)
	if err != nil {
		return nil, err
	}
	if source.Type != "base64" {
		return nil, bad(at+".source.type", strconv.Quote(source.Type)+" images have no place in Converse; send base64 data")
	}
	format, ok := strings.CutPrefix(source.MediaType, "image/")
	if !ok {
		return nil, bad(at+".source.media_type", "expected an image type")
	}
	var data []byte
	if err := read(source.Data, &data, at+".source.data"); err != nil {
		return nil, err
	}
	return &bedrock.ImageBlock{Format: bedrock.ImageFormat(format), Source: bedrock.ImageSource{Bytes: data}}, nil
}

// document reads a document block. Converse wants a name, and takes few
// characters in it.
func (b *anthropicBlock) document(at string) (*bedrock.DocumentBlock, error) {
	source, err := b.source(at)
	if err != nil {
		return nil, err
	}
	out := &bedrock.DocumentBlock{Name: documentName(b.Title), Context: b.Context}
	if !isNull(b.Citations) {
		out.Citations = new(bedrock.CitationsConfig)
		if err := read(b.Citations, out.Citations, at+".citations"); err != nil {
			return nil, err
		}
	}
	switch source.Type {
	case "base64":
		if source.MediaType != "application/pdf" {
			return nil, bad(at+".source.media_type", "expected application/pdf")
		}
		out.Format = bedrock.DocumentFormatPdf
		err = read(source.Data, &out.Source.Bytes, at+".source.data")
	case "text":
		out.Format = bedrock.DocumentFormatTxt
		out.Source.Text = new(string)
		err = read(source.Data, out.Source.Text, at+".source.data")
	case "content":
		var blocks []anthropicBlock
		if blocks, err = anthropicBlocks(source.Content, at+".source.content"); err != nil {
			return nil, err
		}
		for i, block := range blocks {
			if block.Text == nil {
				return nil, bad(at+".source.content."+strconv.Itoa(i), "a document's content is made of text blocks")
			}
			out.Source.Content = append(out.Source.Content, bedrock.DocumentContentBlock{Text: block.Text})
		}
	default:
		err = bad(at+".source.type", strconv.Quote(source.Type)+" documents have no place in Converse; send base64 data or text")
	}
	return out, err
}

// nameDocuments numbers the documents whose names others have: titles may be
// alike, or missing, and names in Converse may not.
func nameDocuments(messages []bedrock.Message) {
	taken := map[string]bool{}
	for i := range messages {
		for j := range messages[i].Content {
			d := messages[i].Content[j].Document
			if d == nil {
				continue
			}
			title := d.Name
			for n := 2; taken[d.Name]; n++ {
				number := " " + strconv.Itoa(n)
				d.Name = strings.TrimSpace(title[:min(len(title), maxDocumentName-len(number))]) + number
			}
			taken[d.Name] = true
		}
	}
}

// maxDocumentName is how many characters the name of a document may have.
const maxDocumentName = 200

// documentName makes a title a name that Converse takes: letters, digits,
// single spaces, hyphens, parentheses and square brackets, 200 at most.
func documentName(title string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-()[]", r):
			return r
		}
		return ' '
	}, title)
	name = strings.Join(strings.Fields(name), " ")
	if len(name) > maxDocumentName {
		name = strings.TrimSpace(name[:maxDocumentName])
	}
	if name == "" {
		return "document"
	}
	return name
}

func (b *anthropicBlock) searchResult(at string) (*bedrock.SearchResultBlock, error) {
	out := &bedrock.SearchResultBlock{Title: b.Title}
	if err := read(b.Source, &out.Source, at+".source"); err != nil {
		return nil, err
	}
	if !isNull(b.Citations) {
		out.Citations = new(bedrock.CitationsConfig)
		if err := read(b.Citations, out.Citations, at+".citations"); err != nil {
			return nil, err
		}
	}
	blocks, err := anthropicBlocks(b.Content, at+".content")
	if err != nil {
		return nil, err
	}
	for i, block := range blocks {
		if block.Text == nil {
			return nil, bad(at+".content."+strconv.Itoa(i), "a search result's content is made of text blocks")
		}
		out.Content = append(out.Content, bedrock.SearchResultContentBlock{Text: *block.Text})
	}
	return out, nil
}

func (b *anthropicBlock) toolResult(at string) (*bedrock.ToolResultBlock, error) {
	if b.ToolUseID == "" {
		return nil, missing(at, "tool_use_id")
	}
	out := &bedrock.ToolResultBlock{ToolUseID: b.ToolUseID, Content: []bedrock.ToolResultContentBlock{}}
	if b.IsError {
		out.Status = bedrock.ToolResultStatusError
	}
	if isNull(b.Content) {
		return out, nil
	}
	blocks, err := anthropicBlocks(b.Content, at+".content")
	if err != nil {
		return nil, err
	}
	for i, block := range blocks {
		at := at + ".content." + strconv.Itoa(i)
		content, err := block.converse(at)
		if err != nil {
			return nil, err
		}
		result := bedrock.ToolResultContentBlock{
			Text: content.Text, Image: content.Image, Document: content.Document, SearchResult: content.SearchResult,
		}
		if result.Text == nil && result.Image == nil && result.Document == nil && result.SearchResult == nil {
			return nil, bad(at+".type", strconv.Quote(block.Type)+" blocks have no place in a tool result")
		}
		out.Content = append(out.Content, result)
	}
	return out, nil
}
