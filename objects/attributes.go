package objects

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"
)

// Attributes are what an object has besides its bytes. They must not be
// changed once they were given away.
type Attributes struct {
	ETag     string            `json:"etag,omitempty"`     // without its quotation marks
	Header   map[string]string `json:"header,omitempty"`   // Content-Type, Cache-Control, …, by canonical name
	Metadata map[string]string `json:"metadata,omitempty"` // of the user, by lower-case name
	Checksum Checksum          `json:"checksum,omitzero"`
}

// Checksum is one that a client gave, and that was found right.
type Checksum struct {
	Algorithm string `json:"algorithm,omitempty"` // CRC32, CRC32C, CRC64NVME, SHA1, SHA256
	Value     string `json:"value,omitempty"`     // base64; with -N at its end when it is of N parts' checksums
}

// Info describes an object.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
	Attributes
}

// Attributes lie in a file apart from the object, so that the object stays a
// file like any other. The file says of which version of the object it tells;
// when a person has replaced the object by hand, it no longer counts. It is
// named by a hash: the names of keys do not fit when objects and folders
// changed places.
//
// The directories of such files begin as unfinished files do, so that no
// listing shows them: a bucket's name cannot, and a key's is not written so.
const (
	aboutDir   = unfinished + "about"
	bucketsDir = unfinished + "buckets"
	uploadsDir = unfinished + "uploads"
)

// formatVersion is that of the files about objects, buckets and uploads.
const formatVersion = 1

// about is the file about an object.
type about struct {
	Version  int       `json:"version"`
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Attributes
}

func aboutPath(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return path.Join(aboutDir, bucket, name[:2], name+".json")
}

// info is what is known of an object whose file is there.
func (d *Directory) info(bucket, key string, file fs.FileInfo) Info {
	return d.described(bucket, Info{Key: key, Size: file.Size(), Modified: file.ModTime()})
}

// described adds the attributes that tell of this version of an object.
func (d *Directory) described(bucket string, info Info) Info {
	var a about
	err := d.readJSON(aboutPath(bucket, info.Key), &a)
	if err == nil && a.Version == formatVersion && a.Key == info.Key && a.Size == info.Size && a.Modified.Equal(info.Modified) {
		info.Attributes = a.Attributes
	}
	if info.ETag == "" {
		info.ETag = madeETag(info.Key, &info)
	}
	return info
}

// ETag is the ETag of an object in a listing.
func (d *Directory) ETag(bucket string, e *Entry) string {
	return d.described(bucket, Info{Key: e.Key, Size: e.Size, Modified: e.Modified}).ETag
}

// madeETag is the ETag of an object that nobody computed one for. It changes
// with the file, and has the form of one that is no MD5.
func madeETag(key string, info *Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", key, info.Size, info.Modified.UnixNano()))
	return hex.EncodeToString(sum[:16]) + "-1"
}

func (d *Directory) readJSON(name string, into any) error {
	text, err := d.root.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// draftJSON writes a value to a temporary file beside its place, synced, for a
// rename to put it there.
func (d *Directory) draftJSON(name string, value any) (temporary string, err error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return "", err
	}
	temporary = path.Join(path.Dir(name), unfinished+rand.Text())
	file, err := d.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = d.root.Remove(temporary)
	}
	return temporary, err
}

// writeJSON writes a value where it is whole or not there.
func (d *Directory) writeJSON(name string, value any) error {
	temporary, err := d.draftJSON(name, value)
	if err != nil {
		return err
	}
	if err := d.root.Rename(temporary, name); err != nil {
		_ = d.root.Remove(temporary)
		return err
	}
	return d.syncDirectory(path.Dir(name))
}

// remove removes a file that may be gone.
func (d *Directory) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
