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
	"github.com/outcrop-ai/outcrop/bedrock"
)

// ErrPrecondition is the cause of a ConflictException: the object was not as
// the writer wanted it to be.
var ErrPrecondition = errors.New("the precondition failed")

// Condition is what has to be true of a key for an object to be written there.
type Condition struct {
	Absent bool   // there must be no object
	ETag   string // the object must have this one; "" asks nothing
}

// Create begins an object in a temporary file beside its place. Commit syncs
// the file, renames it and syncs the directory, so that what was committed
// survives a crash; a crash before leaves a file that no method sees.
func (d *Directory) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	w, err := d.NewWriter(ctx, uri)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// NewWriter is Create with a result that can do more.
func (d *Directory) NewWriter(ctx context.Context, uri string) (*Writer, error) {
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
	file, temporary, err := d.temporary(bucket, name)
	if err != nil {
		return nil, failure("written", uri, err)
	}
	w := &Writer{uri: uri, file: file, remove: func() error { return d.root.Remove(temporary) }}
	w.publish = func() error { return d.publish(w, temporary, bucket, key) }
	return w, nil
}

// temporary opens a new file beside an object's place. A directory may go
// between being made and being used, when its last object is deleted.
func (d *Directory) temporary(bucket, name string) (*os.File, string, error) {
	const attempts = 10
	for n := 1; ; n++ {
		err := d.makeParents(bucket, name)
		if err == nil {
			temporary := path.Join(path.Dir(name), unfinished+rand.Text())
			var file *os.File
			file, err = d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err == nil {
				return file, temporary, nil
			}
		}
		if n == attempts || !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
}

// publish puts a synced temporary file in its object's place, with what there
// is to say about it.
func (d *Directory) publish(w *Writer, temporary, bucket, key string) error {
	name, aside := path.Join(bucket, encodeKey(key)), aboutPath(bucket, key)
	file, err := d.root.Stat(temporary)
	if err != nil {
		return err
	}
	w.info = Info{Key: key, Size: file.Size(), Modified: file.ModTime(), Attributes: w.attributes}
	if w.info.ETag == "" {
		w.info.ETag = madeETag(key, &w.info)
	}
	draft := ""
	if w.described {
		draft, err = d.draftJSON(aside, about{formatVersion, key, w.info.Size, w.info.Modified, w.attributes})
		if err != nil {
			return err
		}
	}
	if err := d.exchange(w, temporary, name, draft, aside, bucket, key); err != nil {
		if draft != "" {
			_ = d.root.Remove(draft)
		}
		return err
	}
	if draft != "" {
		if err := d.syncDirectory(path.Dir(aside)); err != nil {
			return err
		}
	}
	return d.syncDirectory(path.Dir(name))
}

// exchange is the moment at which the object changes.
func (d *Directory) exchange(w *Writer, temporary, name, draft, aside, bucket, key string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.condition != (Condition{}) {
		there, err := d.root.Stat(name)
		exists := err == nil && there.Mode().IsRegular()
		if exists && w.condition.Absent {
			return ErrPrecondition
		}
		if w.condition.ETag != "" && !exists {
			return fs.ErrNotExist
		}
		if w.condition.ETag != "" && d.info(bucket, key, there).ETag != w.condition.ETag {
			return ErrPrecondition
		}
	}
	// First what is said of the old object: until the new words are there, a
	// crash leaves an object of which nothing is known.
	if err := d.remove(aside); err != nil {
		return err
	}
	if err := d.root.Rename(temporary, name); err != nil {
		return err
	}
	if draft == "" {
		return nil
	}
	return d.root.Rename(draft, aside)
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

// Writer is an object that is being written. It is used by one goroutine.
type Writer struct {
	uri             string
	file            file
	publish, remove func() error
	failed          error // the first error; whatever comes after it repeats it
	done            bool

	described  bool
	attributes Attributes
	condition  Condition
	info       Info
}

var _ outcrop.ObjectWriter = (*Writer)(nil)

// Write adds to the object.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	if err != nil {
		w.failed = failure("written", w.uri, err)
	}
	return n, w.failed
}

// ReadFrom adds all that r has, by the system's own ways where r is a file.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	if err := w.usable(); err != nil {
		return 0, err
	}
	source := &failing{Reader: r}
	var from io.Reader = source
	if f, ok := r.(*os.File); ok {
		from = f
	}
	n, err := io.Copy(w.file, from)
	switch {
	case source.err != nil:
		w.failed = source.err
	case err != nil:
		w.failed = failure("written", w.uri, err)
	}
	return n, w.failed
}

// failing keeps the error of what was read from, which is not the disk's.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return io.EOF itself
		f.err = err
	}
	return n, err
}

// Commit makes the object appear. After an error it has not, and nothing of it
// is left; unless the error was of the last step, the sync of its directory.
func (w *Writer) Commit() error {
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
		w.failed = w.failure(err)
	}
	return w.failed
}

func (w *Writer) failure(err error) error {
	if errors.Is(err, ErrPrecondition) {
		e := outcrop.Errorf(bedrock.CodeConflict, "%s was not written: the object is not as the request wants it to be", Shown(w.uri))
		e.Cause = err
		return e
	}
	return failure("written", w.uri, err)
}

// CommitAs is Commit with attributes, when the condition holds; otherwise it
// fails with ErrPrecondition as its cause, or because there is no object.
func (w *Writer) CommitAs(a Attributes, c Condition) (Info, error) {
	w.described, w.attributes, w.condition = true, a, c
	err := w.Commit()
	return w.info, err
}

// Close gives up what was not committed. More calls do nothing.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	_ = w.file.Close() // of a file that goes away, nothing is lost
	return failure("removed", w.uri, w.remove())
}

func (w *Writer) usable() error {
	if w.failed != nil {
		return w.failed
	}
	if w.done {
		return outcrop.Errorf(codeInternal, "%s was already committed or closed", Shown(w.uri))
	}
	return nil
}
