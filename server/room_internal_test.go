package server

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestRoom: who waits is let in, in the order of coming, and who gives up makes
// way for those behind.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10, 1)
		first, err := r.take(t.Context(), "", 8)
		if err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		in := make(chan string, 3)
		guests := make(chan *guest, 3)
		take := func(ctx context.Context, name string, bytes int64) {
			go func() {
				g, err := r.take(ctx, "", bytes)
				if err != nil {
					name += " gave up"
				} else {
					guests <- g
				}
				in <- name
			}()
			synctest.Wait()
		}
		take(ctx, "large", 9)
		take(t.Context(), "small", 2)
		take(t.Context(), "second", 2)
		if len(in) > 0 {
			t.Fatalf("%s passed who was before it", <-in)
		}
		giveUp()
		synctest.Wait()
		if a, b := <-in, <-in; len(in) > 0 || a+b != "large gave upsmall" && b+a != "large gave upsmall" {
			t.Errorf("%s, %s, and %d more", a, b, len(in))
		}
		r.shrink(<-guests, 0)
		if name := <-in; name != "second" {
			t.Errorf("%s came next", name)
		}
		for _, g := range []*guest{first, first, <-guests} { // giving back twice is once
			r.shrink(g, 0)
		}
		if r.free != 10 || r.waiting.Len() > 0 {
			t.Errorf("at the end %d are free and %d wait", r.free, r.waiting.Len())
		}
	})
}

// TestRoomOfATenant: a tenant that has its share waits for itself, and whoever
// comes after it need not.
func TestRoomOfATenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10, 1)
		take := func(tenant string, bytes int64) *guest {
			g, err := r.take(t.Context(), tenant, bytes)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		own := take("a", 3)
		waited := make(chan *guest)
		go func() { waited <- take("a", 4) }()
		synctest.Wait()
		others := []*guest{take("b", 4), take("c", 2)}
		r.shrink(own, 2) // 2 + 4 are more than a half
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("a tenant has more than half")
		default:
		}
		r.shrink(own, 1) // of its half it might have it, but of what is free it cannot
		for _, g := range others {
			r.shrink(g, 0)
		}
		for _, g := range []*guest{<-waited, own} {
			r.shrink(g, 0)
		}
		if r.free != 10 || r.waiting.Len() > 0 || len(r.held) > 0 {
			t.Errorf("at the end %d are free, %d wait, and %v is held", r.free, r.waiting.Len(), r.held)
		}
		if r = newRoom(10, 8); r.share != 8 {
			t.Errorf("of 10, for bodies of 8, a tenant has %d", r.share)
		}
	})
}
