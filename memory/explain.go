package memory

import "fmt"

// Part names a part of a context.
type Part string

// The parts, in the order in which they are sent.
const (
	PartTools     Part = "tools"
	PartSystem    Part = "system"
	PartPinned    Part = "pinned"
	PartSummary   Part = "summary"
	PartTail      Part = "tail"      // older turns, verbatim
	PartRetrieved Part = "retrieved" // excerpts of old turns
	PartNew       Part = "new"       // the new turn, with the exchange it belongs to
)

// Explanation says what a context holds and why. It holds no text of the
// conversation.
type Explanation struct {
	Strategy Strategy     `json:"strategy"`
	Budget   int          `json:"budget"` // tokens
	Tokens   int          `json:"tokens"` // of all parts, with the frame of the request
	Parts    map[Part]int `json:"parts"`  // tokens

	Sent    []Sent    `json:"sent"`
	LeftOut []LeftOut `json:"leftOut"`

	// CachePoints are the points placed, in order, beside the caller's own.
	CachePoints []CachePoint `json:"cachePoints"`

	Epoch     int  `json:"epoch"`
	Compacted bool `json:"compacted"` // a compaction took place for this context
}

// Sent is one block that is sent.
type Sent struct {
	Message int    `json:"message"` // index in Context.Messages; -1 for tools and system
	Block   int    `json:"block"`   // index in the message's content, or in tools or system
	Part    Part   `json:"part"`
	Turn    int    `json:"turn,omitzero"` // which it comes from; 0 when from none or several
	Tokens  int    `json:"tokens"`
	Why     string `json:"why"`
}

// LeftOut is turns, or parts of turns, that are not sent as they are.
type LeftOut struct {
	From int    `json:"from"` // turn
	To   int    `json:"to"`   // turn, included
	What string `json:"what"` // "turns", "tool results", "documents"
	Why  string `json:"why"`
}

// CachePoint is a cache point that was placed.
type CachePoint struct {
	Message int  `json:"message"` // -1 behind the system prompt
	After   Part `json:"after"`
	Tokens  int  `json:"tokens"` // of the prefix that it ends
}

// String is one line for people.
func (l LeftOut) String() string {
	if l.From == l.To {
		return fmt.Sprintf("%s of turn %d: %s", l.What, l.From, l.Why)
	}
	return fmt.Sprintf("%s of turns %d to %d: %s", l.What, l.From, l.To, l.Why)
}
