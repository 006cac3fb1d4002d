package objects

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// Leftover is what a process that was killed left behind: a file of an object
// that was never whole, or an upload that nobody completed.
type Leftover struct {
	Path     string    `json:"path"` // below the directory
	Size     int64     `json:"size"` // bytes, of an upload all of its parts
	Modified time.Time `json:"modified"`
}

// Leftovers lists what nobody has written to since a time, and removes it unless
// dry says otherwise. The time must lie so far back that no writer that is still
// at work has paused since.
func (d *Directory) Leftovers(ctx context.Context, before time.Time, dry bool) ([]Leftover, error) {
	list := []Leftover{}
	err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went meanwhile
		case err != nil:
			return err
		case path.Dir(name) == uploadsDir && e.IsDir():
			if left, ok := d.upload(name); ok && left.Modified.Before(before) {
				list = append(list, left)
				if !dry {
					if err := d.dropUpload(path.Base(name)); err != nil {
						return err
					}
				}
			}
			return fs.SkipDir
		case !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), unfinished):
			return nil
		}
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			return nil //nolint:nilerr // it went meanwhile
		}
		list = append(list, Leftover{name, info.Size(), info.ModTime()})
		if dry {
			return nil
		}
		return d.remove(name)
	})
	if err != nil && ctx.Err() != nil {
		return list, outcrop.AsError(ctx.Err())
	}
	if err != nil {
		return list, failure("listed", scheme, err)
	}
	return list, nil
}

// upload is an upload's directory as a leftover: as old as its newest part.
func (d *Directory) upload(dir string) (Leftover, bool) {
	left := Leftover{Path: dir}
	entries, err := fs.ReadDir(d.root.FS(), dir)
	if err != nil {
		return left, false
	}
	if info, err := d.root.Stat(dir); err == nil {
		left.Modified = info.ModTime()
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return left, false // it is being worked on
		}
		left.Size += info.Size()
		if info.ModTime().After(left.Modified) {
			left.Modified = info.ModTime()
		}
	}
	return left, true
}
