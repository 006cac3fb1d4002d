package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// DiskError is the error of a journal whose disk is full, or does not take what
// is written to it for another reason. What was acknowledged is kept. It is an
// outcrop.Error too, a ServiceUnavailableException, for whoever looks for one.
type DiskError struct{ Reason string }

func (e *DiskError) Error() string {
	return fmt.Sprintf("the journal cannot write, since the disk of the data directory takes nothing: %s; make room, and it goes on by itself", e.Reason)
}

// Unwrap is the error as callers of the API see it.
func (e *DiskError) Unwrap() error {
	return &outcrop.Error{Code: bedrock.CodeServiceUnavailable, Message: e.Error(), Retryable: true, RetryAfter: probeInterval}
}

// disk tells whether the embedded server can write. That it cannot is only said
// in its log: whoever waits for an acknowledgement gets none.
type disk struct {
	mu     sync.Mutex
	writes context.Context // ends, with the reason, when the server cannot write any more
	end    context.CancelCauseFunc
	fails  int // how often it could not
}

func newDisk() *disk {
	d := &disk{}
	d.writes, d.end = context.WithCancelCause(context.Background())
	return d
}

// fail ends the writes.
func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails++
	d.end(err)
}

// failures is how often writes have failed.
func (d *disk) failures() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fails
}

// works says that there are writes again, unless they have failed more often
// than that.
func (d *disk) works(failures int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != failures {
		return false
	}
	d.writes, d.end = context.WithCancelCause(context.Background())
	return true
}

// giveUp has another reason for good.
func (d *disk) giveUp(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes, d.end = context.WithCancelCause(context.Background())
	d.end(err)
}

func (d *disk) current() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

// Err is why nothing can be written, or nil: a *DiskError until there is room
// again, and a *DamagedError if the store cannot be read then.
func (j *Journal) Err() error {
	if j.disk == nil {
		return nil
	}
	return context.Cause(j.disk.current())
}

// guard is ctx until the server cannot write any more to the stream. The caller
// calls stop.
func (s *Stream) guard(ctx context.Context) (_ context.Context, stop func()) {
	switch {
	case s.config.Volatile: // needs no disk, but its server
		return ctx, s.journal.present()
	case s.journal.disk == nil:
		return ctx, func() {}
	}
	writes := s.journal.disk.current()
	ctx, cancel := context.WithCancelCause(ctx)
	unwatch := context.AfterFunc(writes, func() { cancel(context.Cause(writes)) })
	return ctx, func() {
		unwatch()
		cancel(nil)
	}
}

// present waits until the server has its streams, and keeps them there until
// done is called: whoever looked while it reads them anew would find none.
// Writes to the disk need it not, since they fail by then.
func (j *Journal) present() (done func()) {
	j.away.RLock()
	return j.away.RUnlock
}

// A disk that took nothing is tried with so much, and so often. The journal
// needs some room to begin with: one that filled up again at once would be
// opened again and again.
const (
	probeBytes    = 4 << 20
	probeInterval = 2 * time.Second
)

// mend opens the store anew whenever the server could not write and there is
// room again, until ctx ends: the server writes no more by itself to a stream
// whose disk has refused it once.
func (j *Journal) mend(ctx context.Context) {
	for {
		select {
		case <-j.disk.current().Done():
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(probeInterval):
		case <-ctx.Done():
			return
		}
		if probe(j.dir) != nil {
			continue
		}
		err := j.reopen(ctx)
		// A disk that filled up again may look like damage.
		if _, damaged := errors.AsType[*DamagedError](err); damaged && probe(j.dir) == nil {
			j.disk.giveUp(err)
			j.config.Logger.Error("the journal was full, and cannot be opened again", "error", err)
			return
		}
		if err != nil {
			j.config.Logger.Warn("the journal was full, and is not open again yet", "error", err)
			continue
		}
		j.config.Logger.Info("the journal writes again")
	}
}

// probe tries whether the disk takes as much as a start. A process that is
// killed here leaves a file that the next probe removes.
func probe(dir string) error {
	file, err := os.Create(filepath.Join(dir, ".room"))
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(make([]byte, probeBytes))
	return errors.Join(err, file.Sync(), file.Close())
}

// reopen has the server read its store anew, as at a start, while nobody else
// reads. Writes that were not acknowledged have failed; the leases, which are in
// memory, are taken anew by their next heartbeat.
func (j *Journal) reopen(ctx context.Context) error {
	j.away.Lock()
	defer j.away.Unlock()
	failures := j.disk.failures()
	if err := j.embedded.restart(j.marker.known()); err != nil {
		return err
	}
	j.js.CleanupPublisher()
	if err := j.leases.reopen(ctx); err != nil {
		return err
	}
	if !j.disk.works(failures) {
		return errors.New("its disk is full again")
	}
	return nil
}
