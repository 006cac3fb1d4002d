package outcrop

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"
	"time"
)

// NewMemoryConversations keeps conversations in memory, for as long as the
// process lives. now is the clock; nil is time.Now.
func NewMemoryConversations(now func() time.Time) Conversations {
	if now == nil {
		now = time.Now
	}
	return &memoryConversations{now: now, kept: map[ConversationKey]*StoredConversation{}}
}

type memoryConversations struct {
	now func() time.Time

	mu   sync.Mutex
	kept map[ConversationKey]*StoredConversation
	seq  uint64
}

func (m *memoryConversations) Load(_ context.Context, key ConversationKey) (*StoredConversation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.kept[key]
	if !ok {
		return nil, ErrNoConversation
	}
	loaded := *c
	loaded.Head = bytes.Clone(c.Head)
	loaded.Records = slices.Clone(c.Records) // records never change
	return &loaded, nil
}

func (m *memoryConversations) PutHead(_ context.Context, key ConversationKey, head []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.kept[key]
	switch {
	case ok != (revision != 0), ok && c.Revision != revision:
		return 0, ErrConversationMoved
	case !ok:
		c = new(StoredConversation)
		m.kept[key] = c
	}
	m.seq++
	c.Head, c.Revision, c.Updated = bytes.Clone(head), m.seq, m.now()
	return c.Revision, nil
}

func (m *memoryConversations) Append(_ context.Context, key ConversationKey, record []byte, last uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.kept[key]
	if !ok || c.Last != last {
		return 0, ErrConversationMoved
	}
	m.seq++
	c.Records, c.Last = append(c.Records, bytes.Clone(record)), m.seq
	return c.Last, nil
}

func (m *memoryConversations) List(_ context.Context, tenant, after string, limit int) ([]ListedConversation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []ListedConversation
	for key, c := range m.kept {
		if key.Tenant == tenant && key.ID > after {
			l := ListedConversation{ID: key.ID, Head: bytes.Clone(c.Head), Updated: c.Updated}
			if n := len(c.Records); n > 0 {
				l.Last = c.Records[n-1]
			}
			list = append(list, l)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list[:min(limit, len(list))], nil
}

func (m *memoryConversations) Delete(_ context.Context, key ConversationKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.kept[key]; !ok {
		return ErrNoConversation
	}
	delete(m.kept, key)
	return nil
}

func (m *memoryConversations) DeleteUnused(_ context.Context, before time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for key, c := range m.kept {
		if c.Updated.Before(before) {
			delete(m.kept, key)
			n++
		}
	}
	return n, nil
}
