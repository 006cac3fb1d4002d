package main

import (
	"context"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// maxTurns is how many requests a tenant may have here at once.
const maxTurns = 8

// turns has one request at a time do what costs memory and time, so that no
// tenant can take all of both. Others wait; who has many here already is
// throttled, so that no tenant fills the queue either. It is safe for concurrent
// use.
type turns struct {
	mu   sync.Mutex
	here map[string]int // under way or waiting, by tenant
	turn chan struct{}  // holds a value while one is under way
}

func newTurns() *turns {
	return &turns{here: map[string]int{}, turn: make(chan struct{}, 1)}
}

// take waits for a turn. The caller ends it with done, unless there is an error.
func (t *turns) take(ctx context.Context, tenant string) (done func(), err error) {
	if !t.enter(tenant) {
		return nil, outcrop.Errorf(bedrock.CodeThrottling, "Too many requests at once, please wait before trying again.")
	}
	select {
	case t.turn <- struct{}{}:
		return func() {
			<-t.turn
			t.leave(tenant)
		}, nil
	case <-ctx.Done():
		t.leave(tenant)
		return nil, ctx.Err()
	}
}

func (t *turns) enter(tenant string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.here[tenant] >= maxTurns {
		return false
	}
	t.here[tenant]++
	return true
}

func (t *turns) leave(tenant string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.here[tenant]--; t.here[tenant] == 0 {
		delete(t.here, tenant)
	}
}
