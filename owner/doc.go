// Package owner says which process serves a data directory, so that the others
// can ask that process instead of opening the directory beside it.
//
//	lock, err := owner.Acquire(dir)      // fails by name when there is an owner
//	defer lock.Release()
//	… listen …
//	err = lock.Publish(owner.Server{URL: url, Version: version})
//
//	server, found, err := owner.Find(dir) // every other process
//
// The owner holds an exclusive lock on DIR/lock, flock(2), which the kernel
// gives back when the process ends, however it ends. While it serves, it keeps
// DIR/server.json, readable by its user only: where it listens, and a token
// that it accepts from whoever can read the file. A file without a lock is what
// a killed owner left behind; it says nothing and is removed.
//
// A data directory belongs on a local file system: the address is one of this
// machine. Where there is no flock (Windows, Plan 9), nothing is locked and
// nothing is found: two servers on one directory are then not prevented, and
// every command works in its own process.
package owner
