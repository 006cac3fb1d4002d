package cassette

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// strikeSpread strikes out the secrets that a stream spells over several
// events, where no single one looks like it holds any. What is left of an
// event's text stays; the secret's place is marked in the last.
func strikeSpread(events []event) error {
	var text strings.Builder
	texts, lengths, ends := make([]string, len(events)), make([]int, len(events)), make([]int, len(events))
	for i := range events {
		texts[i] = events[i].text()
		lengths[i] = len(texts[i])
		text.WriteString(texts[i])
		ends[i] = text.Len()
	}
	// From the end, so that the places of those still to be struck stay.
	all := secrets.FindAllStringIndex(text.String(), -1)
	for _, found := range slices.Backward(all) {
		last := true
		for i := range slices.Backward(events) {
			begin := ends[i] - lengths[i]
			from, to := max(found[0], begin)-begin, min(found[1], ends[i])-begin
			if from >= to {
				continue
			}
			rest := texts[i][:from] + texts[i][to:]
			if last {
				rest = texts[i][:from] + "[redacted]" + texts[i][to:]
			}
			if !events[i].replace(texts[i], rest) {
				return errors.New("a secret is spread over events in a way that cannot be struck out")
			}
			texts[i], last = rest, false
		}
	}
	return nil
}

// text is the model's text in an event, or "".
func (e *event) text() string {
	if e.kind == bedrock.ChunkEvent {
		text, _ := native.Text(e.payload)
		return text
	}
	if e.kind != "contentBlockDelta" {
		return ""
	}
	var delta bedrock.ContentBlockDeltaEvent
	if bedrock.Unmarshal(e.payload, &delta) != nil {
		return ""
	}
	switch d := delta.Delta; {
	case d.Text != nil:
		return *d.Text
	case d.ToolUse != nil:
		return d.ToolUse.Input
	case d.ReasoningContent != nil && d.ReasoningContent.Text != nil:
		return *d.ReasoningContent.Text
	}
	return ""
}

// replace puts another text in the place of the event's. It fails when the
// text stands there in another spelling.
func (e *event) replace(text, by string) bool {
	was, err := bedrock.Marshal(text)
	if err != nil {
		return false
	}
	is, err := bedrock.Marshal(by)
	if err != nil || bytes.Count(e.payload, was) != 1 {
		return false
	}
	e.payload = bytes.Replace(e.payload, was, is, 1)
	return true
}
