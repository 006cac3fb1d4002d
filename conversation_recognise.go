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
// nothing.
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
	reply, err := m.keeper.turn(ctx, &turnRun{
		k: m.keeper, call: call, req: req, keys: turnKeys{id: id, onConflict: ConflictReject}, unnamed: true,
	})
	if err != nil && unlike(err) {
		return nil, nil
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

// errLeftOut is the error of a request without the system prompt or the tools of
// the conversation that it goes on with: it is to be sent without them.
var errLeftOut = errors.New("the request leaves out what the conversation has")

// unlike tells whether a turn was refused for what it adds to what is stored, or
// because another is being added.
func unlike(err error) bool {
	if errors.Is(err, errLeftOut) || errors.Is(err, errBusy) {
		return true
	}
	if _, is := errors.AsType[*memory.MismatchError](err); is {
		return true
	}
	if _, is := errors.AsType[*memory.InputError](err); is {
		return true
	}
	_, is := errors.AsType[*memory.BudgetError](err)
	return is
}
