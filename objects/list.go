package objects

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
)

// List yields the objects whose URI begins with the prefix, in byte order of
// their keys. It holds the names of one directory and of those above it in
// memory. Objects that come or go meanwhile may be missed. Directories behind
// symbolic links are not listed.
func (d *Directory) List(ctx context.Context, prefix string) iter.Seq2[outcrop.Object, error] {
	return func(yield func(outcrop.Object, error) bool) {
		bucket, key, err := splitURI(prefix)
		if err == nil {
			err = d.bucket(bucket)
		}
		if err != nil {
			yield(outcrop.Object{}, err)
			return
		}
		l := lister{d: d, ctx: ctx, bucket: bucket, prefix: key, yield: yield}
		l.walk(bucket, "")
	}
}

type lister struct {
	d              *Directory
	ctx            context.Context
	bucket, prefix string
	yield          func(outcrop.Object, error) bool
}

// entry is one name as S3 sees it: an object, or with a slash at the end of
// its key the directory of others.
type entry struct {
	key  string
	path string
	size int64
}

func (e *entry) isDirectory() bool { return e.size < 0 }

// walk yields what lies in a directory, whose keys begin with base. It returns
// false when the listing is over.
func (l *lister) walk(dir, base string) bool {
	if err := l.ctx.Err(); err != nil {
		l.yield(outcrop.Object{}, outcrop.AsError(err))
		return false
	}
	entries, err := l.read(dir, base)
	if err != nil {
		l.yield(outcrop.Object{}, failure("listed", scheme+l.bucket+"/"+base, err))
		return false
	}
	// With its slash at the end, a directory sorts where its first object
	// would, which is not where its bare name does: "a-b" < "a/b" < "ab".
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	for _, e := range entries {
		if e.isDirectory() {
			if !l.walk(e.path, e.key) {
				return false
			}
		} else if !l.yield(outcrop.Object{URI: scheme + l.bucket + "/" + e.key, Size: e.size}, nil) {
			return false
		}
	}
	return true
}

// read is the entries of a directory that the prefix lets through. The names
// of a part that goes on in a directory below count as names of this one.
func (l *lister) read(dir, base string) ([]entry, error) {
	files, err := fs.ReadDir(l.d.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, file := range files {
		part, more, ok := decodeName(file.Name())
		if !ok {
			continue
		}
		e := entry{key: base + part, path: path.Join(dir, file.Name())}
		if file.IsDir() && (strings.HasPrefix(e.key, l.prefix) || strings.HasPrefix(l.prefix, e.key)) {
			if more {
				below, err := l.read(e.path, e.key)
				if err != nil {
					return nil, err
				}
				entries = append(entries, below...)
				continue
			}
			e.key, e.size = e.key+"/", -1
			if strings.HasPrefix(e.key, l.prefix) || strings.HasPrefix(l.prefix, e.key) {
				entries = append(entries, e)
			}
			continue
		}
		if more || !strings.HasPrefix(e.key, l.prefix) {
			continue
		}
		info, err := l.d.root.Stat(e.path)
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, a pipe, or a link that leads nowhere
		}
		e.size = info.Size()
		entries = append(entries, e)
	}
	return entries, nil
}
