// Package conversations keeps conversations in a journal: it is the durable
// outcrop.Conversations.
//
//	store, err := conversations.Open(ctx, j, conversations.Config{Key: key})
//	m, err := outcrop.New(outcrop.Config{Conversations: outcrop.ConversationsConfig{Store: store}, …})
//
// A conversation is a head, which is replaced at each turn, and its records,
// which are only ever added to:
//
//	bucket conversations   c.<tenant>.<id>   the head
//	                       d.<tenant>.<id>   a deletion under way
//	                       key               what tells whether a key is the right one
//	stream turns           <tenant>.<id>     the records
//
// Each record begins with a byte that says whether it is sealed. Nothing is
// read when a store is opened but the key's check and deletions that were cut
// short: that a hundred thousand conversations are there costs a restart what
// the journal itself takes.
package conversations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/journal"
)

var (
	headFormat   = journal.Format{Name: "conversation", Version: 1}
	recordFormat = journal.Format{Name: "turn", Version: 1}
)

// Config says how conversations are kept.
type Config struct {
	// Key encrypts what is stored from now on: AES-256-GCM, 32 bytes. Without
	// one, nothing is encrypted. A store that has been encrypted is refused
	// without its key, or with another; what was stored before there was a key
	// stays readable, and unencrypted.
	Key []byte
}

// Store is an outcrop.Conversations on a journal. It is safe for concurrent
// use, and holds nothing in memory.
type Store struct {
	heads  *journal.Bucket
	turns  *journal.Stream
	sealer *sealer // nil without a key
}

var _ outcrop.Conversations = (*Store)(nil)

// Open opens the conversations of a journal. The error of a wrong or missing
// key is a *KeyError.
func Open(ctx context.Context, j *journal.Journal, c Config) (*Store, error) {
	heads, err := j.Bucket(ctx, journal.BucketConfig{Name: "conversations", Format: headFormat})
	if err != nil {
		return nil, err
	}
	turns, err := j.Stream(ctx, journal.StreamConfig{Name: "turns", Format: recordFormat})
	if err != nil {
		return nil, err
	}
	s := &Store{heads: heads, turns: turns}
	if len(c.Key) > 0 {
		if s.sealer, err = newSealer(c.Key); err != nil {
			return nil, err
		}
	}
	if err := s.checkKey(ctx); err != nil {
		return nil, err
	}
	for m, err := range heads.All(ctx, "d.>") {
		if err != nil {
			return nil, err
		}
		if err := s.finishDelete(ctx, strings.TrimPrefix(m.Subject, "d.")); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// place is a conversation's part of subjects.
func place(key outcrop.ConversationKey) string {
	return journal.Token(key.Tenant) + "." + journal.Token(key.ID)
}

// Load implements outcrop.Conversations.
func (s *Store) Load(ctx context.Context, key outcrop.ConversationKey) (*outcrop.StoredConversation, error) {
	at := place(key)
	head, err := s.heads.Get(ctx, "c."+at)
	if err != nil {
		return nil, translate(err)
	}
	c := &outcrop.StoredConversation{Revision: head.Sequence, Updated: head.Time}
	if c.Head, err = s.open(head.Data, "c."+at); err != nil {
		return nil, err
	}
	for m, err := range s.turns.Read(ctx, journal.Query{Subject: at}) {
		if err != nil {
			return nil, translate(err)
		}
		record, err := s.open(m.Data, at)
		if err != nil {
			return nil, err
		}
		c.Records, c.Last = append(c.Records, record), m.Sequence
	}
	return c, nil
}

// PutHead implements outcrop.Conversations.
func (s *Store) PutHead(ctx context.Context, key outcrop.ConversationKey, head []byte, revision uint64) (uint64, error) {
	at := "c." + place(key)
	data, err := s.seal(head, at)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		revision, err = s.heads.Create(ctx, at, data)
	} else {
		revision, err = s.heads.Update(ctx, at, data, revision)
	}
	return revision, translate(err)
}

// Append implements outcrop.Conversations.
func (s *Store) Append(ctx context.Context, key outcrop.ConversationKey, record []byte, last uint64) (uint64, error) {
	at := place(key)
	data, err := s.seal(record, at)
	if err != nil {
		return 0, err
	}
	last, err = s.turns.Append(ctx, at, data, journal.ExpectLast(last))
	return last, translate(err)
}

// List implements outcrop.Conversations. It looks at the ids of all of the
// tenant's conversations, and reads those that it returns.
func (s *Store) List(ctx context.Context, tenant, after string, limit int) ([]outcrop.ListedConversation, error) {
	prefix := "c." + journal.Token(tenant) + "."
	subjects, err := s.heads.Keys(ctx, prefix+"*")
	if err != nil {
		return nil, translate(err)
	}
	ids := make(map[string]string, len(subjects)) // subject by id
	for subject := range subjects {
		id, err := untoken(strings.TrimPrefix(subject, prefix))
		if err != nil {
			return nil, err
		}
		if id > after {
			ids[id] = strings.TrimPrefix(subject, "c.")
		}
	}
	var list []outcrop.ListedConversation
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if len(list) == limit {
			break
		}
		l, err := s.listed(ctx, id, ids[id])
		if errors.Is(err, journal.ErrNotFound) {
			continue // deleted in between
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *l)
	}
	return list, nil
}

