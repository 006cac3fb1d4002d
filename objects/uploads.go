package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
)

// ErrNoUpload is the cause of a ResourceNotFoundException about an upload.
var ErrNoUpload = errors.New("there is no such upload")

// Upload is an object that arrives in parts. It survives a restart.
type Upload struct {
	Version      int        `json:"version"`
	ID           string     `json:"id"`
	Bucket       string     `json:"bucket"`
	Key          string     `json:"key"`
	Owner        string     `json:"owner"` // the account that began it
	Initiated    time.Time  `json:"initiated"`
	Attributes   Attributes `json:"attributes"`
	Algorithm    string     `json:"algorithm,omitempty"` // of the parts' checksums
	ChecksumType string     `json:"checksumType,omitempty"`
}

func (u *Upload) uri() string { return scheme + u.Bucket + "/" + u.Key }

// Part is a part of an upload.
type Part struct {
	Number   int       `json:"number"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"` // the MD5 of its bytes
	Checksum Checksum  `json:"checksum,omitzero"`
	Modified time.Time `json:"modified"`
	File     string    `json:"file"` // in the upload's directory
}

const (
	uploadFile = "upload.json"
	partPrefix = "part-"
)

func uploadPath(id string) string { return path.Join(uploadsDir, id) }

func partPath(id string, number int) string {
	return path.Join(uploadPath(id), fmt.Sprintf("%s%05d.json", partPrefix, number))
}

func noUpload(id string) error {
	e := outcrop.Errorf(codeNotFound, "there is no upload %s", Shown(id))
	e.Cause = ErrNoUpload
	return e
}

// isUploadID keeps what clients send to what CreateUpload makes.
func isUploadID(id string) bool {
	return len(id) == len(rand.Text()) && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// CreateUpload begins an upload and returns it with its id.
func (d *Directory) CreateUpload(ctx context.Context, u Upload) (Upload, error) {
	if _, _, err := d.find(ctx, u.uri()); err != nil {
		return Upload{}, err
	}
	u.Version, u.ID = formatVersion, rand.Text()
	err := d.writeJSON(path.Join(uploadPath(u.ID), uploadFile), &u)
	if err == nil {
		err = d.syncDirectory(uploadsDir)
	}
	return u, failure("written", u.uri(), err)
}

// FindUpload finds an upload by its id.
func (d *Directory) FindUpload(ctx context.Context, id string) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return Upload{}, outcrop.AsError(err)
	}
	var u Upload
	if !isUploadID(id) {
		return u, noUpload(id)
	}
	if err := d.readJSON(path.Join(uploadPath(id), uploadFile), &u); err != nil || u.Version != formatVersion {
		return u, noUpload(id)
	}
	return u, nil
}

// Uploads lists the uploads into a bucket by key, those of a key by age.
func (d *Directory) Uploads(ctx context.Context, bucket string) ([]Upload, error) {
	entries, err := fs.ReadDir(d.root.FS(), uploadsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failure("listed", scheme+bucket, err)
	}
	var list []Upload
	for _, e := range entries {
		if u, err := d.FindUpload(ctx, e.Name()); err == nil && (bucket == "" || u.Bucket == bucket) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(a, b Upload) int {
		if a.Key != b.Key {
			return strings.Compare(a.Key, b.Key)
		}
		return a.Initiated.Compare(b.Initiated)
	})
	return list, ctx.Err()
}

// PartWriter writes a part.
type PartWriter struct {
	*Writer
	d    *Directory
	id   string
	part Part
}

// NewPart begins a part of an upload, in the place of one with the same number
// when it is committed.
func (d *Directory) NewPart(u *Upload, number int) (*PartWriter, error) {
	p := &PartWriter{d: d, id: u.ID, part: Part{Number: number, File: rand.Text()}}
	name := path.Join(uploadPath(u.ID), p.part.File)
	file, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noUpload(u.ID)
	}
	if err != nil {
		return nil, failure("written", u.uri(), err)
	}
	p.Writer = &Writer{uri: u.uri(), file: file, publish: p.publish, remove: func() error { return d.remove(name) }}
	return p, nil
}

