package objects

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// What a ConflictException about a bucket has as its cause.
var (
	ErrBucketExists   = errors.New("the bucket exists")
	ErrBucketNotEmpty = errors.New("the bucket is not empty")
)

// Bucket describes a bucket.
type Bucket struct {
	Name    string
	Created time.Time
	Owner   string // the account; "" when nobody made it through a door
}

// record is the file about a bucket.
type record struct {
	Version int       `json:"version"`
	Owner   string    `json:"owner"`
	Created time.Time `json:"created"`
}

func recordPath(bucket string) string { return path.Join(bucketsDir, bucket+".json") }

// CreateBucket makes a bucket that belongs to nobody. One that exists is left
// as it is.
func (d *Directory) CreateBucket(ctx context.Context, bucket string) error {
	err := d.MakeBucket(ctx, Bucket{Name: bucket})
	if errors.Is(err, ErrBucketExists) {
		return nil
	}
	return err
}

// MakeBucket makes a bucket. One that exists is a ConflictException with
// ErrBucketExists as its cause.
func (d *Directory) MakeBucket(ctx context.Context, b Bucket) error {
	if err := ctx.Err(); err != nil {
		return outcrop.AsError(err)
	}
	if reason := badBucket(b.Name); reason != "" {
		return outcrop.Errorf(codeInvalid, "the bucket name %s %s", Shown(b.Name), reason)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.root.Lstat(b.Name); err == nil {
		e := outcrop.Errorf(bedrock.CodeConflict, "the bucket of %s%s exists", scheme, b.Name)
		e.Cause = ErrBucketExists
		return e
	}
	// The record comes first, and also where nobody owns the bucket: one of an
	// earlier bucket of this name must not count.
	err := d.remove(recordPath(b.Name))
	if err == nil && b.Owner != "" {
		err = d.writeJSON(recordPath(b.Name), record{formatVersion, b.Owner, b.Created})
	}
	if err == nil {
		err = d.root.Mkdir(b.Name, 0o700)
	}
	if err == nil {
		err = d.syncDirectory(".")
	}
	return failure("made", scheme+b.Name, err)
}

// FindBucket describes a bucket. One that is not there is a
// ResourceNotFoundException.
func (d *Directory) FindBucket(ctx context.Context, name string) (Bucket, error) {
	if err := ctx.Err(); err != nil {
		return Bucket{}, outcrop.AsError(err)
	}
	if reason := badBucket(name); reason != "" {
		return Bucket{}, outcrop.Errorf(codeInvalid, "the bucket name %s %s", Shown(name), reason)
	}
	if err := d.bucket(name); err != nil {
		return Bucket{}, err
	}
	b := Bucket{Name: name}
	var r record
	switch err := d.readJSON(recordPath(name), &r); {
	case err == nil && r.Version == formatVersion:
		b.Owner, b.Created = r.Owner, r.Created
	case err == nil, !errors.Is(err, fs.ErrNotExist):
		// Whose it is cannot be told, so it is nobody's to take.
		return b, outcrop.Errorf(codeInternal, "the record about the bucket of %s%s cannot be read", scheme, name)
	default:
		if info, err := d.root.Stat(name); err == nil {
			b.Created = info.ModTime()
		}
	}
	return b, nil
}

// Buckets lists the buckets in order of their names.
func (d *Directory) Buckets(ctx context.Context) ([]Bucket, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, failure("listed", scheme, err)
	}
	var list []Bucket
	for _, e := range entries {
		if badBucket(e.Name()) != "" {
			continue
		}
		if b, err := d.FindBucket(ctx, e.Name()); err == nil {
			list = append(list, b)
		}
	}
	return list, ctx.Err()
}

// RemoveBucket removes a bucket without objects. Any other, and one in which a
// person has laid anything, is a ConflictException with ErrBucketNotEmpty as
// its cause.
func (d *Directory) RemoveBucket(ctx context.Context, name string) error {
	if _, err := d.FindBucket(ctx, name); err != nil {
		return err
	}
	d.mu.Lock() // nothing may appear between the look and the removal
	defer d.mu.Unlock()
	empty, err := d.onlyLeftovers(name)
	if err == nil && !empty {
		e := outcrop.Errorf(bedrock.CodeConflict, "the bucket of %s%s is not empty", scheme, name)
		e.Cause = ErrBucketNotEmpty
		return e
	}
	for _, doomed := range []string{name, path.Join(aboutDir, name), recordPath(name)} {
		if err == nil {
			err = d.root.RemoveAll(doomed)
		}
	}
	if err == nil {
		err = d.syncDirectory(".")
	}
	return failure("deleted", scheme+name, err)
}

// onlyLeftovers tells whether a directory holds nothing but unfinished files
// and directories of which the same is true.
func (d *Directory) onlyLeftovers(dir string) (bool, error) {
	entries, err := fs.ReadDir(d.root.FS(), dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		if !e.IsDir() {
			return false, nil
		}
		if empty, err := d.onlyLeftovers(path.Join(dir, e.Name())); err != nil || !empty {
			return false, err
		}
	}
	return true, nil
}
