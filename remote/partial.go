package remote

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// maxKept is how many events are kept as they are. Beyond that they are
// decoded on the way, and only what they hold is kept.
const maxKept = 256

// partial keeps what has arrived of a stream, for the error that it may end
// with. Nothing is decoded unless that happens, or the stream grows long.
// Construct's stream takes nothing back, so its reader has all there is.
type partial struct {
	kind   *streamKind
	kept   []bedrock.Event
	blocks bedrock.Collector
	text   strings.Builder // of a native stream
}

// add keeps an event.
func (p *partial) add(event bedrock.Event) {
	if p.kind == constructKind {
		return
	}
	if p.kept = append(p.kept, event); len(p.kept) == maxKept {
		p.fold()
	}
}

// fold decodes what is kept. An event that cannot be read says nothing.
func (p *partial) fold() {
	for _, event := range p.kept {
		if p.kind == nativeKind {
			if chunk, err := event.Chunk(); err == nil {
				text, _ := native.Text(chunk)
				p.text.WriteString(text)
			}
		} else if out, err := event.Output(); err == nil {
			_ = p.blocks.Add(out)
		}
	}
	clear(p.kept)
	p.kept = p.kept[:0]
}

// message is the reply so far, as the JSON of a message; nil when there is
// nothing of it.
func (p *partial) message() bedrock.Document {
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
