package outcrop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// recognisedPrefix begins the ids of conversations that nobody named.
const recognisedPrefix = "like."

// recognised answers a call that names no conversation as a turn of the one that
// begins as its messages do. It returns nothing when the call is no such turn: a
// first message alone, a history that goes on differently from what is stored,
// or one to which another turn is being added, for which nobody who names no
// conversation should wait. Such a call is passed on as it came, and stores
// nothing; so is one whose turn fails before the model is asked, as where the
// store does, and a reply that cannot be stored is given all the same: who did
// not ask for anything to be stored misses nothing.
func (m *Manager) recognised(ctx context.Context, call *Call) (*Reply, error) {
	if m.keeper == nil || !m.config.Conversations.Recognise || call.Native() ||
		call.Operation != bedrock.OpConverse && call.Operation != bedrock.OpConverseStream {
		return nil, nil
	}
	req, err := call.Converse()
	if err != nil {
		return nil, nil //nolint:nilerr // the back-end says what is wrong with it
	}
	id := beginning(req.Messages)
	if id == "" {
		return nil, nil
	}
	r := &turnRun{
		k: m.keeper, call: call, req: req, keys: turnKeys{id: id, onConflict: ConflictReject}, unnamed: true,
	}
	reply, err := m.keeper.turn(ctx, r)
	if err != nil && !r.asked {
		return nil, nil //nolint:nilerr // said above
	}
	return reply, err
}

// beginning is the id of the conversation that messages go on with: of its first
// exchange, whose reply no other is likely to share. It is "" for messages
// without a reply, or without anything behind it.
func beginning(messages []bedrock.Message) string {
	if len(messages) < 3 || messages[0].Role != bedrock.ConversationRoleUser || messages[1].Role != bedrock.ConversationRoleAssistant {
		return ""
	}
	var b bytes.Buffer
	for i := range messages[:2] {
		text, err := bedrock.Marshal(messages[i].Text())
		if err != nil {
			return ""
		}
		b.Write(text)
	}
	sum := sha256.Sum256(b.Bytes())
	return recognisedPrefix + hex.EncodeToString(sum[:16])
}

// setAside is what becomes of a conversation whose last turn a history goes on
// without: the turn keeps its number and is not sent.
type setAside struct {
	turn  int
	state *memory.State // without it
}

// outdated tells whether a history that differs from the stored one is the same
// but for the last turn, and sets that turn aside. Nobody has gone on from it: it
// is the answer to a question of the program's own, such as for a title, which
// stands in no history, or one that was asked for again, or in other words. A
// difference further back is another conversation's, or not worth the guess.
func (r *turnRun) outdated(err error) bool {
	m, is := errors.AsType[*memory.MismatchError](err)
	if !is || m.Turn < 2 || m.Turn != lastSent(r.state) {
		return false
	}
	state, err := without(r.state, m.Turn)
	if err != nil {
		return false
	}
	r.state, r.aside = state, &setAside{m.Turn, state}
	return true
}

// lastSent is the last turn that was not interrupted or set aside, or 0.
func lastSent(s *memory.State) int {
	n := s.Len()
	for n > 0 && s.Turn(n).Interrupted {
		n--
	}
	return n
}

// without is a conversation with a turn set aside.
func without(s *memory.State, turn int) (*memory.State, error) {
	turns := make([]memory.Turn, s.Len())
	for i := range turns {
		turns[i] = s.Turn(i + 1)
	}
	turns[turn-1] = leftOut(turns[turn-1])
	head := s.Head()
	head.Turns, head.System, head.Tools = 0, nil, nil // those of the turns that are left
	return memory.Restore(head, turns)
}

// errLeftOut is the error of a request without the system prompt or the tools of
// the conversation that it goes on with: it is to be sent without them.
var errLeftOut = errors.New("the request leaves out what the conversation has")
