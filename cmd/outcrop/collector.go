package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A server's heap grows by heapRoom before it is collected, as long as that is
// between mostGOGC and leastGOGC percent of what is in use. Go's own setting,
// 100, is made for programs that keep more than they throw away: a server that
// keeps 4 MB would collect every 600 requests. What keeps much, such as a
// thousand open streams, may grow to twice that, as with Go's own.
const (
	heapRoom  = 24 << 20
	mostGOGC  = 400
	leastGOGC = 100
)

// tuneCollector sets the garbage collector for a server, now and after each
// collection, unless the user has set it: GOGC means what it always means, and
// a memory limit (GOMEMLIMIT) that comes near has the runtime collect earlier.
func tuneCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(mostGOGC)
	afterCollection(followHeap())
}

// followHeap returns a function that sets the collector by what the last
// collection has found in use. To set it stops the program for a moment, which
// it does not do for less than an eighth.
func followHeap() func() {
	set := mostGOGC
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	return func() {
		metrics.Read(live)
		want := gogcFor(live[0].Value.Uint64())
		if want == set || max(want, set)-min(want, set) < set/8 && want != mostGOGC && want != leastGOGC {
			return
		}
		set = want
		debug.SetGCPercent(set)
	}
}

// gogcFor is the setting for a heap of which so many bytes are in use.
func gogcFor(live uint64) int {
	return int(min(max(heapRoom*100/max(live, 1), leastGOGC), mostGOGC))
}

// afterCollection has f called after each collection: each finds one object of
// which nobody knows, whose finalizer leaves another to the next.
func afterCollection(f func()) {
	type object struct{ _ *int } // a pointer, or it might share the memory of others
	runtime.SetFinalizer(new(object), func(*object) {
		f()
		afterCollection(f)
	})
}
