// Package conversationstest is what every outcrop.Conversations passes.
package conversationstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// Run tests a store. open makes an empty one, and wait has time pass for it, so
// that what is written afterwards has a later time.
func Run(t *testing.T, open func(t *testing.T) outcrop.Conversations, wait func(t *testing.T) time.Time) {
	for name, test := range map[string]func(*testing.T, outcrop.Conversations){
		"nothing is there": testNothing, "what was written": testWritten, "compare and set": testCompareAndSet,
		"tenants": testTenants, "list": testList, "delete": testDelete, "one of many": testOneOfMany, "odd names": testOddNames,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	t.Run("unused", func(t *testing.T) { testUnused(t, open(t), wait) })
}

func key(id string) outcrop.ConversationKey { return outcrop.ConversationKey{Tenant: "a", ID: id} }

func put(t *testing.T, s outcrop.Conversations, k outcrop.ConversationKey, head string, revision uint64) uint64 {
	t.Helper()
	revision, err := s.PutHead(t.Context(), k, []byte(head), revision)
	if err != nil {
		t.Fatalf("PutHead: %v", err)
	}
	return revision
}

func add(t *testing.T, s outcrop.Conversations, k outcrop.ConversationKey, record string, last uint64) uint64 {
	t.Helper()
	last, err := s.Append(t.Context(), k, []byte(record), last)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return last
}

func load(t *testing.T, s outcrop.Conversations, k outcrop.ConversationKey) *outcrop.StoredConversation {
	t.Helper()
	c, err := s.Load(t.Context(), k)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func want(t *testing.T, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("the error is %v, not %v", err, wanted)
	}
}

func testNothing(t *testing.T, s outcrop.Conversations) {
	_, err := s.Load(t.Context(), key("x"))
	want(t, err, outcrop.ErrNoConversation)
	want(t, s.Delete(t.Context(), key("x")), outcrop.ErrNoConversation)
	list, err := s.List(t.Context(), "a", "", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("the list is %v, %v", list, err)
	}
}

func testWritten(t *testing.T, s outcrop.Conversations) {
	k := key("x")
	revision := put(t, s, k, "one", 0)
	last := add(t, s, k, "r1", 0)
	last = add(t, s, k, "r2", last)
	revision = put(t, s, k, "two", revision)
	c := load(t, s, k)
	if string(c.Head) != "two" || c.Revision != revision || c.Last != last || !bytes.Equal(bytes.Join(c.Records, []byte(" ")), []byte("r1 r2")) {
		t.Errorf("it holds %q at %d, %q up to %d", c.Head, c.Revision, c.Records, c.Last)
	}
	if c.Updated.IsZero() {
		t.Error("it has no time")
	}
	big := string(bytes.Repeat([]byte("x"), 300_000))
	add(t, s, k, big, last)
	if c := load(t, s, k); string(c.Records[2]) != big {
		t.Error("a long record has changed")
	}
}

func testCompareAndSet(t *testing.T, s outcrop.Conversations) {
	ctx, k := t.Context(), key("x")
	revision := put(t, s, k, "one", 0)
	_, err := s.PutHead(ctx, k, []byte("other"), 0)
	want(t, err, outcrop.ErrConversationMoved)
	_, err = s.PutHead(ctx, k, []byte("other"), revision+1)
	want(t, err, outcrop.ErrConversationMoved)
	last := add(t, s, k, "r1", 0)
	_, err = s.Append(ctx, k, []byte("r2"), 0)
	want(t, err, outcrop.ErrConversationMoved)
	_, err = s.Append(ctx, k, []byte("r2"), last+7)
	want(t, err, outcrop.ErrConversationMoved)
	if c := load(t, s, k); string(c.Head) != "one" || len(c.Records) != 1 {
		t.Errorf("a refused write was stored: %q %q", c.Head, c.Records)
	}
	_, err = s.PutHead(ctx, key("none"), []byte("x"), 3)
	want(t, err, outcrop.ErrConversationMoved)
}

func testTenants(t *testing.T, s outcrop.Conversations) {
	mine, theirs, nobodys := key("x"), outcrop.ConversationKey{Tenant: "b", ID: "x"}, outcrop.ConversationKey{ID: "x"}
	put(t, s, mine, "mine", 0)
	for _, k := range []outcrop.ConversationKey{theirs, nobodys} {
		_, err := s.Load(t.Context(), k)
		want(t, err, outcrop.ErrNoConversation)
		want(t, s.Delete(t.Context(), k), outcrop.ErrNoConversation)
		put(t, s, k, "other", 0)
	}
	if c := load(t, s, mine); string(c.Head) != "mine" {
		t.Errorf("it holds %q", c.Head)
	}
	if list, err := s.List(t.Context(), "a", "", 10); err != nil || len(list) != 1 {
		t.Errorf("the list is %v, %v", list, err)
	}
}

func testList(t *testing.T, s outcrop.Conversations) {
	for _, i := range rand.Perm(25) {
		k := key(fmt.Sprintf("c%02d", i))
		put(t, s, k, fmt.Sprintf("head %d", i), 0)
		if i%2 == 0 {
			add(t, s, k, "r", 0)
			add(t, s, k, fmt.Sprintf("last %d", i), load(t, s, k).Last)
		}
	}
	after, n := "", 0
	for page := 0; ; page++ {
		list, err := s.List(t.Context(), "a", after, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			last := ""
			if n%2 == 0 {
				last = fmt.Sprintf("last %d", n)
			}
			if l.ID != fmt.Sprintf("c%02d", n) || string(l.Head) != fmt.Sprintf("head %d", n) || string(l.Last) != last || l.Updated.IsZero() {
				t.Fatalf("place %d of the list is %s: %q, %q, %v", n, l.ID, l.Head, l.Last, l.Updated)
			}
			n++
			after = l.ID
		}
		if len(list) < 10 {
			break
		}
	}
	if n != 25 {
		t.Errorf("the list has %d conversations", n)
	}
}

func testDelete(t *testing.T, s outcrop.Conversations) {
	k := key("x")
	put(t, s, k, "one", 0)
	add(t, s, k, "secret", 0)
	put(t, s, key("y"), "other", 0)
	if err := s.Delete(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	_, err := s.Load(t.Context(), k)
	want(t, err, outcrop.ErrNoConversation)
	_, err = s.Append(t.Context(), k, []byte("late"), 1)
	want(t, err, outcrop.ErrConversationMoved)
	put(t, s, k, "again", 0)
	if c := load(t, s, k); len(c.Records) != 0 || c.Last != 0 {
		t.Errorf("the new conversation begins with %q", c.Records)
	}
	add(t, s, k, "r1", 0)
	load(t, s, key("y"))
}

// Of many who write at once, one succeeds.
func testOneOfMany(t *testing.T, s outcrop.Conversations) {
	k := key("x")
	put(t, s, k, "head", 0)
	last := uint64(0)
	for round := range 5 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, at := 0, last
		for i := range 8 {
			wg.Go(func() {
				_, err := s.Append(context.Background(), k, fmt.Appendf(nil, "r%d.%d", round, i), at)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.Is(err, outcrop.ErrConversationMoved):
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("round %d: %d writers succeeded", round, won)
		}
		last = load(t, s, k).Last
	}
	if c := load(t, s, k); len(c.Records) != 5 {
		t.Errorf("%d records", len(c.Records))
	}
}

func testOddNames(t *testing.T, s outcrop.Conversations) {
	ids := []string{"a.b", "a_b", "a", "a.", "A", "a:b@c-d", "_", "a_2eb", "*", ">", "a b", "é"}
	for i, id := range ids {
		put(t, s, key(id), fmt.Sprint(i), 0)
		add(t, s, key(id), id, 0)
	}
	for i, id := range ids {
		if c := load(t, s, key(id)); string(c.Head) != fmt.Sprint(i) || len(c.Records) != 1 || string(c.Records[0]) != id {
			t.Errorf("%q holds %q, %q", id, c.Head, c.Records)
		}
	}
	list, err := s.List(t.Context(), "a", "", 100)
	if err != nil || len(list) != len(ids) {
		t.Errorf("the list has %d, %v", len(list), err)
	}
}

func testUnused(t *testing.T, s outcrop.Conversations, wait func(*testing.T) time.Time) {
	for i := range 4 {
		k := key(fmt.Sprintf("old%d", i))
		put(t, s, k, "old", 0)
		add(t, s, k, "r", 0)
	}
	used := load(t, s, key("old2")).Revision
	between := wait(t)
	put(t, s, key("new"), "new", 0)
	put(t, s, key("old2"), "used again", used)
	if n, err := s.DeleteUnused(t.Context(), between); err != nil || n != 3 {
		t.Errorf("%d were deleted, %v", n, err)
	}
	list, err := s.List(t.Context(), "a", "", 10)
	if err != nil || len(list) != 2 || list[0].ID != "new" || list[1].ID != "old2" {
		t.Errorf("left are %v, %v", list, err)
	}
	if c := load(t, s, key("old2")); len(c.Records) != 1 {
		t.Error("its records are gone")
	}
}