// CommitPart makes the part one of the upload's. ETag, size and checksum are
// the caller's, who saw the bytes.
func (p *PartWriter) CommitPart(part Part) (Part, error) {
	part.Number, part.File = p.part.Number, p.part.File
	p.part = part
	err := p.Commit()
	return p.part, err
}

func (p *PartWriter) publish() error {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	var old Part
	replaces := p.d.readJSON(partPath(p.id, p.part.Number), &old) == nil
	if _, err := p.d.root.Stat(path.Join(uploadPath(p.id), uploadFile)); err != nil {
		return err // ended meanwhile
	}
	if err := p.d.writeJSON(partPath(p.id, p.part.Number), &p.part); err != nil {
		return err
	}
	if replaces && old.File != p.part.File {
		_ = p.d.remove(path.Join(uploadPath(p.id), old.File))
	}
	return nil
}

// Parts lists the parts of an upload in order.
func (d *Directory) Parts(u *Upload) ([]Part, error) {
	entries, err := fs.ReadDir(d.root.FS(), uploadPath(u.ID))
	if err != nil {
		return nil, noUpload(u.ID)
	}
	var list []Part
	for _, e := range entries { // ReadDir sorts
		if !strings.HasPrefix(e.Name(), partPrefix) {
			continue
		}
		var p Part
		if err := d.readJSON(path.Join(uploadPath(u.ID), e.Name()), &p); err != nil {
			return nil, failure("read", u.uri(), err)
		}
		list = append(list, p)
	}
	return list, nil
}

// Assemble makes the object of some of an upload's parts, in the order given,
// and ends the upload. The bytes also go to tee, unless it is nil; describe is
// then asked for the object's attributes. after is called behind each part.
func (d *Directory) Assemble(ctx context.Context, u *Upload, parts []Part, tee io.Writer, describe func() (Attributes, error), c Condition, after func()) (Info, error) {
	w, err := d.NewWriter(ctx, u.uri())
	if err != nil {
		return Info{}, err
	}
	defer w.Close()
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return Info{}, outcrop.AsError(err)
		}
		if err := d.append(w, u, &p, tee); err != nil {
			return Info{}, err
		}
		after()
	}
	a, err := describe()
	if err != nil {
		return Info{}, err
	}
	info, err := w.CommitAs(a, c)
	if err != nil {
		return Info{}, err
	}
	_ = d.dropUpload(u.ID) // the object is there; what is left expires
	return info, nil
}

func (d *Directory) append(w *Writer, u *Upload, p *Part, tee io.Writer) error {
	in, err := d.root.Open(path.Join(uploadPath(u.ID), p.File))
	if err != nil {
		return noUpload(u.ID)
	}
	defer in.Close()
	var n int64
	if tee == nil {
		n, err = w.ReadFrom(in)
	} else {
		n, err = io.Copy(io.MultiWriter(struct{ io.Writer }{w}, tee), in)
	}
	if err == nil && n != p.Size {
		err = outcrop.Errorf(codeInternal, "part %d of %s has %d bytes on disk and had %d", p.Number, Shown(u.uri()), n, p.Size)
	}
	return err
}

// AbortUpload ends an upload and removes its parts.
func (d *Directory) AbortUpload(u *Upload) error {
	return failure("deleted", u.uri(), d.dropUpload(u.ID))
}

// dropUpload removes first what makes it an upload: a crash leaves parts that
// belong to none, for ExpireUploads.
func (d *Directory) dropUpload(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.remove(path.Join(uploadPath(id), uploadFile)); err != nil {
		return err
	}
	return d.root.RemoveAll(uploadPath(id))
}

// ExpireUploads ends the uploads that were begun before a time, and removes
// what is left of others that old.
func (d *Directory) ExpireUploads(ctx context.Context, before time.Time) error {
	entries, err := fs.ReadDir(d.root.FS(), uploadsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		begun := before
		if u, finding := d.FindUpload(ctx, e.Name()); finding == nil {
			begun = u.Initiated
		} else if info, stating := e.Info(); stating == nil {
			begun = info.ModTime()
		}
		if begun.Before(before) {
			err = d.dropUpload(e.Name())
		}
	}
	return err
}
