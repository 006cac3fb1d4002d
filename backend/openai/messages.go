package openai

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// messages writes the system prompt and the turns.
func (w *writer) messages(req *bedrock.ConverseRequest) error {
	first := len(w.buf)
	if err := w.system(req.System); err != nil {
		return err
	}
	for i := range req.Messages {
		m := &req.Messages[i]
		at := place{turn: i}
		if len(m.Unknown) > 0 {
			return outcrop.Invalid("messages."+strconv.Itoa(i), "it has a member that this back-end does not know")
		}
		var err error
		switch m.Role {
		case bedrock.ConversationRoleAssistant:
			err = w.assistant(m, at)
		case bedrock.ConversationRoleUser:
			err = w.user(m, at)
		default:
			err = w.spoken("system", m, at)
		}
		if err != nil {
			return err
		}
	}
	if len(w.buf) > first && w.buf[first] == ',' {
		w.buf = append(w.buf[:first], w.buf[first+1:]...)
	}
	return nil
}

// place is where in the request a block stands, for errors.
type place struct {
	turn, block int
	inside      string // ".toolResult.content.2"
}

func (p place) String() string {
	return "messages." + strconv.Itoa(p.turn) + ".content." + strconv.Itoa(p.block) + p.inside
}

func (w *writer) system(blocks []bedrock.SystemContentBlock) error {
	if len(blocks) == 0 {
		return nil
	}
	var texts []string
	for i := range blocks {
		switch b := &blocks[i]; {
		case b.Text != nil:
			texts = append(texts, *b.Text)
		case b.CachePoint != nil:
		default:
			return outcrop.Invalid("system."+strconv.Itoa(i), "this back-end has no guardrails")
		}
	}
	if len(texts) > 0 {
		w.raw(`,{"role":"system","content":`)
		w.str(strings.Join(texts, "\n\n"))
		w.raw(`}`)
	}
	return nil
}

// user writes a user's turn: the results of tools first, a message each, as
// servers demand them right after the calls; then what the user says.
func (w *writer) user(m *bedrock.Message, at place) error {
	var pictures []*bedrock.ImageBlock // of tool results, whose messages hold text only
	spoken := false
	for j := range m.Content {
		block := &m.Content[j]
		if block.ToolResult == nil {
			spoken = spoken || block.CachePoint == nil
			continue
		}
		at.block = j
		images, err := w.toolResult(block.ToolResult, at)
		if err != nil {
			return err
		}
		pictures = append(pictures, images...)
	}
	if !spoken && len(pictures) == 0 {
		return nil
	}
	return w.spoken("user", m, at, pictures...)
}

// spoken writes a message of texts and pictures. Texts alone are one string,
// which every server takes; with pictures they are parts.
func (w *writer) spoken(role string, m *bedrock.Message, at place, pictures ...*bedrock.ImageBlock) error {
	w.raw(`,{"role":"` + role + `","content":`)
	if text, ok := oneText(m); ok && len(pictures) == 0 {
		w.str(text)
		w.raw(`}`)
		return nil
	}
	parts := partWriter{writer: w, texts: len(pictures) == 0 && !hasMedia(m)}
	for j := range m.Content {
		at.block = j
		if err := parts.block(&m.Content[j], at); err != nil {
			return err
		}
	}
	for _, image := range pictures {
		at.block = 0
		if err := parts.image(image, at); err != nil {
			return err
		}
	}
	parts.end()
	w.raw(`}`)
	return nil
}

// oneText is the text of a message that is nothing else: nearly every one.
func oneText(m *bedrock.Message) (string, bool) {
	if len(m.Content) != 1 || m.Content[0].Text == nil {
		return "", false
	}
	return *m.Content[0].Text, true
}

func hasMedia(m *bedrock.Message) bool {
	for i := range m.Content {
		if m.Content[i].Image != nil || m.Content[i].Audio != nil {
			return true
		}
	}
	return false
}

// partWriter writes a message's content: as one string when it is texts only,
// else as a list of parts.
type partWriter struct {
	*writer
	texts  bool
	joined []string
	n      int
}

func (p *partWriter) text(s string) {
	if p.texts {
		p.joined = append(p.joined, s)
		return
	}
	p.next()
	p.raw(`{"type":"text","text":`)
	p.str(s)
	p.raw(`}`)
}

func (p *partWriter) next() {
	if p.n++; p.n == 1 {
		p.raw(`[`)
	} else {
		p.raw(`,`)
	}
}

func (p *partWriter) end() {
	switch {
	case p.texts:
		p.str(strings.Join(p.joined, "\n"))
	case p.n > 0:
		p.raw(`]`)
	default:
		p.raw(`""`)
	}
}

