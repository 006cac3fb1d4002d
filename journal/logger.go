package journal

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// logger is where an embedded server writes. What it says while it starts is
// kept, since that is where it tells of files it could not read; and that it
// cannot write is only said here.
type logger struct {
	to   *slog.Logger
	disk *disk

	mu       sync.Mutex
	starting bool
	heard    []string
}

func newLogger(to *slog.Logger, d *disk) *logger { return &logger{to: to, disk: d} }

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
		l.disk.fail(&DiskError{strings.TrimSpace(reason[strings.LastIndex(reason, ": ")+1:])}) // which file it was is for the log
	}
	l.to.Error("journal: " + message)
}

func (l *logger) Fatalf(format string, args ...any) { l.Errorf(format, args...) }

// starts begins to keep what is heard.
func (l *logger) starts() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starting, l.heard = true, nil
}

// started ends the keeping, and returns what was heard.
func (l *logger) started() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starting = false
	return l.heard
}
