package local

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// PutFile copies a file to an s3:// URI.
func (l *Local) PutFile(ctx context.Context, uri, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := l.Objects().Create(ctx, uri)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Commit()
}

// CopyOut copies the objects under an s3:// prefix into a directory, where they
// lie as they do below the prefix's folder, and returns the files it wrote. An
// object whose key cannot be the path of such a file is a ValidationException.
func (l *Local) CopyOut(ctx context.Context, prefix, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
	var files []string
	for object, err := range l.Objects().List(ctx, prefix) {
		if err != nil {
			return files, err
		}
		name := strings.TrimPrefix(object.URI, folder)
		if name == "" || strings.HasSuffix(name, "/") {
			continue // a folder, as consoles make them
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return files, outcrop.Errorf(bedrock.CodeValidation, "%s cannot be copied to %s: its name leads elsewhere", object.URI, dir)
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := l.copyOut(ctx, object.URI, file); err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}

// copyOut writes one file, which appears only when it is whole.
func (l *Local) copyOut(ctx context.Context, uri, file string) error {
	in, err := l.Objects().Open(ctx, uri)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(file), ".outcrop-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if closing := out.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(out.Name(), file)
}

// ResultsPath is where the results of a job lie on disk, or their URI when
// they lie elsewhere.
func (l *Local) ResultsPath(out bedrock.ModelInvocationJobOutputDataConfig, jobID string) string {
	uri := out.S3URI
	if out.S3OutputDataConfig != nil {
		uri = out.S3OutputDataConfig.S3URI
	}
	uri = strings.TrimSuffix(uri, "/") + "/" + jobID + "/"
	directory := l.Directory()
	if directory == nil {
		return uri
	}
	file, err := directory.Path(uri)
	if err != nil {
		return uri
	}
	return file
}

var _ outcrop.Backend = (*Local)(nil) // what a Manager is, a Local is too
