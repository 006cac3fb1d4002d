package outcrop

import (
	"context"
	"errors"

	"github.com/outcrop-ai/outcrop/memory"
)

// forkBatch is how many turns of a fork are stored in one record.
const forkBatch = 100

// fork makes a conversation of its own for the turn, with the first keep turns
// of another as they are stored; -1 is all of them. Its id is the other's with
// a part of its own behind a dot.
func (r *turnRun) fork(ctx context.Context, from ConversationKey, keep int) error {
	var records []turnRecord
	var pins []memory.Pin
	stored, err := r.k.config.Store.Load(ctx, from)
	switch {
	case err == nil:
		var head *conversationHead
		if head, records, _, err = readConversation(stored); err != nil {
			return err
		}
		pins = head.Memory.Pins
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
	if err := r.copy(ctx, records, pins, &ForkOrigin{from.ID, len(records)}); err != nil {
		r.giveUp(ctx)
		return AsError(err)
	}
	return nil
}

// copy fills the fork.
func (r *turnRun) copy(ctx context.Context, records []turnRecord, pins []memory.Pin, origin *ForkOrigin) error {
	c := r.c
	c.head.Fork = origin
	for _, p := range pins {
		if err := c.state.Pin(p.ID, p.Text); err != nil {
			return memoryError(err)
		}
	}
	if err := r.k.putHead(ctx, c); err != nil {
		return storeError(err)
	}
	for i := range records {
		if err := c.state.Append(records[i].Turn); err != nil {
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
