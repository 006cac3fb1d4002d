package openai

import (
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Servers send the calls of tools in pieces, told apart by their index, and
// may send pieces of several calls in turn. Converse's readers expect one
// block at a time. So the first call is passed on as it comes, and the others
// wait until its input is complete.

// toolState is one call.
type toolState struct {
	index int
	given string // the id that the server gave
	name  string
	input strings.Builder // all of it so far
	sent  int             // how much of the input was passed on
	scan  objectScan
	state toolProgress
	id    string // the id that was passed on
}

type toolProgress int

const (
	toolWaits toolProgress = iota
	toolOpen
	toolDone
)

// valid tells whether a call's input is JSON. None at all stands for {}.
func (t *toolState) valid() bool {
	input := t.input.String()
	return strings.TrimSpace(input) == "" || bedrock.Document(input).IsValid()
}

// toolCall takes a piece of a call.
func (s *streamer) toolCall(piece *toolCall) error {
	t := s.tool(piece)
	if t.name == "" {
		t.name = piece.Function.Name
	}
	if t.given == "" {
		t.given = piece.ID
	}
	if text := piece.Function.Arguments; text != "" {
		if t.state == toolDone && strings.TrimSpace(text) != "" {
			return outcrop.Errorf(bedrock.CodeModelStreamError, "the server sent more input for a tool call that was complete")
		}
		t.input.WriteString(text)
		t.scan.add(text)
	}
	return s.advance()
}

// tool finds the call of a piece. Some servers send whole calls that all have
// the index 0, or none: a new id under a known index is a new call, and so is
// a name with more input after a call that is complete.
func (s *streamer) tool(piece *toolCall) *toolState {
	last := len(s.tools) - 1
	for i := last; i >= 0; i-- {
		t := s.tools[i]
		same := i == last
		if piece.Index != nil {
			same = t.index == *piece.Index
		}
		whole := t.scan.complete() && piece.Function.Name != "" && piece.Function.Arguments != ""
		if same && !whole && (piece.ID == "" || t.given == "" || t.given == piece.ID) {
			return t
		}
	}
	t := &toolState{index: len(s.tools)}
	if piece.Index != nil {
		t.index = *piece.Index
	}
	s.tools = append(s.tools, t)
	return t
}

// advance passes on what can be: the rest of the open call, and the next call
// when the open one is complete.
func (s *streamer) advance() error {
	for _, t := range s.tools {
		if t.state == toolDone {
			continue
		}
		if t.state == toolWaits {
			if t.name == "" {
				return nil
			}
			if err := s.beginTool(t); err != nil {
				return err
			}
		}
		if err := s.passOn(t); err != nil {
			return err
		}
		if !t.scan.complete() || t == s.tools[len(s.tools)-1] {
			return nil
		}
		if err := s.endTool(t); err != nil {
			return err
		}
	}
	return nil
}

// flushTools passes on all calls, as no more will come.
func (s *streamer) flushTools() error {
	for _, t := range s.tools {
		if t.state == toolDone {
			continue
		}
		if t.name == "" {
			return outcrop.Errorf(bedrock.CodeModelStreamError, "the model called a tool without a name")
		}
		if t.state == toolWaits {
			if err := s.beginTool(t); err != nil {
				return err
			}
		}
		if err := s.passOn(t); err != nil {
			return err
		}
		if err := s.endTool(t); err != nil {
			return err
		}
	}
	return nil
}

func (s *streamer) beginTool(t *toolState) error {
	t.state = toolOpen
	if err := s.end(); err != nil {
		return err
	}
	s.open, s.kind = s.blocks, toolBlock
	s.blocks++
	t.id = s.backend.toolID(t.given, func(id string) bool {
		for _, other := range s.tools {
			if other.id == id {
				return true
			}
		}
		return false
	})
	return s.send(&bedrock.ConverseStreamOutput{ContentBlockStart: &bedrock.ContentBlockStartEvent{
		ContentBlockIndex: s.open,
		Start:             bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: t.id, Name: t.name}},
	}})
}

func (s *streamer) passOn(t *toolState) error {
	input := t.input.String()
	if len(input) == t.sent {
		return nil
	}
	piece := input[t.sent:]
	t.sent = len(input)
	return s.delta(bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: piece}})
}

func (s *streamer) endTool(t *toolState) error {
	t.state = toolDone
	if strings.TrimSpace(t.input.String()) == "" {
		if err := s.delta(bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: "{}"}}); err != nil {
			return err
		}
	}
	return s.end()
}

// objectScan follows a JSON object as it comes, and tells when it has ended.
type objectScan struct {
	depth           int
	quoted, escaped bool
	begun           bool
}

func (o *objectScan) add(text string) {
	for i := range len(text) {
		switch c := text[i]; {
		case o.escaped:
			o.escaped = false
		case o.quoted && c == '\\':
			o.escaped = true
		case c == '"':
			o.quoted = !o.quoted
		case o.quoted:
		case c == '{' || c == '[':
			o.depth++
			o.begun = true
		case c == '}' || c == ']':
			o.depth--
		}
	}
}

func (o *objectScan) complete() bool { return o.begun && o.depth <= 0 && !o.quoted }
