// Package sleep lets time pass, for those who may be called off.
package sleep

import (
	"context"
	"time"
)

// For waits so long, or until the context ends, whose error it returns.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
