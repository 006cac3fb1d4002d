package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// logger is where an embedded server writes. What it says while it starts is
// kept, since that is where it tells of files it could not read; and that it
// cannot write is only said here: whoever waits for an answer gets none.
type logger struct {
	to *slog.Logger

	writes context.Context // ends with a *DiskError when the server cannot write any more
	fail   context.CancelCauseFunc

	mu       sync.Mutex
	starting bool
	heard    []string
}

func newLogger(to *slog.Logger) *logger {
	l := &logger{to: to, starting: true}
	l.writes, l.fail = context.WithCancelCause(context.Background())
	return l
}

// DiskError is the error of a journal whose disk is full, or does not take what
// is written to it for another reason. Nothing more is written until the journal
// is opened anew; what was acknowledged is kept.
type DiskError struct{ Reason string }

func (e *DiskError) Error() string {
	return fmt.Sprintf("the journal cannot write: %s; make room, and start outcrop again", e.Reason)
}

// guard is ctx until the server cannot write any more. The caller calls stop.
func (j *Journal) guard(ctx context.Context) (_ context.Context, stop func()) {
	if j.log == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	unwatch := context.AfterFunc(j.log.writes, func() { cancel(context.Cause(j.log.writes)) })
	return ctx, func() {
		unwatch()
		cancel(nil)
	}
}

// Err is why nothing can be written until the journal is opened anew, a
// *DiskError, or nil.
func (j *Journal) Err() error {
	if j.log == nil || j.log.writes.Err() == nil {
		return nil
	}
	return context.Cause(j.log.writes)
}

func (l *logger) told(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starting {
		l.heard = append(l.heard, message)
	}
}

// Noticef, Debugf and Tracef say nothing: it is the server's own business.
func (l *logger) Noticef(string, ...any) {}
func (l *logger) Debugf(string, ...any)  {}
func (l *logger) Tracef(string, ...any)  {}

func (l *logger) Warnf(format string, args ...any) {
	if strings.HasPrefix(format, "Maximum payloads") {
		return // we know
	}
	message := strings.TrimSpace(fmt.Sprintf(format, args...))
	l.told(message)
	l.to.Warn("journal: " + message)
}

func (l *logger) Errorf(format string, args ...any) {
	message := strings.TrimSpace(fmt.Sprintf(format, args...))
	l.told(message)
	if _, reason, ok := strings.Cut(message, "ritical write error: "); ok {
		l.fail(&DiskError{strings.TrimSpace(reason[strings.LastIndex(reason, ": ")+1:])}) // which file it was is for the log
	}
	l.to.Error("journal: " + message)
}

func (l *logger) Fatalf(format string, args ...any) { l.Errorf(format, args...) }

// started ends the keeping, and returns what was heard.
func (l *logger) started() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starting = false
	return l.heard
}
