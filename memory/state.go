package memory

import (
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// State is a conversation: all its turns, the facts pinned in it, its system
// prompt and tools, the summaries made so far, and the epoch it is in. The
// zero value is not ready; see [New] and [Restore].
//
// A State is for one goroutine at a time. It keeps what it is given, which
// must not be changed afterwards.
type State struct {
	system []bedrock.SystemContentBlock
	tools  *bedrock.ToolConfiguration
	pins   []Pin
	epoch  Epoch
	turns  []entry

	pending []string       // tool uses of the last live turn that wait for results
	names   map[string]int // document names that contexts hold, by turn

	costID string // the model that the entries' costs are for
	index  index  // of live turns, as far as it was needed
	tree   tree
}

// entry is a turn with what follows from it.
type entry struct {
	turn Turn

	live  bool              // not interrupted, or resumed
	joins bool              // goes on with the exchange of the live turn before it
	kept  []bedrock.Message // the turn's messages as an open exchange sends them
	shown []bedrock.Message // ... and as a closed one does
	cost  cost
}

// cost is what a closed turn costs in tokens for State.costID.
type cost struct {
	known        bool
	full, pruned int
	blocks       []int // of entry.shown, message by message
}

// New is a conversation without turns.
func New() *State {
	return &State{names: map[string]int{}, index: newIndex(), tree: newTree()}
}

// Len is the number of turns, interrupted ones included. The next turn has
// the number Len() + 1.
func (s *State) Len() int { return len(s.turns) }

// Turn is the turn of a number from 1 to Len.
func (s *State) Turn(number int) Turn { return s.turns[number-1].turn }

// Epoch is the epoch that the conversation is in.
func (s *State) Epoch() Epoch { return s.epoch }

// System is the conversation's system prompt.
func (s *State) System() []bedrock.SystemContentBlock { return s.system }

// SetSystem replaces the system prompt. A turn that brings its own does so too.
func (s *State) SetSystem(system []bedrock.SystemContentBlock) { s.system = system }

// Tools is the conversation's tool configuration, or nil.
func (s *State) Tools() *bedrock.ToolConfiguration { return s.tools }

// SetTools replaces the tool configuration.
func (s *State) SetTools(tools *bedrock.ToolConfiguration) { s.tools = tools }

// Pins lists the pinned facts in the order in which they were pinned.
func (s *State) Pins() []Pin { return slices.Clone(s.pins) }

// Pin has a fact sent with every request, in place of one of the same id. A fact
// pinned in mid-conversation stands behind the tail until the next compaction,
// where it spoils no cache.
func (s *State) Pin(id, text string) error {
	if id == "" || text == "" {
		return invalid("pinned", "a pinned fact has an id and a text")
	}
	s.Unpin(id)
	s.pins = append(s.pins, Pin{ID: id, Text: text, Turn: len(s.turns)})
	return nil
}

// Unpin forgets a pinned fact, and tells whether there was one.
func (s *State) Unpin(id string) bool {
	before := len(s.pins)
	s.pins = slices.DeleteFunc(slices.Clone(s.pins), func(p Pin) bool { return p.ID == id })
	return len(s.pins) < before
}

// Open lists the ids of the tool uses that wait for results: the next turn must
// begin with them, unless it is empty.
func (s *State) Open() []string { return slices.Clone(s.pending) }

// Interrupted tells whether the last turn was interrupted, so that the next
// may resume it.
func (s *State) Interrupted() bool {
	return len(s.turns) > 0 && s.turns[len(s.turns)-1].turn.Interrupted
}

// Append adds the next turn. Its number must be Len() + 1, or 0 to have it set.
// When it fails, nothing has changed. It costs a few microseconds; what
// retrieval and summaries need is caught up with when they are next needed.
func (s *State) Append(t Turn) error {
	if err := s.checkTurn(&t); err != nil {
		return err
	}
	if t.Resumes {
		s.revive(len(s.turns) - 1)
	}
	s.turns = append(s.turns, entry{turn: t})
	if !t.Interrupted {
		s.revive(len(s.turns) - 1)
		s.pending = openUses(t.Messages)
	}
	if t.System != nil {
		s.system = t.System
	}
	if t.Tools != nil {
		s.tools = t.Tools
	}
	if t.Epoch != nil && t.Epoch.Number > s.epoch.Number {
		s.epoch = *t.Epoch
	}
	return nil
}

func (s *State) checkTurn(t *Turn) error {
	if t.Format == 0 {
		t.Format = Format
	}
	if t.Number == 0 {
		t.Number = len(s.turns) + 1
	}
	switch {
	case t.Format != Format:
		return &FormatError{Record: "turn", Format: t.Format}
	case t.Number != len(s.turns)+1:
		return invalid("turn", "the next turn is %d, not %d", len(s.turns)+1, t.Number)
	case t.Resumes && !s.Interrupted():
		return invalid("resumes", "turn %d was not interrupted", len(s.turns))
	case t.Epoch != nil && (t.Epoch.Start < 1 || t.Epoch.Start > t.Number || t.Epoch.Pruned > t.Number):
		return invalid("epoch", "it begins with turn %d, outside of the conversation", t.Epoch.Start)
	}
	if err := s.checkMessages(t.Messages, t.Resumes, false, 0); err != nil {
		return err
	}
	if last := len(t.Messages) - 1; !t.Interrupted && t.Messages[last].Role != bedrock.ConversationRoleAssistant {
		return invalid(numbered(0)(last)+".role", "a turn ends with the assistant's reply, unless it was interrupted")
	}
	return nil
}

// checkMessages checks messages that follow the last turn.
func (s *State) checkMessages(messages []bedrock.Message, resumes, strict bool, first int) error {
	c := checker{field: numbered(first), strict: strict}
	if !resumes {
		for _, id := range s.pending {
			c.ask(id)
		}
	}
	return c.check(messages)
}

// openUses are the tool uses at the end of messages that wait for results.
func openUses(messages []bedrock.Message) []string {
	var ids []string
	for i := len(messages) - 1; i >= 0 && messages[i].Role == bedrock.ConversationRoleAssistant; i-- {
		for j := range messages[i].Content {
			if u := messages[i].Content[j].ToolUse; u != nil {
				ids = append(ids, u.ToolUseID)
			}
		}
	}
	return ids
}

// revive makes a turn part of the conversation.
func (s *State) revive(i int) {
	e := &s.turns[i]
	e.live = true
	e.joins = e.turn.Resumes || (s.liveBefore(i) && answersTools(e.turn.Messages))
	messages := e.turn.Messages
	if e.turn.Interrupted {
		messages = withoutPartial(messages)
	}
	e.kept = uniqueDocuments(withoutPoints(messages), s.names, s.names, e.turn.Number)
	e.shown = withoutReasoning(e.kept)
	e.cost = cost{}
	if e.turn.Interrupted {
		s.pending = nil
	}
}

func (s *State) liveBefore(i int) bool {
	for i--; i >= 0; i-- {
		if s.turns[i].live {
			return true
		}
	}
	return false
}

// exchangeStart is the first turn of the exchange that live turn i belongs to,
// as an index.
func (s *State) exchangeStart(i int) int {
	for i > 0 && (!s.turns[i].live || s.turns[i].joins) {
		i--
	}
	return i
}

// tokens is what a turn of a closed exchange costs; nothing unless it is live.
func (s *State) tokens(i int, m *Model, pruned bool) int {
	e := &s.turns[i]
	if !e.live {
		return 0
	}
	if !e.cost.known {
		c := cost{known: true}
		for j := range e.shown {
			c.full += FrameMessage
			for k := range e.shown[j].Content {
				n := m.block(&e.shown[j].Content[k])
				c.blocks = append(c.blocks, n)
				c.full += n
			}
		}
		c.pruned = c.full
		if usesTools(e.shown) {
			c.pruned = m.messages(prunedResults(e.shown, e.turn.Number, m))
		}
		e.cost = c
	}
	if pruned {
		return e.cost.pruned
	}
	return e.cost.full
}

// countFor forgets the counts of another model.
func (s *State) countFor(m *Model) {
	if s.costID == m.ID {
		return
	}
	s.costID = m.ID
	for i := range s.turns {
		s.turns[i].cost = cost{}
	}
}
