package memory

import (
	"bytes"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Matched is what of a client's messages is new.
type Matched struct {
	// Turns are whole exchanges that the client has and the state has not: a
	// history that was begun elsewhere. Append them before assembling.
	Turns []Turn

	// New is the new turn's messages, and First the place of New[0] in what
	// the client sent.
	New   []bedrock.Message
	First int

	// Whole tells that the client sent the history too.
	Whole bool
}

// Match finds what is new in the messages of a client, which may send only the
// new turn or the whole history with it. Messages that hold no reply are taken
// for the new turn alone. A history must be the stored one; a difference is a
// *[MismatchError], and a list without anything new too.
//
// What SDKs change is no difference: cache points added or removed, reasoning
// left out, the order of keys in tool inputs and results, white space at the
// end of texts, neighbouring texts of a message joined, blank texts. A turn that
// was interrupted is not looked for: a client that kept what had arrived of it
// brings it as a whole turn, in Matched.Turns.
//
// It costs time by the length of what the client sent.
func Match(s *State, messages []bedrock.Message) (Matched, error) {
	if len(messages) == 0 {
		return Matched{}, invalid("messages", "there is no message")
	}
	whole := slices.ContainsFunc(messages, func(m bedrock.Message) bool { return m.Role == bedrock.ConversationRoleAssistant })
	if !whole || !slices.ContainsFunc(s.turns, func(e entry) bool { return e.live }) {
		return split(messages, 0, whole)
	}
	given := items(messages)
	at := 0
	for i := range s.turns {
		e := &s.turns[i]
		if !e.live {
			continue // a client that kept it has made it a turn of its own
		}
		n, same := common(items(e.turn.Messages), given[at:])
		switch {
		case same:
			at += n
		case at+n == len(given):
			return Matched{}, &MismatchError{
				Message: len(messages) - 1, Block: -1, Turn: e.turn.Number,
				Reason: "the messages end before the stored conversation does",
			}
		default:
			place := given[at+n]
			return Matched{}, &MismatchError{
				Message: place.message, Block: place.block, Turn: e.turn.Number,
				Reason: "it differs from the stored conversation",
			}
		}
	}
	if at == len(given) {
		return Matched{}, &MismatchError{Message: len(messages) - 1, Block: -1, Reason: "nothing follows the stored conversation"}
	}
	rest := messages[given[at].message:]
	if begin := given[at].block; begin > 0 { // it was joined with a stored message
		rest = slices.Clone(rest)
		rest[0].Content = rest[0].Content[begin:]
	}
	return split(rest, given[at].message, true)
}

// split takes the whole exchanges off messages; what is left is new.
func split(messages []bedrock.Message, first int, whole bool) (Matched, error) {
	m := Matched{First: first, Whole: whole}
	start := 0
	for i := 1; i < len(messages); i++ {
		ends := messages[i-1].Role == bedrock.ConversationRoleAssistant && messages[i].Role == bedrock.ConversationRoleUser
		if ends && len(openUses(messages[start:i])) == 0 {
			m.Turns = append(m.Turns, Turn{Format: Format, Messages: messages[start:i:i]})
			start = i
		}
	}
	m.New = messages[start:]
	m.First += start
	if m.New[0].Role != bedrock.ConversationRoleUser {
		return Matched{}, &MismatchError{Message: m.First, Block: -1, Reason: "what follows the stored conversation is no user message"}
	}
	return m, nil
}

// item is a block as it is compared: neighbouring texts of a message are one.
type item struct {
	role           bedrock.ConversationRole
	text           string // of texts; key of others
	block, message int
	key            []byte // nil for texts
}

// items are the blocks that count in a comparison.
func items(messages []bedrock.Message) []item {
	var out []item
	for i := range messages {
		joins := false // the item before is a text of this message
		for j := range messages[i].Content {
			b := &messages[i].Content[j]
			switch {
			case b.CachePoint != nil || b.ReasoningContent != nil:
			case b.Text != nil:
				if joins {
					out[len(out)-1].text += *b.Text
					continue
				}
				out = append(out, item{role: messages[i].Role, text: *b.Text, message: i, block: j})
				joins = true
			default:
				out = append(out, item{role: messages[i].Role, key: blockKey(b), message: i, block: j})
				joins = false
			}
		}
	}
	for i := range out {
		out[i].text = strings.TrimRight(out[i].text, " \t\r\n")
	}
	return slices.DeleteFunc(out, func(x item) bool { return x.key == nil && x.text == "" })
}

// blockKey is the same for blocks that say the same.
func blockKey(b *bedrock.ContentBlock) []byte {
	text, err := bedrock.Marshal(b)
	if err != nil {
		return []byte{0} // equal to no JSON
	}
	doc := bedrock.Document(text)
	if b.ToolUse != nil || b.ToolResult != nil || len(b.Unknown) > 0 {
		if doc.Canonicalize() != nil {
			return text
		}
	}
	return doc
}

func (x *item) same(y *item) bool {
	return x.role == y.role && x.text == y.text && (x.key == nil) == (y.key == nil) && bytes.Equal(x.key, y.key)
}

// common is how many items given begins with as stored does, and whether that
// is all of stored.
func common(stored, given []item) (n int, all bool) {
	for n < len(stored) && n < len(given) && stored[n].same(&given[n]) {
		n++
	}
	return n, n == len(stored)
}
