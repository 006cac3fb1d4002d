package outcrop

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// Conversation is a conversation by its id: the door for Go programs. It holds
// no state of its own, and costs nothing to make. It is safe for concurrent use
// as long as its fields are not changed.
//
//	trip := m.Conversation("trip")
//	reply, err := trip.Send(ctx, bedrock.UserText("Where shall we go?"))
//	reply, err = trip.Send(ctx, bedrock.UserText("And when?"))
//
// The caller is the context's: see [WithOrigin]. Each caller has conversations of
// its own.
type Conversation struct {
	ID           string
	ModelID      string // the manager's default when empty
	SystemPrompt string // the conversation's own when empty
	MaxTokens    int    // of a reply; the model's default when 0
	Tools        *bedrock.ToolConfiguration

	Memory     memory.Strategy // how what is sent is chosen; the configured one when empty
	Budget     int             // input tokens at most; the configured one when 0
	OnConflict OnConflict      // when two turns meet; the configured one when empty

	IfTurn int    // the number that the next turn must get; 0 is any
	Key    string // idempotency key of the next turn
	Resume bool   // the next turn goes on from an interrupted one

	manager *Manager
}

// Conversation is the conversation of an id, which begins with its first turn.
func (m *Manager) Conversation(id string) *Conversation { return &Conversation{ID: id, manager: m} }

// ConversationReply is the reply to a turn.
type ConversationReply struct {
	*bedrock.ConverseResponse
	ConversationID string // another one than was asked for after a fork
	Turn           int
	Replayed       bool // the key's turn was stored before; no model was asked
}

// ConversationStream is the reply to a turn as it is generated. It must be
// closed. The turn is stored before the last event is delivered.
type ConversationStream struct {
	*Stream
	ConversationID string
	Turn           int
	Replayed       bool
}

// Send sends the next turn and returns the reply, once both are stored.
func (c *Conversation) Send(ctx context.Context, messages ...bedrock.Message) (*ConversationReply, error) {
	reply, err := c.manager.Do(ctx, c.manager.converseCall(ctx, bedrock.OpConverse, c.request(messages)))
	if err != nil {
		return nil, err
	}
	response, err := reply.Converse()
	if err != nil {
		return nil, err
	}
	return &ConversationReply{response, reply.Meta.Conversation, reply.Meta.Turn, reply.Meta.Header[HeaderReplayed] != ""}, nil
}

// Stream sends the next turn and returns the reply as it is generated.
func (c *Conversation) Stream(ctx context.Context, messages ...bedrock.Message) (*ConversationStream, error) {
	reply, err := c.manager.Do(ctx, c.manager.converseCall(ctx, bedrock.OpConverseStream, c.request(messages)))
	if err != nil {
		return nil, err
	}
	return &ConversationStream{reply.Stream, reply.Meta.Conversation, reply.Meta.Turn, reply.Meta.Header[HeaderReplayed] != ""}, nil
}

