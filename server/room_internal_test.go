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
		r := &room{free: 10}
		if err := r.take(t.Context(), 8); err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		in := make(chan string, 3)
		take := func(ctx context.Context, name string, bytes int64) {
			go func() {
				if err := r.take(ctx, bytes); err != nil {
					name += " gave up"
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
		r.give(2)
		if name := <-in; name != "second" {
			t.Errorf("%s came next", name)
		}
		r.give(8 + 2)
		if r.free != 10 || r.waiting.Len() > 0 {
			t.Errorf("at the end %d are free and %d wait", r.free, r.waiting.Len())
		}
	})
}
