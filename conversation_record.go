package outcrop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// conversationFormat is the version of the records of conversations. What is
// of package memory in them has a version of its own.
const conversationFormat = 1

// conversationHead is what of a conversation changes. It is written before a
// model is asked, which is the intent of a turn: whoever writes it first asks.
type conversationHead struct {
	Format  int         `json:"format"`
	Created time.Time   `json:"created"`
	Memory  memory.Head `json:"memory"`

	// Intent is the turn that was begun last. Behind the last turn it is under
	// way, or was given up.
	Intent *turnIntent `json:"intent,omitzero"`

	// Explanation is of what was sent last.
	Explanation *memory.Explanation `json:"explanation,omitzero"`
	Explained   int                 `json:"explained,omitzero"` // the turn it is of

	// Aside are the turns that are kept and left out: see turnRun.setAside.
	Aside []int `json:"aside,omitzero"`

	// Fork tells where the conversation comes from.
	Fork *ForkOrigin `json:"fork,omitzero"`
}

// turnIntent holds none of the turn's text.
type turnIntent struct {
	Turn int       `json:"turn"`
	At   time.Time `json:"at"`
	Key  string    `json:"key,omitzero"`
}

// ForkOrigin is the conversation that another one was forked from, and the
// last turn that they share.
type ForkOrigin struct {
	ID   string `json:"conversationId"`
	Turn int    `json:"turn"`
}

// turnsRecord is what one append adds: one turn, or those of a history that
// was begun elsewhere together with the first of its own. They are stored
// together or not at all.
type turnsRecord struct {
	Format int          `json:"format"`
	Turns  []turnRecord `json:"turns"`
}

// turnRecord is a turn with what was not said in it.
type turnRecord struct {
	At         time.Time           `json:"at"`
	Key        string              `json:"key,omitzero"`    // idempotency
	Digest     string              `json:"digest,omitzero"` // of the request's messages, for Key
	StopReason bedrock.StopReason  `json:"stopReason,omitzero"`
	Usage      *bedrock.TokenUsage `json:"usage,omitzero"`
	LatencyMs  int                 `json:"latencyMs,omitzero"`
	Turn       memory.Turn         `json:"turn"`
}

// digestOf tells messages apart.
func digestOf(messages []bedrock.Message) string {
	text, err := bedrock.Marshal(messages)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// readConversation puts a stored conversation together.
func readConversation(stored *StoredConversation) (*conversationHead, []turnRecord, *memory.State, error) {
	head, err := readHead(stored.Head)
	if err != nil {
		return nil, nil, nil, err
	}
	var records []turnRecord
	for _, data := range stored.Records {
		turns, err := readTurns(data)
		if err != nil {
			return nil, nil, nil, err
		}
		records = append(records, turns...)
	}
	state, err := memory.Restore(head.Memory, turnsOf(records, head.Aside))
	if err != nil {
		return nil, nil, nil, unreadable(err)
	}
	return head, records, state, nil
}

// turnsOf are the turns of records, without those set aside.
func turnsOf(records []turnRecord, aside []int) []memory.Turn {
	turns := make([]memory.Turn, len(records))
	for i := range records {
		turns[i] = records[i].Turn
		if slices.Contains(aside, turns[i].Number) {
			turns[i] = leftOut(turns[i])
		}
	}
	return turns
}

// leftOut is a turn that has its number and is not sent, as one that was
// interrupted; what it changed for the turns after it, it has not.
func leftOut(t memory.Turn) memory.Turn {
	t.Interrupted, t.System, t.Tools = true, nil, nil
	return t
}

func readHead(data []byte) (*conversationHead, error) {
	head := new(conversationHead)
	if err := bedrock.Unmarshal(data, head); err != nil {
		return nil, unreadable(err)
	}
	if head.Format != conversationFormat {
		return nil, newer("head", head.Format)
	}
	return head, nil
}

func readTurns(data []byte) ([]turnRecord, error) {
	var record turnsRecord
	if err := bedrock.Unmarshal(data, &record); err != nil {
		return nil, unreadable(err)
	}
	if record.Format != conversationFormat {
		return nil, newer("record of turns", record.Format)
	}
	return record.Turns, nil
}

func newer(what string, format int) *Error {
	return Errorf(bedrock.CodeInternalServer, "a %s of the conversation has format %d, and this program reads %d: a newer one wrote it", what, format, conversationFormat)
}

func unreadable(err error) *Error {
	return Errorf(bedrock.CodeInternalServer, "the stored conversation cannot be read: %w", fmt.Errorf("%w", err))
}
