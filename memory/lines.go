package memory

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// line is one text of a turn and who said it.
type line struct {
	turn int
	who  string // "User", "Assistant", "Tool"
	text string
}

// maxData bounds, in bytes, what of a tool's input or result or of a document
// is looked at.
const maxData = 2000

// lines are a live turn's texts.
func (e *entry) lines() []line {
	var out []line
	add := func(who, text string) {
		if text = strings.TrimSpace(text); text != "" {
			out = append(out, line{e.turn.Number, who, text})
		}
	}
	for i := range e.shown {
		who := "User"
		if e.shown[i].Role == bedrock.ConversationRoleAssistant {
			who = "Assistant"
		}
		for j := range e.shown[i].Content {
			blockLines(&e.shown[i].Content[j], who, add)
		}
	}
	return out
}

func blockLines(b *bedrock.ContentBlock, who string, add func(who, text string)) {
	switch {
	case b.Text != nil:
		add(who, *b.Text)
	case b.GuardContent != nil && b.GuardContent.Text != nil:
		add(who, b.GuardContent.Text.Text)
	case b.ToolUse != nil:
		add("Tool call", b.ToolUse.Name+" "+clip(string(b.ToolUse.Input), maxData))
	case b.ToolResult != nil:
		for k := range b.ToolResult.Content {
			c := &b.ToolResult.Content[k]
			switch {
			case c.Text != nil:
				add("Tool", clip(*c.Text, maxData))
			case c.JSON != nil:
				add("Tool", clip(string(c.JSON), maxData))
			}
		}
	case b.Document != nil:
		add(who, "[document "+b.Document.Name+"] "+clip(documentText(b.Document), maxData))
	case b.CitationsContent != nil:
		for k := range b.CitationsContent.Content {
			if t := b.CitationsContent.Content[k].Text; t != nil {
				add(who, *t)
			}
		}
	}
}

func documentText(d *bedrock.DocumentBlock) string {
	if d.Source.Text != nil {
		return *d.Source.Text
	}
	var parts []string
	for i := range d.Source.Content {
		if t := d.Source.Content[i].Text; t != nil {
			parts = append(parts, *t)
		}
	}
	return strings.Join(parts, "\n")
}

// userText is what the user says in messages, for a query.
func userText(messages []bedrock.Message) string {
	var parts []string
	for i := range messages {
		for j := range messages[i].Content {
			b := &messages[i].Content[j]
			switch {
			case messages[i].Role != bedrock.ConversationRoleUser:
			case b.Text != nil:
				parts = append(parts, *b.Text)
			case b.GuardContent != nil && b.GuardContent.Text != nil:
				parts = append(parts, b.GuardContent.Text.Text)
			}
		}
	}
	return strings.Join(parts, "\n")
}

// indexed brings the index up to the turns before end, as an index. The last
// turn is left for later when it may yet be resumed.
func (s *State) indexed(end int) {
	for ; s.index.upTo < end; s.index.upTo++ {
		e := &s.turns[s.index.upTo]
		if !e.live {
			if s.index.upTo == len(s.turns)-1 {
				return
			}
			continue
		}
		s.index.add(e.lines())
	}
}

// sentences cuts a text into sentences of at most about 300 bytes.
func sentences(text string) []string {
	const longest = 300
	var out []string
	start := 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			out = append(out, s)
		}
		start = end
	}
	space := 0
	for i, r := range text {
		next := i + len(string(r))
		switch r {
		case '\n', '。', '！', '？':
			cut(next)
		case '.', '!', '?':
			if next == len(text) || text[next] == ' ' || text[next] == '\n' {
				cut(next)
			}
		case ' ':
			space = next
		}
		if next-start > longest {
			if space > start {
				cut(space)
			} else {
				cut(next)
			}
		}
	}
	cut(len(text))
	return out
}
