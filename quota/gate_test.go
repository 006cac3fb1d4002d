package quota

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := PoolID{Model: "m"}
		b, err := NewBook(Config{Now: time.Now(), Pools: []PoolConfig{{ID: id, TokensPerMinute: 6000, Burndown: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		g := NewGate(b)
		defer g.Close()
		ctx := t.Context()
		start := time.Now()
		r := Request{Pools: []PoolID{id}, Input: 5000, MaxTokens: 1000, MaxWait: 2 * time.Minute}
		first, _, err := g.Acquire(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		// Refused when it may not wait.
		r.MaxWait = 0
		var refused *RefusedError
		if _, _, err := g.Acquire(ctx, r); !errors.As(err, &refused) || refused.Decision.Limit != Tokens {
			t.Fatalf("%v", err)
		}
		// Two wait; the timer wakes them a minute apart, with nobody polling.
		r.MaxWait = 3 * time.Minute
		var wg sync.WaitGroup
		var mu sync.Mutex
		var took []time.Duration
		for range 2 {
			wg.Go(func() {
				id, _, err := g.Acquire(ctx, r)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(start).Round(time.Second))
				mu.Unlock()
				g.Settle(id, Usage{Input: 6000})
			})
		}
		synctest.Wait()
		// One gives up meanwhile: what it had queued goes.
		hurried, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, _, err := g.Acquire(hurried, r); err == nil {
			t.Error("acquired in spite of its context")
		}
		g.Settle(first, Usage{Input: 6000})
		if g.Settle(first, Usage{Input: 6000}) {
			t.Error("settled twice")
		}
		wg.Wait()
		if len(took) != 2 || took[0] != 61*time.Second || took[1] != 121*time.Second {
			t.Errorf("admitted after %v", took)
		}
		if s := g.Snapshot()[0]; s.Held != 0 || s.Queued[0] != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestGateClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := PoolID{Model: "m"}
		b, _ := NewBook(Config{Now: time.Now(), Pools: []PoolConfig{{ID: id, Concurrent: 1}}})
		g := NewGate(b)
		r := Request{Pools: []PoolID{id}, MaxTokens: 1, MaxWait: time.Hour}
		held, _, _ := g.Acquire(t.Context(), r)
		done := make(chan error)
		go func() {
			_, _, err := g.Acquire(t.Context(), r)
			done <- err
		}()
		synctest.Wait()
		g.Close()
		g.Close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("who waited was refused with %v", err)
		}
		if _, _, err := g.Acquire(t.Context(), r); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
		if !g.Settle(held, Usage{}) {
			t.Error("a held ticket could not be ended")
		}
	})
}

func BenchmarkGate(b *testing.B) {
	book := onePool(b, PoolConfig{TokensPerMinute: 1 << 50, Burndown: 5})
	g := NewGate(book)
	defer g.Close()
	r := Request{Pools: []PoolID{book.order[0].ID}, Tenant: "t", Input: 100, MaxTokens: 100}
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id, _, _ := g.Acquire(ctx, r)
			g.Settle(id, Usage{Input: 100, Output: 50})
		}
	})
}

func TestPoolsAreAddedAndObserved(t *testing.T) {
	now := time.Unix(1000, 0)
	book, err := NewBook(Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	id := PoolID{Account: "a", Model: "m"}
	pool := PoolConfig{ID: id, RequestsPerMinute: 1, TokensPerDay: 1000}
	if err := book.Add(now, pool); err != nil {
		t.Fatal(err)
	}
	if err := book.Add(now, pool); err == nil {
		t.Error("the same pool was added twice")
	}
	request := Request{Pools: []PoolID{id}, Input: 600, MaxTokens: 1, Observe: true}
	for n, want := range []Limit{NoLimit, TokensPerDay} {
		ticket, d, err := book.Reserve(now, request)
		if err != nil || d.State != Admitted || d.Limit != want || d.Until.IsZero() != (want == NoLimit) {
			t.Fatalf("%d: %+v, %v; want an admission that %s would have held back", n, d, err, want)
		}
		if !book.Settle(now, ticket, Usage{Input: 600, Output: 1}) {
			t.Fatal("the ticket was not held")
		}
	}
	if s := book.Snapshot(now, nil); s[0].DayUsed != 1202 || s[0].DayTokens != 1000 || s[0].UsedRequests != 2 {
		t.Errorf("booked %+v", s[0])
	}
	for range 6 {
		ticket, _, err := book.Reserve(now, request)
		if err != nil {
			t.Fatal(err)
		}
		book.Settle(now, ticket, Usage{Input: 1, Output: 100})
	}
	if length, seen := book.Lengths("", "m", 1); seen != 8 || length < 100 || length > 109 {
		t.Errorf("learned %d of %d replies", length, seen)
	}
}
