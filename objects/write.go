package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/outcrop-ai/outcrop"
)

// Create begins an object in a temporary file beside its place. Commit syncs
// the file, renames it and syncs the directory, so that what was committed
// survives a crash; a crash before leaves a file that no method sees.
func (d *Directory) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.AsError(err)
	}
	bucket, key, err := ParseURI(uri)
	if err != nil {
		return nil, err
	}
	if err := d.bucketToWrite(ctx, bucket); err != nil {
		return nil, err
	}
	name := path.Join(bucket, encodeKey(key))
	if info, err := d.root.Lstat(name); err == nil && info.IsDir() {
		return nil, overlap(uri)
	}
	if err := d.makeParents(bucket, name); err != nil {
		return nil, failure("written", uri, err)
	}
	temporary := path.Join(path.Dir(name), unfinished+rand.Text())
	file, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, failure("written", uri, err)
	}
	return &writer{
		uri: uri, file: file,
		remove: func() error { return d.root.Remove(temporary) },
		publish: func() error {
			if err := d.root.Rename(temporary, name); err != nil {
				return err
			}
			return d.syncDirectory(path.Dir(name))
		},
	}, nil
}

func (d *Directory) bucketToWrite(ctx context.Context, bucket string) error {
	err := d.bucket(bucket)
	if err != nil && d.CreateBuckets && outcrop.AsError(err).Code == codeNotFound {
		return d.CreateBucket(ctx, bucket)
	}
	return err
}

// makeParents makes the directories of an object below its bucket, and syncs
// each directory that got a new name.
func (d *Directory) makeParents(bucket, name string) error {
	dir := path.Dir(name)
	if _, err := d.root.Stat(dir); err == nil || dir == bucket {
		return nil
	}
	if err := d.makeParents(bucket, dir); err != nil {
		return err
	}
	if err := d.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.syncDirectory(path.Dir(dir))
}

// file is what a writer needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
}

// writer is an object that is being written. It is used by one goroutine.
type writer struct {
	uri             string
	file            file
	publish, remove func() error
	failed          error // the first error; whatever comes after it repeats it
	done            bool
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	if err != nil {
		w.failed = failure("written", w.uri, err)
	}
	return n, w.failed
}

// Commit makes the object appear. After an error it has not, and nothing of it
// is left.
func (w *writer) Commit() error {
	if err := w.usable(); err != nil {
		return err
	}
	w.done = true
	err := w.file.Sync()
	if closing := w.file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = w.publish()
	}
	if err != nil {
		_ = w.remove()
		w.failed = failure("written", w.uri, err)
	}
	return w.failed
}

// Close gives up what was not committed. More calls do nothing.
func (w *writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	_ = w.file.Close() // of a file that goes away, nothing is lost
	return failure("removed", w.uri, w.remove())
}

func (w *writer) usable() error {
	if w.failed != nil {
		return w.failed
	}
	if w.done {
		return outcrop.Errorf(codeInternal, "%s was already committed or closed", shown(w.uri))
	}
	return nil
}
