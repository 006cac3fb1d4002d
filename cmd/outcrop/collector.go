package main

import (
	"os"
	"runtime/debug"
)

// serverGOGC is the garbage collector's setting for a server. Go's own, 100,
// is made for programs that keep more than they throw away: a server that
// keeps 2 MB collects after every 2 MB of garbage, some 200 requests. With 400
// a heap grows to five times of what is kept, at least to 16 MB.
const serverGOGC = 400

// tuneCollector sets the garbage collector for a server, unless the user has
// set it: GOGC means what it always means, and a memory limit
// (GOMEMLIMIT) that comes near has the runtime collect earlier.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(serverGOGC)
	}
}
