package memory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// The forms in which a turn's messages are sent. Each function returns what it
// was given when there is nothing to change, and otherwise a copy that shares
// the blocks.

// filtered keeps the blocks that keep says, and drops messages that are empty.
func filtered(messages []bedrock.Message, keep func(*bedrock.ContentBlock) bool) []bedrock.Message {
	changed := false
	for i := range messages {
		changed = changed || len(messages[i].Content) == 0
		for j := range messages[i].Content {
			changed = changed || !keep(&messages[i].Content[j])
		}
	}
	if !changed {
		return messages
	}
	out := make([]bedrock.Message, 0, len(messages))
	for i := range messages {
		m := messages[i]
		m.Content = make([]bedrock.ContentBlock, 0, len(m.Content))
		for j := range messages[i].Content {
			if keep(&messages[i].Content[j]) {
				m.Content = append(m.Content, messages[i].Content[j])
			}
		}
		if len(m.Content) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// withoutPoints drops cache points, which are placed anew, and blank texts,
// which models send and refuse.
func withoutPoints(messages []bedrock.Message) []bedrock.Message {
	return filtered(messages, func(b *bedrock.ContentBlock) bool {
		return b.CachePoint == nil && (b.Text == nil || strings.TrimSpace(*b.Text) != "")
	})
}

// withoutReasoning drops reasoning, whole blocks of it.
func withoutReasoning(messages []bedrock.Message) []bedrock.Message {
	return filtered(messages, func(b *bedrock.ContentBlock) bool { return b.ReasoningContent == nil })
}

// withoutPartial drops from a reply that broke off what cannot be sent again:
// tool uses, which nobody answered, and reasoning, which may lack its end.
func withoutPartial(messages []bedrock.Message) []bedrock.Message {
	last := len(messages)
	for last > 0 && messages[last-1].Role == bedrock.ConversationRoleAssistant {
		last--
	}
	partial := filtered(messages[last:], func(b *bedrock.ContentBlock) bool {
		return b.ToolUse == nil && b.ReasoningContent == nil
	})
	return append(slices.Clip(messages[:last]), partial...)
}

// prunedResults replaces tool results by a note where that saves tokens.
func prunedResults(messages []bedrock.Message, turn int, m *Model) []bedrock.Message {
	var out []bedrock.Message
	for i := range messages {
		for j := range messages[i].Content {
			b := &messages[i].Content[j]
			if b.ToolResult == nil {
				continue
			}
			note := resultNote(b.ToolResult, turn)
			if m.block(&note) >= m.block(b) {
				continue
			}
			if out == nil {
				out = slices.Clone(messages)
			}
			if &out[i].Content[0] == &messages[i].Content[0] {
				out[i].Content = slices.Clone(messages[i].Content)
			}
			out[i].Content[j] = note
		}
	}
	if out == nil {
		return messages
	}
	return out
}

func resultNote(r *bedrock.ToolResultBlock, turn int) bedrock.ContentBlock {
	text := fmt.Sprintf("[tool result of turn %d left out]", turn)
	return bedrock.ContentBlock{ToolResult: &bedrock.ToolResultBlock{
		ToolUseID: r.ToolUseID,
		Content:   []bedrock.ToolResultContentBlock{{Text: &text}},
		Status:    r.Status,
	}}
}

// documents counts the documents of messages.
func documents(messages []bedrock.Message) int {
	n := 0
	for i := range messages {
		for j := range messages[i].Content {
			if messages[i].Content[j].Document != nil {
				n++
			}
		}
	}
	return n
}

// documentNote stands in the place of a document that costs so many tokens, and
// costs no more.
func documentNote(turn, tokens int, m *Model) bedrock.ContentBlock {
	text := fmt.Sprintf("[document of turn %d left out]", turn)
	note := bedrock.ContentBlock{Text: &text}
	if m.block(&note) > tokens {
		text = "…"
	}
	return note
}

// uniqueDocuments renames documents whose name an earlier turn has used: in
// one request each needs a name of its own. The names go into add, which may be
// taken itself. The new name depends on the turn only, so it stays the same
// whatever else is sent.
func uniqueDocuments(messages []bedrock.Message, taken, add map[string]int, turn int) []bedrock.Message {
	var out []bedrock.Message
	tried := map[string]int{}
	for i := range messages {
		for j := range messages[i].Content {
			d := messages[i].Content[j].Document
			if d == nil {
				continue
			}
			name := d.Name
			for taken[name] != 0 || add[name] != 0 {
				tried[d.Name]++
				name = renamedDocument(d.Name, turn, tried[d.Name])
			}
			add[name] = turn
			if name == d.Name {
				continue
			}
			if out == nil {
				out = slices.Clone(messages)
			}
			if &out[i].Content[0] == &messages[i].Content[0] {
				out[i].Content = slices.Clone(messages[i].Content)
			}
			renamed := *d
			renamed.Name = name
			out[i].Content[j].Document = &renamed
		}
	}
	if out == nil {
		return messages
	}
	return out
}

// renamedDocument is the nth other name of a document of a turn.
func renamedDocument(name string, turn, n int) string {
	const longest = 200 // the API's limit
	suffix := fmt.Sprintf("(turn %d)", turn)
	if n > 1 {
		suffix = fmt.Sprintf("(turn %d-%d)", turn, n)
	}
	return strings.TrimRight(clip(strings.TrimRight(name, " "), longest-len(suffix)-1), " ") + " " + suffix
}
