package outcrop

import (
	"context"
	"errors"
)

// forkBatch is how many turns of a fork are stored in one record.
const forkBatch = 100

// fork makes a conversation of its own for the turn, with the first keep turns
// of another as they are stored; -1 is all of them. Its id is the other's with
// a part of its own behind a dot.
func (r *turnRun) fork(ctx context.Context, from ConversationKey, keep int) error {
	head := new(conversationHead)
	var records []turnRecord
	stored, err := r.k.config.Store.Load(ctx, from)
	switch {
	case err == nil:
		if head, records, _, err = readConversation(stored); err != nil {
			return err
		}
	case !errors.Is(err, ErrNoConversation):
		return storeError(err)
	}
	if keep >= 0 && keep < len(records) {
		records = records[:keep]
	}
	id := from.ID[:min(len(from.ID), 100)] + "." + r.k.config.NewID()
	if err := CheckConversationID("id of the fork", id); err != nil {
		return err
	}
	c, err := r.k.acquire(ctx, ConversationKey{from.Tenant, id}, true)
	if err != nil {
		return AsError(err)
	}
	r.c, r.forked = c, true
	if err := r.copy(ctx, head, records, &ForkOrigin{from.ID, len(records)}); err != nil {
		r.giveUp(ctx)
		return AsError(err)
	}
	return nil
}

// copy fills the fork with what another conversation has, and the first of its
// turns.
func (r *turnRun) copy(ctx context.Context, head *conversationHead, records []turnRecord, origin *ForkOrigin) error {
	c := r.c
	c.head.Fork = origin
	for _, n := range head.Aside {
		if n <= len(records) {
			c.head.Aside = append(c.head.Aside, n)
		}
	}
	for _, p := range head.Memory.Pins {
		if err := c.state.Pin(p.ID, p.Text); err != nil {
			return memoryError(err)
		}
	}
	if err := r.k.putHead(ctx, c); err != nil {
		return storeError(err)
	}
	for _, t := range turnsOf(records, c.head.Aside) {
		if err := c.state.Append(t); err != nil {
			return memoryError(err)
		}
	}
	for len(records) > 0 {
		n := min(forkBatch, len(records))
		if err := r.k.append(ctx, c, records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}
