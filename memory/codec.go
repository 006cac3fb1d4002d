package memory

import (
	"cmp"
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Head is everything of a conversation but its turns, as a durable record. It
// needs to be stored when Pin, Unpin, SetSystem, SetTools, Compact or
// WithSummary was called; what turns change travels with them.
type Head struct {
	Format    int                          `json:"format"`
	Turns     int                          `json:"turns"` // how many there were
	System    []bedrock.SystemContentBlock `json:"system,omitzero"`
	Tools     *bedrock.ToolConfiguration   `json:"toolConfig,omitzero"`
	Pins      []Pin                        `json:"pins,omitzero"`
	Epoch     *Epoch                       `json:"epoch,omitzero"`
	Summaries []Summary                    `json:"summaries,omitzero"`
}

// Head is the state without its turns.
func (s *State) Head() Head {
	h := Head{Format: Format, Turns: len(s.turns), System: s.system, Tools: s.tools, Pins: slices.Clone(s.pins)}
	if s.epoch.Number > 0 {
		epoch := s.epoch
		h.Epoch = &epoch
	}
	for node, text := range s.tree.written {
		h.Summaries = append(h.Summaries, Summary{node, text})
	}
	slices.SortFunc(h.Summaries, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return h
}

// Restore puts a conversation together from its head, as it was last stored,
// and all its turns in order. The head may be older than the last turns, and
// the zero Head stands for none. A turn or a summary that does not belong is an
// error.
func Restore(h Head, turns []Turn) (*State, error) {
	if h.Format == 0 {
		h.Format = Format
	}
	switch {
	case h.Format != Format:
		return nil, &FormatError{Record: "head", Format: h.Format}
	case h.Turns < 0 || h.Turns > len(turns):
		return nil, invalid("turns", "the head was stored after turn %d, and there are %d turns", h.Turns, len(turns))
	}
	s := New()
	s.turns = make([]entry, 0, len(turns))
	for _, t := range turns {
		if s.Len() == h.Turns {
			s.system, s.tools = h.System, h.Tools
		}
		if err := s.Append(t); err != nil {
			return nil, err
		}
	}
	if s.Len() == h.Turns {
		s.system, s.tools = h.System, h.Tools
	}
	s.pins = slices.Clone(h.Pins)
	if e := h.Epoch; e != nil && e.Number > s.epoch.Number {
		if e.Start < 1 || e.Start > len(turns)+1 || e.Pruned > len(turns)+1 {
			return nil, invalid("epoch", "it begins with turn %d, outside of the conversation", e.Start)
		}
		s.epoch = *e
	}
	for _, summary := range h.Summaries {
		if err := s.WithSummary(summary.Node, summary.Text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Clone is a conversation of its own with the same turns: a fork.
func (s *State) Clone() *State {
	turns := make([]Turn, len(s.turns))
	for i := range s.turns {
		turns[i] = s.turns[i].turn
	}
	other, err := Restore(s.Head(), turns)
	if err != nil {
		panic("memory: a state cannot be restored: " + err.Error()) // it was checked turn by turn
	}
	return other
}

// Marshal writes a turn as JSON: equal bytes for equal turns.
func (t *Turn) Marshal() ([]byte, error) { return bedrock.Marshal(t) }

// UnmarshalTurn reads a turn that Marshal wrote. What is wrong with the JSON is
// a *[bedrock.DecodeError], an unknown format a *[FormatError].
func UnmarshalTurn(data []byte) (Turn, error) {
	var t Turn
	if err := bedrock.Unmarshal(data, &t); err != nil {
		return Turn{}, err
	}
	if t.Format != Format {
		return Turn{}, &FormatError{Record: "turn", Format: t.Format}
	}
	return t, nil
}

// Marshal writes a head as JSON: equal bytes for equal heads.
func (h *Head) Marshal() ([]byte, error) { return bedrock.Marshal(h) }

// UnmarshalHead reads a head that Marshal wrote, with errors as [UnmarshalTurn].
func UnmarshalHead(data []byte) (Head, error) {
	var h Head
	if err := bedrock.Unmarshal(data, &h); err != nil {
		return Head{}, err
	}
	if h.Format != Format {
		return Head{}, &FormatError{Record: "head", Format: h.Format}
	}
	return h, nil
}
