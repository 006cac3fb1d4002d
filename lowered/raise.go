package lowered

import (
	"iter"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// raise is a whole response in the caller's form.
func (f *forms) raise(response *bedrock.ConverseResponse) *bedrock.ConverseResponse {
	if response.Output.Message == nil {
		return response
	}
	other, message := *response, *response.Output.Message
	message.Content = slices.Clone(message.Content)
	other.Output.Message = &message
	for i := range message.Content {
		block := &message.Content[i]
		switch {
		case block.Text != nil && f.text != nil:
			text, ok := f.text.up(*block.Text)
			block.Text = &text
			other.StopReason = judged(other.StopReason, ok, bedrock.StopReasonMalformedModelOutput)
		case block.ToolUse != nil && f.tools[block.ToolUse.Name] != nil:
			use := *block.ToolUse
			input, ok := f.tools[use.Name].up(string(use.Input))
			use.Input = bedrock.Document(input)
			block.ToolUse = &use
			other.StopReason = judged(other.StopReason, ok, bedrock.StopReasonMalformedToolUse)
		}
	}
	return &other
}

// judged is the stop reason of a reply; one that was cut or refused keeps its
// own.
func judged(stop bedrock.StopReason, ok bool, malformed bedrock.StopReason) bedrock.StopReason {
	if !ok && (stop == bedrock.StopReasonEndTurn || stop == bedrock.StopReasonToolUse) {
		return malformed
	}
	return stop
}

// growing is a content block whose text is held back until it is whole.
type growing struct {
	form *form
	tool bool
	text strings.Builder
}

// raiseEvents is a stream in the caller's form. A block that was asked for in
// another form comes as one delta, when it has ended.
func (f *forms) raiseEvents(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		blocks := map[int]*growing{}
		var malformed bedrock.StopReason
		for event, err := range events {
			if err != nil {
				yield(event, err)
				return
			}
			out, err := event.Output()
			if err != nil {
				yield(bedrock.Event{}, err)
				return
			}
			switch {
			case out.ContentBlockStart != nil:
				if use := out.ContentBlockStart.Start.ToolUse; use != nil && f.tools[use.Name] != nil {
					blocks[out.ContentBlockStart.ContentBlockIndex] = &growing{form: f.tools[use.Name], tool: true}
				}
			case out.ContentBlockDelta != nil:
				if f.hold(blocks, out.ContentBlockDelta) {
					continue
				}
			case out.ContentBlockStop != nil:
				index := out.ContentBlockStop.ContentBlockIndex
				if g := blocks[index]; g != nil {
					delete(blocks, index)
					whole, reason := g.whole(index)
					if reason != "" {
						malformed = reason
					}
					if !yield(whole, nil) {
						return
					}
				}
			case out.MessageStop != nil && malformed != "":
				stop := *out.MessageStop
				stop.StopReason = judged(stop.StopReason, false, malformed)
				event = bedrock.NewEvent(&bedrock.ConverseStreamOutput{MessageStop: &stop})
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// hold keeps a delta back, if it belongs to a block of another form.
func (f *forms) hold(blocks map[int]*growing, delta *bedrock.ContentBlockDeltaEvent) bool {
	g := blocks[delta.ContentBlockIndex]
	if g == nil && delta.Delta.Text != nil && f.text != nil {
		g = &growing{form: f.text}
		blocks[delta.ContentBlockIndex] = g
	}
	switch {
	case g == nil:
		return false
	case g.tool && delta.Delta.ToolUse != nil:
		g.text.WriteString(delta.Delta.ToolUse.Input)
	case !g.tool && delta.Delta.Text != nil:
		g.text.WriteString(*delta.Delta.Text)
	default:
		return false
	}
	return true
}

// whole is the block's one delta, and the stop reason that it makes when it
// does not keep to the caller's schema.
func (g *growing) whole(index int) (bedrock.Event, bedrock.StopReason) {
	text, ok := g.form.up(g.text.String())
	delta, reason := bedrock.ContentBlockDelta{Text: &text}, bedrock.StopReasonMalformedModelOutput
	if g.tool {
		delta, reason = bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: text}}, bedrock.StopReasonMalformedToolUse
	}
	if ok {
		reason = ""
	}
	return bedrock.NewEvent(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{ContentBlockIndex: index, Delta: delta}}), reason
}
