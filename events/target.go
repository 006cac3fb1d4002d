package events

import "context"

// Target is somebody who is told of events. Deliver is called by one goroutine.
type Target interface {
	// Deliver hands over an event, whose JSON is body, and returns nil when the
	// target has taken it. The context bounds it. Errors are logged: they hold
	// no secrets.
	Deliver(ctx context.Context, e *Event, body []byte) error

	// Close ends what the target holds open.
	Close() error
}