func (s *Store) listed(ctx context.Context, id, at string) (*outcrop.ListedConversation, error) {
	head, err := s.heads.Get(ctx, "c."+at)
	if err != nil {
		return nil, err
	}
	l := &outcrop.ListedConversation{ID: id, Updated: head.Time}
	if l.Head, err = s.open(head.Data, "c."+at); err != nil {
		return nil, err
	}
	last, err := s.turns.Last(ctx, at)
	if errors.Is(err, journal.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	l.Last, err = s.open(last.Data, at)
	return l, err
}

// Delete implements outcrop.Conversations.
func (s *Store) Delete(ctx context.Context, key outcrop.ConversationKey) error {
	at := place(key)
	if _, err := s.heads.Get(ctx, "c."+at); err != nil {
		return translate(err)
	}
	if _, err := s.heads.Put(ctx, "d."+at, []byte{plain}); err != nil {
		return translate(err)
	}
	return translate(s.finishDelete(ctx, at))
}

// finishDelete deletes what is noted as being deleted. The turns go first:
// without its head, a conversation of the same id would begin with them.
func (s *Store) finishDelete(ctx context.Context, at string) error {
	if err := s.turns.Purge(ctx, at); err != nil {
		return err
	}
	if err := s.heads.Delete(ctx, "c."+at); err != nil {
		return err
	}
	return s.heads.Delete(ctx, "d."+at)
}

// DeleteUnused implements outcrop.Conversations. Heads come in the order in
// which they were put, so that it reads no more of them than it deletes, and
// one.
func (s *Store) DeleteUnused(ctx context.Context, before time.Time) (int, error) {
	n := 0
	for m, err := range s.heads.All(ctx, "c.>") {
		if err != nil {
			return n, translate(err)
		}
		if !m.Time.Before(before) {
			break
		}
		now, err := s.heads.Get(ctx, m.Subject)
		if errors.Is(err, journal.ErrNotFound) || err == nil && now.Sequence != m.Sequence {
			continue // deleted, or used, in between
		}
		if err != nil {
			return n, translate(err)
		}
		at := strings.TrimPrefix(m.Subject, "c.")
		if _, err := s.heads.Put(ctx, "d."+at, []byte{plain}); err != nil {
			return n, translate(err)
		}
		if err := s.finishDelete(ctx, at); err != nil {
			return n, translate(err)
		}
		n++
	}
	return n, nil
}

// translate is an error of the journal as outcrop knows it.
func translate(err error) error {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return outcrop.ErrNoConversation
	case errors.Is(err, journal.ErrConflict):
		return outcrop.ErrConversationMoved
	case errors.Is(err, journal.ErrTooLarge):
		return outcrop.ErrConversationTooLarge
	}
	return err
}

// untoken is the text that journal.Token made a token of.
func untoken(token string) (string, error) {
	if token == "_" {
		return "", nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '_' {
			b.WriteByte(token[i])
			continue
		}
		var c byte
		if i+2 >= len(token) {
			return "", fmt.Errorf("the journal holds a conversation %q, which is no token", token)
		}
		if _, err := fmt.Sscanf(token[i+1:i+3], "%02x", &c); err != nil {
			return "", fmt.Errorf("the journal holds a conversation %q, which is no token", token)
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}