func (p *partWriter) block(b *bedrock.ContentBlock, at place) error {
	switch {
	case b.Text != nil:
		p.text(*b.Text)
	case b.Image != nil:
		return p.image(b.Image, at)
	case b.Audio != nil:
		return p.audio(b.Audio, at)
	case b.Document != nil:
		text, err := documentText(b.Document, at)
		if err != nil {
			return err
		}
		p.text(text)
	case b.SearchResult != nil:
		p.text(searchText(b.SearchResult))
	case b.CitationsContent != nil:
		for _, c := range b.CitationsContent.Content {
			if c.Text != nil {
				p.text(*c.Text)
			}
		}
	case b.CachePoint != nil, b.ToolResult != nil: // a hint; written before
	case b.GuardContent != nil:
		return outcrop.Invalid(at.String()+".guardContent", "this back-end has no guardrails")
	case b.Video != nil:
		return outcrop.Invalid(at.String()+".video", "this back-end takes no video")
	default:
		return outcrop.Invalid(at.String(), "this back-end has no place for a block of this kind")
	}
	return nil
}

func (p *partWriter) image(b *bedrock.ImageBlock, at place) error {
	if b.Source.Bytes == nil {
		return outcrop.Invalid(at.String()+".image.source", "this back-end reads no buckets: send the image's bytes")
	}
	p.next()
	p.raw(`{"type":"image_url","image_url":{"url":"data:image/` + string(b.Format) + `;base64,`)
	p.buf = base64.StdEncoding.AppendEncode(p.buf, b.Source.Bytes)
	p.raw(`"}}`)
	return nil
}

func (p *partWriter) audio(b *bedrock.AudioBlock, at place) error {
	switch {
	case b.Source.Bytes == nil:
		return outcrop.Invalid(at.String()+".audio.source", "this back-end reads no buckets: send the sound's bytes")
	case b.Format != bedrock.AudioFormatWav && b.Format != bedrock.AudioFormatMp3:
		return outcrop.Invalid(at.String()+".audio.format", "this back-end takes wav and mp3")
	}
	p.next()
	p.raw(`{"type":"input_audio","input_audio":{"format":"` + string(b.Format) + `","data":"`)
	p.buf = base64.StdEncoding.AppendEncode(p.buf, b.Source.Bytes)
	p.raw(`"}}`)
	return nil
}

// toolResult writes one result as a message of its own, and returns its
// pictures, for which such a message has no place.
func (w *writer) toolResult(r *bedrock.ToolResultBlock, at place) (pictures []*bedrock.ImageBlock, err error) {
	var texts []string
	for k := range r.Content {
		c := &r.Content[k]
		at.inside = ".toolResult.content." + strconv.Itoa(k)
		switch {
		case c.Text != nil:
			texts = append(texts, *c.Text)
		case c.JSON != nil:
			texts = append(texts, string(c.JSON))
		case c.Document != nil:
			text, err := documentText(c.Document, at)
			if err != nil {
				return nil, err
			}
			texts = append(texts, text)
		case c.SearchResult != nil:
			texts = append(texts, searchText(c.SearchResult))
		case c.Image != nil:
			pictures = append(pictures, c.Image)
		default:
			return nil, outcrop.Invalid(at.String(), "this back-end takes no video")
		}
	}
	text := strings.Join(texts, "\n")
	if r.Status == bedrock.ToolResultStatusError {
		text = "Error: " + text // Chat Completions has no mark for it
	}
	w.raw(`,{"role":"tool","tool_call_id":`)
	w.str(r.ToolUseID)
	w.raw(`,"content":`)
	w.str(text)
	w.raw(`}`)
	return pictures, nil
}

// assistant writes a turn of the model: its words, its calls, and its
// reasoning where the server takes that back.
func (w *writer) assistant(m *bedrock.Message, at place) error {
	var texts, reasoning []string
	calls := 0
	for j := range m.Content {
		at.block = j
		switch b := &m.Content[j]; {
		case b.Text != nil:
			texts = append(texts, *b.Text)
		case b.CitationsContent != nil:
			for _, c := range b.CitationsContent.Content {
				if c.Text != nil {
					texts = append(texts, *c.Text)
				}
			}
		case b.ToolUse != nil:
			calls++
		case b.ReasoningContent != nil:
			if r := b.ReasoningContent.ReasoningText; r != nil {
				reasoning = append(reasoning, r.Text)
			}
		case b.CachePoint != nil:
		case b.GuardContent != nil:
			return outcrop.Invalid(at.String()+".guardContent", "this back-end has no guardrails")
		default:
			return outcrop.Invalid(at.String(), "this back-end has no place for a block of this kind in a model's turn")
		}
	}
	w.raw(`,{"role":"assistant","content":`)
	w.str(strings.Join(texts, "\n"))
	if w.dialect.reasoning && len(reasoning) > 0 {
		w.raw(`,"reasoning_content":`)
		w.str(strings.Join(reasoning, "\n"))
	}
	if calls > 0 {
		w.calls(m)
	}
	w.raw(`}`)
	return nil
}

func (w *writer) calls(m *bedrock.Message) {
	sep := `,"tool_calls":[`
	for j := range m.Content {
		use := m.Content[j].ToolUse
		if use == nil {
			continue
		}
		w.raw(sep + `{"id":`)
		w.str(use.ToolUseID)
		w.raw(`,"type":"function","function":{"name":`)
		w.str(use.Name)
		w.raw(`,"arguments":`)
		w.str(string(use.Input))
		w.raw(`}}`)
		sep = `,`
	}
	w.raw(`]`)
}
