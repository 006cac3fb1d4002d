//go:build unix

package jobs_test

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strings"
	"sync"
	"syscall"
	"time"
)

// watchHeap samples what lives in the heap, garbage that is not collected yet
// included, and returns what stops it and tells the peak in bytes.
func watchHeap(ctx context.Context) func() float64 {
	ctx, stop := context.WithCancel(ctx)
	var peak uint64
	var wg sync.WaitGroup
	wg.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() float64 {
		stop()
		wg.Wait()
		return float64(peak)
	}
}

// residentPeak is the most memory that the process has had, in bytes; 0 where
// the kernel does not say.
func residentPeak() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); n == 1 {
			return kilobytes * 1024
		}
	}
	return 0
}

// processorTime is what the process has used of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
