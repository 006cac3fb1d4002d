package main

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestTurns: one at a time; a tenant with many is throttled, others are not, and
// who gives up waiting is forgotten.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		done, err := turns.take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		gone := make(chan error, maxTurns)
		for range maxTurns - 1 {
			go func() {
				_, err := turns.take(ctx, "a")
				gone <- err
			}()
		}
		synctest.Wait() // until they all wait
		if _, err := turns.take(t.Context(), "a"); outcrop.AsError(err).Code != bedrock.CodeThrottling {
			t.Errorf("one too many: error %v", err)
		}
		other := make(chan error, 1)
		go func() {
			done, err := turns.take(t.Context(), "b")
			if err == nil {
				done()
			}
			other <- err
		}()
		synctest.Wait()
		if len(other) > 0 {
			t.Error("two had a turn at once")
		}
		giveUp()
		for range maxTurns - 1 {
			if err := <-gone; err != context.Canceled { //nolint:errorlint // the context's own
				t.Errorf("who gave up: error %v", err)
			}
		}
		done()
		if err := <-other; err != nil {
			t.Errorf("another tenant: error %v", err)
		}
		if len(turns.here) > 0 {
			t.Errorf("here: %v", turns.here)
		}
		if done, err := turns.take(t.Context(), "a"); err != nil {
			t.Errorf("afterwards: error %v", err)
		} else {
			done()
		}
	})
}
