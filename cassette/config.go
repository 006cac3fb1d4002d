package cassette

import (
	"context"
	"time"

	"github.com/outcrop-ai/outcrop/internal/sleep"
)

// Config says how exchanges are written and found again. The zero value is
// useful; recorder and player should have the same Ignore and Redact.
type Config struct {
	// Ignore are members at the top of a request's body that do not count when
	// it is looked for. Nil means requestMetadata.
	Ignore []string

	// Redact strikes out of a body, a request's or a reply's, what must not be
	// written; the result has to be JSON where the body was. What looks like an
	// access key, an API key or a bearer token is struck out in any case.
	Redact func(body []byte) []byte

	// Paced replays streams, and latencies, at the pace at which they were
	// recorded. Without it, everything comes at once.
	Paced bool

	// Now is the recorder's clock, and Sleep how the player waits; nil means
	// the system's. Sleep returns early, with its error, when the context ends.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

func (c Config) withDefaults() Config {
	if c.Ignore == nil {
		c.Ignore = []string{"requestMetadata"}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep.For
	}
	return c
}
