//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package owner

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// locks tells whether this system has locks that end with their process.
const locks = true

// tryLock locks an open file, until it is closed. It does not wait: the error
// is errLocked when another process, or another open file of this one, has the
// lock.
func tryLock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
	}
}
