package owner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	lockName   = "lock"
	serverName = "server.json"
)

// Another process may hold the lock for the moment in which it looks for an
// owner, so a lock that is taken is tried again before it counts as owned.
const (
	tries    = 20
	tryPause = 10 * time.Millisecond
)

// errLocked is the error of tryLock when another process holds the lock.
var errLocked = errors.New("the lock is held")

// OwnedError is the error of a directory that another process owns.
type OwnedError struct {
	Dir string
	// Server is who owns it; nil when it has not said so (yet).
	Server *Server
}

// Error names the owner.
func (e *OwnedError) Error() string {
	if e.Server == nil {
		return fmt.Sprintf("the data directory %s is in use by another outcrop process, which has not said who it is", e.Dir)
	}
	return fmt.Sprintf("the data directory %s is served by process %d at %s; stop it, or choose another directory with --data", e.Dir, e.Server.PID, e.Server.URL)
}

// Lock is the ownership of a data directory. Its methods are safe for
// concurrent use.
type Lock struct {
	dir string

	mu   sync.Mutex
	file *os.File // nil once it was released
}

// Dir is the directory that is owned.
func (l *Lock) Dir() string { return l.dir }

// Acquire takes the ownership of a data directory, which is made when it is
// missing, readable by its user only. When another process owns it, the error
// is an *[OwnedError]; finding that out takes a fifth of a second.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := lockFile(dir)
	for n := 1; errors.Is(err, errLocked) && n < tries; n++ {
		time.Sleep(tryPause)
		file, err = lockFile(dir)
	}
	if errors.Is(err, errLocked) {
		server, err := read(dir)
		if err != nil {
			server = nil // being written, or damaged: the lock alone says enough
		}
		return nil, &OwnedError{Dir: dir, Server: server}
	}
	if err != nil {
		return nil, err
	}
	l := &Lock{dir: dir, file: file}
	if err := l.unpublish(); err != nil { // of an owner that was killed
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// lockFile opens and locks the lock file. The file is never removed: whoever
// opened it before would go on to lock a file that nobody else can see.
func lockFile(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Another command that changes a locked file is done within a moment.
const fileTries = 500

// LockFile locks a file beside one that is to be read and written as a whole.
// It is made when it is missing and never removed. It waits for five seconds;
// closing what it returns unlocks. Where there is no flock, nothing is locked.
func LockFile(path string) (io.Closer, error) {
	for n := 1; ; n++ {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = tryLock(file)
		if err == nil {
			return file, nil
		}
		file.Close()
		switch {
		case !errors.Is(err, errLocked):
			return nil, err
		case n == fileTries:
			return nil, fmt.Errorf("another command has held %s for five seconds", path)
		}
		time.Sleep(tryPause)
	}
}

// Release removes what was published and gives the directory back. Releasing
// twice does nothing.
func (l *Lock) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.unpublish(), l.file.Close()) // closing unlocks
	l.file = nil
	return err
}

// Held tells whether the lock was not released yet.
func (l *Lock) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file != nil
}

// unpublish removes DIR/server.json.
func (l *Lock) unpublish() error {
	err := os.Remove(filepath.Join(l.dir, serverName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
