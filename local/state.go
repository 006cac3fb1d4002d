package local

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/owner"
)

// state is the journal of a data directory, which is opened when it is first
// needed: commands without state lock nothing and open nothing. It is safe for
// concurrent use.
type state struct {
	dir      string // "" for a temporary directory: nothing is kept
	settings *config.Config
	logger   *slog.Logger

	mu      sync.Mutex
	lock    *owner.Lock // given, or taken here
	own     bool        // it was taken here
	journal *journal.Journal
	closed  bool
}

// Journal is the journal of the data directory. The first call locks the
// directory, unless Config.Lock did, and opens it; when another process has it,
// the error is an *owner.OwnedError. There is none, and the result is nil, in a
// temporary directory, and where a server answers.
func (l *Local) Journal(ctx context.Context) (*journal.Journal, error) {
	if l.state == nil {
		return nil, nil
	}
	return l.state.open(ctx)
}

// Ready is nil unless what a server acknowledges could not be kept: its disk is
// full.
func (l *Local) Ready() error {
	if l.state == nil || !l.state.mu.TryLock() { // being opened, or closed
		return nil
	}
	defer l.state.mu.Unlock()
	if l.state.journal == nil {
		return nil
	}
	return l.state.journal.Err()
}

func (s *state) open(ctx context.Context) (*journal.Journal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "the manager was closed")
	case s.journal != nil || s.dir == "":
		return s.journal, nil
	}
	if s.lock == nil {
		lock, err := owner.Acquire(s.dir)
		if err != nil {
			return nil, err
		}
		s.lock, s.own = lock, true
	}
	set := s.settings
	j, err := journal.Open(ctx, journal.Config{
		Lock: s.lock, URL: set.Nats, Credentials: set.NatsCredentials, Replicas: set.NatsReplicas, Name: set.NatsName, Logger: s.logger,
	})
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.journal = j
	return j, nil
}

// release gives back a lock that was taken here.
func (s *state) release() error {
	if !s.own {
		return nil
	}
	lock := s.lock
	s.lock, s.own = nil, false
	return lock.Release()
}

// log is where words go.
func (s *state) log() *slog.Logger {
	if s.logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.logger
}

func (s *state) close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	if s.journal != nil {
		err = s.journal.Close(ctx)
		s.journal = nil
	}
	return errors.Join(err, s.release())
}
