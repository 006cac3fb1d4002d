package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// NewCommand makes a target of a program: it is run for each event, with the
// event's JSON on its standard input, and has taken the event when it exits with
// 0. There is no shell. It gets this process's environment; what it prints is
// dropped, but for the last line on standard error of one that fails.
func NewCommand(argv []string) Target { return command(argv) }

type command []string

// pipesDelay is how long the pipes of a program that has ended, or was killed,
// are waited for: its children may hold them.
const pipesDelay = time.Second

func (c command) Deliver(ctx context.Context, _ *Event, body []byte) error {
	if len(c) == 0 {
		return errors.New("no program is named")
	}
	run := exec.CommandContext(ctx, c[0], c[1:]...) //nolint:gosec // the user's own configuration says what runs
	run.Stdin = bytes.NewReader(body)
	var words tail
	run.Stderr = &words
	run.WaitDelay = pipesDelay
	err := run.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end in time", c[0])
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it exited with 0, and left a child
	}
	if line := words.last(); line != "" {
		return fmt.Errorf("%s: %w: %s", c[0], err, line)
	}
	return fmt.Errorf("%s: %w", c[0], err)
}

func (command) Close() error { return nil }

// tail keeps the last bytes that were written.
type tail struct{ kept []byte }

const tailBytes = 1 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if n := len(t.kept) - tailBytes; n > 0 {
		t.kept = append(t.kept[:0], t.kept[n:]...)
	}
	return len(p), nil
}

func (t *tail) last() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.kept), ""))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
