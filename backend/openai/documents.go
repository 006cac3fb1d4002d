package openai

import (
	"strings"
	"unicode/utf8"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// documentText is a document as a part of the prompt, since Chat Completions
// has no documents. Formats that are no text are refused.
func documentText(d *bedrock.DocumentBlock, at place) (string, error) {
	var text string
	switch {
	case d.Source.Text != nil:
		text = *d.Source.Text
	case d.Source.Content != nil:
		var parts []string
		for _, c := range d.Source.Content {
			if c.Text != nil {
				parts = append(parts, *c.Text)
			}
		}
		text = strings.Join(parts, "\n")
	case d.Source.Bytes == nil:
		return "", outcrop.Invalid(at.String()+".document.source", "this back-end reads no buckets: send the document's bytes or text")
	default:
		switch d.Format {
		case bedrock.DocumentFormatTxt, bedrock.DocumentFormatMd, bedrock.DocumentFormatCsv, bedrock.DocumentFormatHtml:
		default:
			return "", outcrop.Invalid(at.String()+".document.format", "this back-end takes txt, md, csv and html: send the document's text")
		}
		if !utf8.Valid(d.Source.Bytes) {
			return "", outcrop.Invalid(at.String()+".document.source.bytes", "the document is not UTF-8 text")
		}
		text = string(d.Source.Bytes)
	}
	head := "Document " + d.Name + ":\n"
	if d.Context != "" {
		head = "Document " + d.Name + " (" + d.Context + "):\n"
	}
	return head + text, nil
}

// searchText is a search result as a part of the prompt.
func searchText(r *bedrock.SearchResultBlock) string {
	var b strings.Builder
	b.WriteString("Search result " + r.Title + " (" + r.Source + "):")
	for _, c := range r.Content {
		b.WriteString("\n" + c.Text)
	}
	return b.String()
}
