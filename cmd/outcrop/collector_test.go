package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestCollectorFollowsTheHeap(t *testing.T) {
	for _, tt := range []struct {
		live uint64
		want int
	}{{0, 400}, {6 << 20, 400}, {8 << 20, 300}, {12 << 20, 200}, {24 << 20, 100}, {1 << 40, 100}} {
		if got := gogcFor(tt.live); got != tt.want {
			t.Errorf("with %d bytes in use GOGC is %d, want %d", tt.live, got, tt.want)
		}
	}

	defer debug.SetGCPercent(debug.SetGCPercent(mostGOGC))
	follow := followHeap()
	kept := make([]byte, 64<<20)
	runtime.GC()
	follow()
	if got := debug.SetGCPercent(mostGOGC); got != leastGOGC {
		t.Errorf("with 64 MB in use GOGC is %d, want %d", got, leastGOGC)
	}
	runtime.KeepAlive(kept)
}

func TestAfterCollection(t *testing.T) {
	called := make(chan struct{}, 1)
	afterCollection(func() {
		select {
		case called <- struct{}{}:
		default: // the test is over
		}
	})
	for range 3 { // and again
		for waiting := true; waiting; {
			runtime.GC()
			select {
			case <-called:
				waiting = false
			case <-time.After(time.Millisecond):
			}
		}
	}
}
