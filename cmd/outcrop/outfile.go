package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that a command writes. It takes the place of the one that
// was there when all is written, so that a command that fails leaves the old
// one, and may read what it writes over.
type outFile struct {
	io.Writer
	commit func() error
	drop   func()
}

// through is an outFile that is another's to end.
func through(w io.Writer) *outFile {
	return &outFile{Writer: w, commit: func() error { return nil }, drop: func() {}}
}

// output begins a file for this user alone, or standard output for "-".
func (a *app) output(path string) (*outFile, error) {
	if path == "-" {
		return through(a.stdout), nil
	}
	return newOutFile(path, 0o600)
}

// newOutFile begins a file, which has a mode where there was none. A path at which
// none can be is a mistake of the command line.
func newOutFile(path string, mode fs.FileMode) (*outFile, error) {
	given := path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil, usageError{fmt.Errorf("%s is a directory, and a file is to be written there", given)}
	case err == nil && !info.Mode().IsRegular(): // a pipe, a device
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, usageError{err}
		}
		return &outFile{Writer: f, commit: f.Close, drop: func() { _ = f.Close() }}, nil
	case err == nil:
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".outcrop-*")
	if err != nil {
		if inside, ok := errors.AsType[*fs.PathError](err); ok {
			err = inside.Err // which is about another name
		}
		return nil, usageError{fmt.Errorf("%s cannot be written: %w", given, err)}
	}
	return &outFile{
		Writer: f,
		commit: func() error {
			if err := errors.Join(f.Chmod(mode), f.Close()); err != nil {
				return err
			}
			return os.Rename(f.Name(), path)
		},
		drop: func() { _ = f.Close(); _ = os.Remove(f.Name()) },
	}, nil
}

// finish writes what is left, and ends the file.
func (f *outFile) finish(text []byte) error {
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Commit()
}

// Commit ends the file. Nothing but Close may follow.
func (f *outFile) Commit() error { return f.commit() }

// Close gives up what was not committed, and does nothing afterwards.
func (f *outFile) Close() { f.drop() }
