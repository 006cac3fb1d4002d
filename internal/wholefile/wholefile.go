// Package wholefile writes files of which nobody ever sees a part: neither who
// reads while one is written anew, nor who comes after a crash.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Write makes text what path holds, in place of what it held before, for its
// user only (mode 0600). It is written beside, under a name that begins with a
// dot, and gets its name when it is on the disk. When Write returns nil, the file
// outlives a power cut; when it returns an error, the old one is as it was, unless
// only the last step failed, to make the name durable. The directory must be there.
func Write(path string, text []byte) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// syncDirectory makes the names in a directory durable, where there is such a
// thing.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
