package estimate

import (
	"fmt"
	"regexp"
	"strings"
)

// Cut is something that a request could do without.
type Cut struct {
	Where   string `json:"where"`
	Kind    string `json:"kind"`   // duplicate, repeated, whitespace, tool-result, history, output-limit
	Tokens  int    `json:"tokens"` // of input that it saves, about; 0 when it saves quota only
	Message string `json:"message"`
}

// From where on something is worth a remark, in tokens. Matters of taste.
const (
	leastCut   = 5    // whatever saves fewer is left alone
	longResult = 1000 // of a tool result
	longTalk   = 4000 // of a history
)

// cuts looks for what is there twice, what is blank, and what is old and long.
func (w *weighing) cuts(messages int) []Cut {
	cuts := []Cut{} // as JSON it is a list, even an empty one
	say := func(where, kind string, tokens int, format string, args ...any) {
		cuts = append(cuts, Cut{where, kind, tokens, fmt.Sprintf(format, args...)})
	}
	first := map[string]string{} // where a text stood first
	for _, t := range w.seen {
		n := w.model.Text(t.text)
		if before, ok := first[t.text]; ok {
			if n >= leastCut {
				say(t.where, "duplicate", n, "says what %s says, word for word", before)
			}
			continue
		}
		first[t.text] = t.where
		w.within(t, n, say)
	}
	if talk := w.talk(); messages > 2 && talk > longTalk {
		say("messages", "history", talk/2, "the %d messages take %d tokens: summarise or prune the old ones", messages, talk)
	}
	if w.MaxTokens == 0 && w.MaxOutput > 0 {
		say("inferenceConfig.maxTokens", "output-limit", 0, "no output limit: Bedrock reserves the model's %d tokens of quota until the reply ends", w.MaxOutput)
	}
	return cuts
}

// within looks at one text of n tokens.
func (w *weighing) within(t said, n int, say func(where, kind string, tokens int, format string, args ...any)) {
	if times, saved := w.repeated(t.text); saved >= leastCut {
		say(t.where, "repeated", saved, "%d sentences repeat earlier ones", times)
	}
	if saved := n - w.model.Text(squeeze(t.text)); saved >= leastCut {
		say(t.where, "whitespace", saved, "blank lines, indentation and spaces that say nothing")
	}
	if t.kind == "toolResult" && n > longResult {
		say(t.where, "tool-result", n-longResult, "a tool result of %d tokens: send the part that the question needs", n)
	}
}

// talk is what the messages' texts and tool results take.
func (w *weighing) talk() (n int) {
	for _, p := range w.Parts {
		if p.Role != "" {
			n += p.Tokens
		}
	}
	return n
}

var sentence = regexp.MustCompile(`[^.!?\n]+[.!?\n]*`)

// repeated counts the sentences of a text that it has had before, and what they
// take. Short ones, such as "Yes.", may come as often as they like.
func (w *weighing) repeated(text string) (times, saved int) {
	seen := map[string]bool{}
	for _, s := range sentence.FindAllString(text, -1) {
		key := strings.ToLower(strings.Join(strings.Fields(s), " "))
		n := w.model.Text(s)
		if n < leastCut {
			continue
		}
		if seen[key] {
			times++
			saved += n
		}
		seen[key] = true
	}
	return times, saved
}

var (
	blanks   = regexp.MustCompile(`[ \t]{2,}`)
	trailing = regexp.MustCompile(`[ \t]+\n`)
	empty    = regexp.MustCompile(`\n{3,}`)
)

// squeeze is a text with the white space that it needs.
func squeeze(text string) string {
	text = trailing.ReplaceAllString(text, "\n")
	text = blanks.ReplaceAllString(text, " ")
	return strings.TrimSpace(empty.ReplaceAllString(text, "\n\n"))
}
