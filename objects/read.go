package objects

import (
	"context"
	"io"
	"os"
	"path"

	"github.com/outcrop-ai/outcrop"
)

// Open reads an object from its beginning.
func (d *Directory) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	file, _, err := d.OpenFile(ctx, uri)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// OpenFile opens the file of an object and says what is known of it. The two
// are of one version, also while others write.
func (d *Directory) OpenFile(ctx context.Context, uri string) (*os.File, Info, error) {
	bucket, key, err := d.find(ctx, uri)
	if err != nil {
		return nil, Info{}, err
	}
	name := path.Join(bucket, encodeKey(key))
	d.mu.RLock()
	defer d.mu.RUnlock()
	// Asked before it is opened: opening a pipe would wait for its writer.
	there, err := d.root.Stat(name)
	if err != nil {
		return nil, Info{}, failure("read", uri, err)
	}
	if !there.Mode().IsRegular() {
		return nil, Info{}, noObject(uri)
	}
	file, err := d.root.Open(name)
	if err != nil {
		return nil, Info{}, failure("read", uri, err)
	}
	if there, err = file.Stat(); err != nil {
		file.Close()
		return nil, Info{}, failure("read", uri, err)
	}
	return file, d.info(bucket, key, there), nil
}

// find splits a URI whose bucket is there.
func (d *Directory) find(ctx context.Context, uri string) (bucket, key string, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", outcrop.AsError(err)
	}
	if bucket, key, err = ParseURI(uri); err == nil {
		err = d.bucket(bucket)
	}
	return bucket, key, err
}

// Delete removes an object. One that is not there is no error, as in S3.
// Folders that are empty afterwards go too.
func (d *Directory) Delete(ctx context.Context, uri string) error {
	bucket, key, err := d.find(ctx, uri)
	if err != nil {
		return err
	}
	name := path.Join(bucket, encodeKey(key))
	there, err := d.root.Lstat(name)
	if err != nil {
		if err = failure("read", uri, err); outcrop.AsError(err).Code == codeNotFound {
			return nil
		}
		return err
	}
	if there.IsDir() {
		return nil
	}
	d.mu.Lock()
	err = d.remove(name)
	if err == nil {
		err = d.remove(aboutPath(bucket, key))
	}
	d.mu.Unlock()
	if err != nil {
		return failure("deleted", uri, err)
	}
	dir := path.Dir(name)
	for dir != bucket && d.root.Remove(dir) == nil { // fails on the first that is not empty
		dir = path.Dir(dir)
	}
	return failure("deleted", uri, d.syncDirectory(dir))
}
