package upstream

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Partial keeps what has arrived of a stream, for the error that it may end
// with. Nothing is decoded unless that happens, or the stream grows long. It
// belongs to one goroutine.
type Partial struct {
	Native bool // the events are chunks of a model's own format
	Limit  int  // bytes of events to keep as they are

	kept   []bedrock.Event
	size   int
	blocks bedrock.Collector
	text   strings.Builder // of a native stream
}

// Add keeps an event.
func (p *Partial) Add(event bedrock.Event) {
	if p.kept == nil {
		p.kept = make([]bedrock.Event, 0, 16)
	}
	p.kept = append(p.kept, event)
	if p.size += event.Size(); p.size > p.Limit {
		p.fold()
	}
}

// fold decodes what is kept. An event that cannot be read says nothing.
func (p *Partial) fold() {
	for _, event := range p.kept {
		if p.Native {
			if chunk, err := event.Chunk(); err == nil {
				text, _ := native.Text(chunk)
				p.text.WriteString(text)
			}
		} else if out, err := event.Output(); err == nil {
			_ = p.blocks.Add(out)
		}
	}
	clear(p.kept)
	p.kept, p.size = p.kept[:0], 0
}

// Message is the reply so far, as the JSON of a message; nil when there is
// nothing of it.
func (p *Partial) Message() bedrock.Document {
	p.fold()
	message := p.blocks.Message()
	if p.text.Len() > 0 {
		text := p.text.String()
		message.Content = []bedrock.ContentBlock{{Text: &text}}
	}
	if len(message.Content) == 0 {
		return nil
	}
	text, err := bedrock.Marshal(&message)
	if err != nil {
		return nil
	}
	return text
}
