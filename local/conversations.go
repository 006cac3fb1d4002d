package local

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/internal/sleep"
	"github.com/outcrop-ai/outcrop/journal/conversations"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/owner"
)

// conversationsConfig says how a manager keeps conversations.
func conversationsConfig(s *config.Config, store outcrop.Conversations) outcrop.ConversationsConfig {
	set := &s.Conversations
	return outcrop.ConversationsConfig{
		Store: store, Policy: memory.Policy{Strategy: memory.Strategy(set.Memory)}, Budget: set.Budget,
		OnConflict: outcrop.OnConflict(set.OnConflict), SummaryModelID: set.SummaryModel, Retention: set.Retention, MaxOpen: set.MaxOpen, Recognise: set.Recognise,
	}
}

// conversationStore is the conversations of a data directory, in its journal,
// which is opened with the first use. In a temporary directory they are in
// memory.
type conversationStore struct {
	state    *state
	settings *config.Config

	mu     sync.Mutex
	opened outcrop.Conversations
}

var _ outcrop.Conversations = (*conversationStore)(nil)

// Commands without a server take the directory for the moment; another one
// that has it will soon be done.
const (
	patience = 10 * time.Second
	retry    = 20 * time.Millisecond
)

func (s *conversationStore) open(ctx context.Context) (outcrop.Conversations, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != nil {
		return s.opened, nil
	}
	key, err := s.settings.ConversationKey()
	if err != nil {
		return nil, outcrop.Invalid("", "%w", err)
	}
	log, err := s.state.open(ctx)
	for begun := time.Now(); owned(err) && time.Since(begun) < patience; {
		if err := sleep.For(ctx, retry); err != nil {
			return nil, err
		}
		log, err = s.state.open(ctx)
	}
	if err != nil {
		return nil, unopened(err)
	}
	if log == nil {
		s.opened = outcrop.NewMemoryConversations(nil)
		return s.opened, nil
	}
	store, err := conversations.Open(ctx, log, conversations.Config{Key: key})
	if _, wrong := errors.AsType[*conversations.KeyError](err); wrong {
		return nil, outcrop.Invalid("", "%w: see conversations.encryptionKeyEnv and conversations.encryptionKeyFile", err)
	}
	if err != nil {
		return nil, unopened(err)
	}
	s.opened = store
	return store, nil
}

func owned(err error) bool {
	_, is := errors.AsType[*owner.OwnedError](err)
	return is
}

func (s *conversationStore) Load(ctx context.Context, key outcrop.ConversationKey) (*outcrop.StoredConversation, error) {
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return store.Load(ctx, key)
}

func (s *conversationStore) PutHead(ctx context.Context, key outcrop.ConversationKey, head []byte, revision uint64) (uint64, error) {
	store, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	return store.PutHead(ctx, key, head, revision)
}

func (s *conversationStore) Append(ctx context.Context, key outcrop.ConversationKey, record []byte, last uint64) (uint64, error) {
	store, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	return store.Append(ctx, key, record, last)
}

func (s *conversationStore) List(ctx context.Context, tenant, after string, limit int) ([]outcrop.ListedConversation, error) {
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return store.List(ctx, tenant, after, limit)
}

func (s *conversationStore) Delete(ctx context.Context, key outcrop.ConversationKey) error {
	store, err := s.open(ctx)
	if err != nil {
		return err
	}
	return store.Delete(ctx, key)
}

func (s *conversationStore) DeleteUnused(ctx context.Context, before time.Time) (int, error) {
	store, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	return store.DeleteUnused(ctx, before)
}

// keyless refuses calls that name a conversation: records of jobs belong to
// none, and the name would be forwarded.
type keyless struct{ outcrop.Backend }

func (k keyless) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if err := outcrop.RefuseCallKeys(call, "a record of a job"); err != nil {
		return nil, err
	}
	return k.Backend.Do(ctx, call)
}

func (k keyless) CheckModel(modelID string) error {
	if checker, ok := k.Backend.(outcrop.ModelChecker); ok {
		return checker.CheckModel(modelID)
	}
	return nil
}
