package objects

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// Query says what to list of a bucket.
type Query struct {
	Bucket    string
	Prefix    string // of keys; "" lists all
	After     string // lists what sorts behind this; "" lists from the beginning
	Delimiter string // what stands for keys that go on behind it is their common prefix; "" groups nothing
}

// Entry is an object of a listing, or a common prefix of several.
type Entry struct {
	Key      string
	Prefix   bool // Key is the beginning of keys, up to a delimiter
	Size     int64
	Modified time.Time
}

// List yields the objects whose URI begins with the prefix, in byte order of
// their keys. It holds the names of one directory and of those above it in
// memory. Objects that come or go meanwhile may be missed. Directories behind
// symbolic links are not listed.
func (d *Directory) List(ctx context.Context, prefix string) iter.Seq2[outcrop.Object, error] {
	return func(yield func(outcrop.Object, error) bool) {
		bucket, key, err := ParsePrefix(prefix)
		if err != nil {
			yield(outcrop.Object{}, err)
			return
		}
		for e, err := range d.Entries(ctx, Query{Bucket: bucket, Prefix: key}) {
			if err != nil {
				yield(outcrop.Object{}, err)
				return
			}
			if !yield(outcrop.Object{URI: scheme + bucket + "/" + e.Key, Size: e.Size, Modified: e.Modified}, nil) {
				return
			}
		}
	}
}

// Entries is List with S3's ways to page and to group. Beginning behind a key
// reads the names of the directories on the way to it, and no more.
func (d *Directory) Entries(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := d.bucket(q.Bucket); err != nil {
			yield(Entry{}, err)
			return
		}
		l := lister{d: d, ctx: ctx, Query: q, yield: yield}
		l.walk(q.Bucket, "")
	}
}

type lister struct {
	Query
	d     *Directory
	ctx   context.Context
	skip  string // keys with this prefix have been dealt with; "" is none
	yield func(Entry, error) bool
}

// name is one name as S3 sees it: an object, or with a slash at the end of
// its key the directory of others.
type name struct {
	key  string
	path string
	dir  bool
}

// walk yields what lies in a directory, whose keys begin with base. It returns
// false when the listing is over.
func (l *lister) walk(dir, base string) bool {
	if err := l.ctx.Err(); err != nil {
		l.yield(Entry{}, outcrop.AsError(err))
		return false
	}
	names, err := l.read(dir, base)
	if errors.Is(err, fs.ErrNotExist) && dir != l.Bucket {
		return true // gone meanwhile, with its last object
	}
	if err != nil {
		l.yield(Entry{}, failure("listed", scheme+l.Bucket+"/"+base, err))
		return false
	}
	// With its slash at the end, a directory sorts where its first object
	// would, which is not where its bare name does: "a-b" < "a/b" < "ab".
	slices.SortFunc(names, func(a, b name) int { return cmp.Compare(a.key, b.key) })
	for _, n := range names {
		if l.passed(&n) {
			continue
		}
		if n.dir {
			if !l.walk(n.path, n.key) {
				return false
			}
		} else if !l.object(&n) {
			return false
		}
	}
	return true
}

// passed tells whether nothing of a name is to be listed any more.
func (l *lister) passed(n *name) bool {
	if l.skip != "" && strings.HasPrefix(n.key, l.skip) {
		return true
	}
	if n.key > l.After || n.dir && strings.HasPrefix(l.After, n.key) {
		return false
	}
	return l.After != ""
}

// object yields an object, or the prefix that stands for it and for others.
func (l *lister) object(n *name) bool {
	info, err := l.d.root.Stat(n.path)
	if err != nil || !info.Mode().IsRegular() {
		return true // gone meanwhile, a pipe, or a link that leads nowhere
	}
	if l.Delimiter != "" {
		if i := strings.Index(n.key[len(l.Prefix):], l.Delimiter); i >= 0 {
			l.skip = n.key[:len(l.Prefix)+i+len(l.Delimiter)]
			return l.skip <= l.After || l.yield(Entry{Key: l.skip, Prefix: true}, nil)
		}
	}
	return l.yield(Entry{Key: n.key, Size: info.Size(), Modified: info.ModTime()}, nil)
}

// read is the names of a directory that the prefix lets through. The names
// of a part that goes on in a directory below count as names of this one.
func (l *lister) read(dir, base string) ([]name, error) {
	files, err := fs.ReadDir(l.d.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var names []name
	for _, file := range files {
		part, more, ok := decodeName(file.Name())
		if !ok {
			continue
		}
		n := name{key: base + part, path: path.Join(dir, file.Name()), dir: file.IsDir()}
		if n.dir && (strings.HasPrefix(n.key, l.Prefix) || strings.HasPrefix(l.Prefix, n.key)) {
			if more {
				below, err := l.read(n.path, n.key)
				if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone meanwhile
					return nil, err
				}
				names = append(names, below...)
				continue
			}
			n.key += "/"
			if strings.HasPrefix(n.key, l.Prefix) || strings.HasPrefix(l.Prefix, n.key) {
				names = append(names, n)
			}
			continue
		}
		if more || n.dir || !strings.HasPrefix(n.key, l.Prefix) {
			continue
		}
		names = append(names, n)
	}
	return names, nil
}
