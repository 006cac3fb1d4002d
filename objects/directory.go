package objects

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/outcrop-ai/outcrop"
)

// Directory is a local directory whose subdirectories stand for buckets. It is
// safe for concurrent use, also by several processes: of two writers of one
// object the last to commit wins. Symbolic links inside the root are followed
// when an object is opened; links that lead out of it are refused.
//
// Unlike in S3, an object cannot have a name that is also the beginning of
// another one's path ("a" beside "a/b"): the second to come is refused. On
// file systems that ignore case, keys that differ only in case are one object.
type Directory struct {
	// CreateBuckets has Create make a missing bucket instead of refusing the
	// object. Set it before the first use.
	CreateBuckets bool

	root *os.Root
	path string

	// mu is held for the moment in which an object, or what is said of it,
	// changes, and shared by those who read both.
	mu sync.RWMutex
}

var _ outcrop.Objects = (*Directory)(nil)

// NewDirectory opens the directory, and makes it first if it is missing. It
// keeps one file descriptor, which Close gives back.
func NewDirectory(root string) (*Directory, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return nil, err
	}
	opened, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, err
	}
	return &Directory{root: opened, path: absolute}, nil
}

// Close gives the directory's descriptor back. Objects that are open stay
// usable; everything else fails from then on.
func (d *Directory) Close() error { return d.root.Close() }

// Path is where the object, or with an empty key or one that ends in a slash
// the directory, of a URI lies on disk; whether anything is there is not asked.
func (d *Directory) Path(uri string) (string, error) {
	bucket, key, err := ParsePrefix(uri)
	if err != nil {
		return "", err
	}
	if n := len(key); n > 0 && key[n-1] == '/' {
		key = key[:n-1]
	}
	if key == "" {
		return filepath.Join(d.path, bucket), nil
	}
	return filepath.Join(d.path, bucket, filepath.FromSlash(encodeKey(key))), nil
}

// bucket checks that a bucket exists.
func (d *Directory) bucket(name string) error {
	info, err := d.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return outcrop.Errorf(codeNotFound, "the bucket of %s%s does not exist", scheme, name)
	case err != nil:
		return failure("read", scheme+name, err)
	}
	return nil
}

// syncDirectory makes the names in a directory durable. One that is gone, since
// somebody has deleted its last object meanwhile, has none: what the caller did
// was done before that.
func (d *Directory) syncDirectory(name string) error {
	dir, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