func (c *Conversation) request(messages []bedrock.Message) *bedrock.ConverseRequest {
	req := &bedrock.ConverseRequest{ModelID: c.ModelID, Messages: messages, ToolConfig: c.Tools, RequestMetadata: c.Metadata()}
	if c.SystemPrompt != "" {
		text := c.SystemPrompt // which may be set anew before the next turn
		req.System = []bedrock.SystemContentBlock{{Text: &text}}
	}
	if c.MaxTokens > 0 {
		limit := c.MaxTokens
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	return req
}

// Metadata is the requestMetadata by which any client of a server sends the
// conversation's next turn.
func (c *Conversation) Metadata() map[string]string {
	metadata := map[string]string{KeyConversation: c.ID}
	put := func(key, value string) {
		if value != "" && value != "0" {
			metadata[key] = value
		}
	}
	put(KeyMemory, string(c.Memory))
	put(KeyBudget, strconv.Itoa(c.Budget))
	put(KeyOnConflict, string(c.OnConflict))
	put(KeyIfTurn, strconv.Itoa(c.IfTurn))
	put(KeyIdempotency, c.Key)
	if c.Resume {
		metadata[KeyResume] = "true"
	}
	return metadata
}

// ConversationKeeper is a Backend that keeps conversations itself, as another
// Outcrop server does: calls with keys of conversations are passed on to it as
// they are. Whose conversations are meant, the context's Origin tells. An id
// that its caller has no conversation of is a ResourceNotFoundException.
type ConversationKeeper interface {
	// Conversations lists conversations in the order of their ids, from the
	// first after a given one on: at most limit, or 100 for 0.
	Conversations(ctx context.Context, after string, limit int) (*ConversationList, error)
	// ConversationHistory is all that was said. With export, summaries and
	// pinned facts come with it.
	ConversationHistory(ctx context.Context, id string, export bool) (*ConversationHistory, error)
	// ForgetConversation deletes a conversation with all it holds.
	ForgetConversation(ctx context.Context, id string) error
	// ExplainConversation tells what the last turn sent to the model, and why.
	ExplainConversation(ctx context.Context, id string) (*ConversationExplanation, error)
}

// ConversationInfo is what a list tells of a conversation.
type ConversationInfo struct {
	ID      string      `json:"conversationId"`
	Turns   int         `json:"turns"` // interrupted ones included
	Created time.Time   `json:"createdAt"`
	Updated time.Time   `json:"updatedAt"`
	ModelID string      `json:"modelId,omitzero"` // of the last turn
	Fork    *ForkOrigin `json:"forkedFrom,omitzero"`
}

// ConversationList is a page of a list.
type ConversationList struct {
	Conversations []ConversationInfo `json:"conversations"`
	NextToken     string             `json:"nextToken,omitzero"` // the last id, when there may be more
}

// ConversationHistory is what was said in a conversation.
type ConversationHistory struct {
	Format int `json:"format"`
	ConversationInfo
	System     []bedrock.SystemContentBlock `json:"system,omitzero"`
	ToolConfig *bedrock.ToolConfiguration   `json:"toolConfig,omitzero"`
	History    []ConversationTurn           `json:"history"`
	Pending    int                          `json:"pendingTurn,omitzero"` // begun and not stored: under way, or given up
	Pinned     []memory.Pin                 `json:"pinned,omitzero"`
	Summaries  []memory.Summary             `json:"summaries,omitzero"`
}

// ConversationTurn is one turn: the user's messages and the reply.
type ConversationTurn struct {
	Turn        int                 `json:"turn"`
	At          time.Time           `json:"at"`
	ModelID     string              `json:"modelId,omitzero"`
	Messages    []bedrock.Message   `json:"messages"`
	StopReason  bedrock.StopReason  `json:"stopReason,omitzero"`
	Usage       *bedrock.TokenUsage `json:"usage,omitzero"`
	Interrupted bool                `json:"interrupted,omitzero"`
	SetAside    bool                `json:"setAside,omitzero"` // a recognised history went on without it
	Resumes     bool                `json:"resumes,omitzero"`
}

// Messages are the messages of all turns that were not interrupted or set aside,
// as clients without conversations send them.
func (h *ConversationHistory) Messages() []bedrock.Message {
	var all []bedrock.Message
	for i := range h.History {
		if t := &h.History[i]; !t.Interrupted && !t.SetAside {
			all = append(all, h.History[i].Messages...)
		}
	}
	return all
}

// ConversationExplanation is what a turn sent, and why. It holds no text.
type ConversationExplanation struct {
	ID          string              `json:"conversationId"`
	Turn        int                 `json:"turn"`
	Explanation *memory.Explanation `json:"explanation"`
}

// conversations is who keeps the manager's conversations.
func (m *Manager) conversations() (ConversationKeeper, error) {
	if theirs, ok := m.config.Backend.(ConversationKeeper); ok {
		return theirs, nil
	}
	if m.keeper == nil {
		return nil, notKept()
	}
	return m.keeper, nil
}

func notKept() *Error {
	return Invalid("requestMetadata."+KeyConversation, "no conversations are kept here: set Config.Conversations, or open the manager with package local and the directory's lock; outcrop serve keeps them")
}

// Conversations lists the caller's conversations: see [ConversationKeeper].
func (m *Manager) Conversations(ctx context.Context, after string, limit int) (*ConversationList, error) {
	k, err := m.conversations()
	if err != nil {
		return nil, err
	}
	return k.Conversations(ctx, after, limit)
}

// History is what was said.
func (c *Conversation) History(ctx context.Context) (*ConversationHistory, error) {
	return c.history(ctx, false)
}

// Export is everything that is kept of the conversation.
func (c *Conversation) Export(ctx context.Context) (*ConversationHistory, error) {
	return c.history(ctx, true)
}

func (c *Conversation) history(ctx context.Context, export bool) (*ConversationHistory, error) {
	k, err := c.manager.conversations()
	if err != nil {
		return nil, err
	}
	return k.ConversationHistory(ctx, c.ID, export)
}

// Forget deletes the conversation with all it holds. It waits for a turn that is
// under way.
func (c *Conversation) Forget(ctx context.Context) error {
	k, err := c.manager.conversations()
	if err != nil {
		return err
	}
	return k.ForgetConversation(ctx, c.ID)
}

// Explain tells what the last turn sent to the model, and why.
func (c *Conversation) Explain(ctx context.Context) (*ConversationExplanation, error) {
	k, err := c.manager.conversations()
	if err != nil {
		return nil, err
	}
	return k.ExplainConversation(ctx, c.ID)
}

var _ ConversationKeeper = (*keeper)(nil)

// The sizes of a page.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Conversations implements [ConversationKeeper].
func (k *keeper) Conversations(ctx context.Context, after string, limit int) (*ConversationList, error) {
	k.sweeping()
	if limit < 0 || limit > maxPage {
		return nil, Invalid("maxResults", "expected 1 to %d", maxPage)
	}
	limit = cmp.Or(limit, defaultPage)
	if after != "" {
		if err := CheckConversationID("nextToken", after); err != nil {
			return nil, err
		}
	}
	key := conversationKey(OriginOf(ctx).Caller, "")
	listed, err := k.config.Store.List(ctx, key.Tenant, after, limit)
	if err != nil {
		return nil, storeError(err)
	}
	list := &ConversationList{Conversations: make([]ConversationInfo, 0, len(listed))}
	for i := range listed {
		l := &listed[i]
		if k.gone(l.Updated) {
			continue
		}
		head, err := readHead(l.Head)
		if err != nil {
			return nil, err
		}
		info := ConversationInfo{ID: l.ID, Created: head.Created, Updated: l.Updated, Fork: head.Fork}
		if l.Last != nil {
			turns, err := readTurns(l.Last)
			if err != nil {
				return nil, err
			}
			last := &turns[len(turns)-1].Turn
			info.Turns, info.ModelID = last.Number, last.ModelID
		}
		list.Conversations = append(list.Conversations, info)
	}
	if len(listed) == limit {
		list.NextToken = listed[limit-1].ID
	}
	return list, nil
}

// gone tells whether a conversation that was last used at a time has expired.
func (k *keeper) gone(updated time.Time) bool {
	return k.config.Retention > 0 && updated.Before(k.now().Add(-k.config.Retention))
}

// read is a conversation of the caller, as it is stored.
func (k *keeper) read(ctx context.Context, id string) (*StoredConversation, error) {
	if err := CheckConversationID("conversationId", id); err != nil {
		return nil, err
	}
	stored, err := k.config.Store.Load(ctx, conversationKey(OriginOf(ctx).Caller, id))
	if errors.Is(err, ErrNoConversation) || err == nil && k.gone(stored.Updated) {
		return nil, noConversation(id)
	}
	if err != nil {
		return nil, storeError(err)
	}
	return stored, nil
}

func noConversation(id string) *Error {
	return Errorf(bedrock.CodeResourceNotFound, "there is no conversation %s", id)
}

// ConversationHistory implements [ConversationKeeper].
func (k *keeper) ConversationHistory(ctx context.Context, id string, export bool) (*ConversationHistory, error) {
	stored, err := k.read(ctx, id)
	if err != nil {
		return nil, err
	}
	head, records, state, err := readConversation(stored)
	if err != nil {
		return nil, err
	}
	h := &ConversationHistory{
		Format:           conversationFormat,
		ConversationInfo: ConversationInfo{ID: id, Turns: len(records), Created: head.Created, Updated: stored.Updated, Fork: head.Fork},
		System:           state.System(), ToolConfig: state.Tools(), History: make([]ConversationTurn, len(records)),
	}
	for i := range records {
		r := &records[i]
		h.History[i] = ConversationTurn{
			Turn: r.Turn.Number, At: r.At, ModelID: r.Turn.ModelID, Messages: r.Turn.Messages, StopReason: r.StopReason,
			Usage: r.Usage, Interrupted: r.Turn.Interrupted, Resumes: r.Turn.Resumes,
			SetAside: slices.Contains(head.Aside, r.Turn.Number),
		}
		h.ModelID = r.Turn.ModelID
	}
	if head.Intent != nil && head.Intent.Turn > len(records) {
		h.Pending = head.Intent.Turn
	}
	if export {
		h.Pinned, h.Summaries = state.Pins(), state.Head().Summaries
	}
	return h, nil
}

// ForgetConversation implements [ConversationKeeper].
func (k *keeper) ForgetConversation(ctx context.Context, id string) error {
	if err := CheckConversationID("conversationId", id); err != nil {
		return err
	}
	c, err := k.acquire(ctx, conversationKey(OriginOf(ctx).Caller, id), true)
	if err != nil {
		return AsError(err)
	}
	defer k.release(c)
	c.forget()
	err = k.config.Store.Delete(ctx, c.key)
	if errors.Is(err, ErrNoConversation) {
		return noConversation(id)
	}
	if err != nil {
		return storeError(err)
	}
	return nil
}

// ExplainConversation implements [ConversationKeeper].
func (k *keeper) ExplainConversation(ctx context.Context, id string) (*ConversationExplanation, error) {
	stored, err := k.read(ctx, id)
	if err != nil {
		return nil, err
	}
	head, err := readHead(stored.Head)
	if err != nil {
		return nil, err
	}
	return &ConversationExplanation{ID: id, Turn: head.Explained, Explanation: head.Explanation}, nil
}
