package outcrop

import (
	"context"
	"errors"
	"time"
)

// Conversations keeps what conversations said, for a Manager: a head and an
// append-only history for each. What it keeps are records of the Manager's own
// making, which it treats as bytes. [NewMemoryConversations] keeps them in
// memory, package journal/conversations durably; internal/conversationstest is
// what both pass.
//
// A write tells what it expects to find. When something else is there, nothing
// is stored and the error is ErrConversationMoved: another process has written
// in between. What a method has returned without an error is kept. All methods
// are safe for concurrent use.
type Conversations interface {
	// Load reads a conversation, or fails with ErrNoConversation.
	Load(ctx context.Context, key ConversationKey) (*StoredConversation, error)

	// PutHead replaces the head, which must have the revision; 0 makes the
	// conversation. It returns the new revision.
	PutHead(ctx context.Context, key ConversationKey, head []byte, revision uint64) (uint64, error)

	// Append adds a record behind the one with the position last; 0 is the
	// beginning. It returns the new record's position.
	Append(ctx context.Context, key ConversationKey, record []byte, last uint64) (uint64, error)

	// List tells of at most limit conversations of a tenant, in the order of
	// their ids, from the first id after a given one on.
	List(ctx context.Context, tenant, after string, limit int) ([]ListedConversation, error)

	// Delete removes a conversation with all it holds, or fails with
	// ErrNoConversation. A Delete that was cut short counts as done, and is
	// finished when the store is next opened.
	Delete(ctx context.Context, key ConversationKey) error

	// DeleteUnused removes the conversations whose head was last put before a
	// time, and returns how many there were.
	DeleteUnused(ctx context.Context, before time.Time) (int, error)
}

var (
	// ErrNoConversation is a store's error: there is no conversation of a key.
	ErrNoConversation = errors.New("no such conversation")

	// ErrConversationMoved is a store's error: what is there is not what the
	// writer expected.
	ErrConversationMoved = errors.New("somebody else has written to the conversation")

	// ErrConversationTooLarge is a store's error: a record is longer than it
	// can keep in one piece.
	ErrConversationTooLarge = errors.New("larger than what is kept in one piece")
)

// ConversationKey names a conversation: an id belongs to the tenant who uses it.
type ConversationKey struct{ Tenant, ID string }

// StoredConversation is a conversation as it is kept. It belongs to whoever
// loaded it.
type StoredConversation struct {
	Head     []byte
	Revision uint64 // of Head
	Updated  time.Time
	Records  [][]byte // in order
	Last     uint64   // the position of the last record; 0 when there is none
}

// ListedConversation is what a list tells of a conversation.
type ListedConversation struct {
	ID      string
	Head    []byte
	Last    []byte // its last record; nil when there is none
	Updated time.Time
}

// tenantOfOwner is the name under which a server knows its own user's
// commands. They share that user's conversations with an open loopback server
// and with commands that work without one, where callers have no name.
const tenantOfOwner = "owner"

func conversationKey(c Caller, id string) ConversationKey {
	if c.Tenant == tenantOfOwner {
		c.Tenant = ""
	}
	return ConversationKey{Tenant: c.Tenant, ID: id}
}
