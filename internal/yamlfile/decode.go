package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
)

// Read reads a file that may have limit bytes at most.
func Read(path string, limit int64) ([]byte, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(data)) > limit {
		return nil, nil, fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return data, info, nil
}

// Decode reads a text into Go values, and refuses keys that they have no place
// for. An empty text is one without keys. The file's name is for errors,
// as is kind: "a keys file".
func Decode(name, kind string, data []byte, into any) error {
	err := guarded(data, func() error {
		return yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(into)
	})
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return plain(name, kind, err)
}

var errGaveUp = errors.New("the YAML library gave up")

// guarded runs the library on a text. A panic of its own must not end the
// program.
func guarded(data []byte, read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errGaveUp
		}
	}()
	if nesting(data) > maxNesting {
		return errGaveUp
	}
	return read()
}

// maxNesting bounds brackets within brackets and dashes behind dashes, which
// the library reads by recursion: a stack that is used up cannot be recovered
// from.
const maxNesting = 200

// nesting is at least how deep the brackets and the dashes of a text nest.
// Quotes and comments are not looked at, so that those in them count too.
func nesting(data []byte) int {
	brackets, dashes, deepest := 0, 0, 0
	lineHead := true // only spaces and dashes so far
	for _, b := range data {
		switch b {
		case '[', '{':
			brackets++
		case ']', '}':
			brackets = max(0, brackets-1)
		case '\n', '\r':
			lineHead, dashes = true, 0
			continue
		case ' ', '\t':
			continue
		case '-':
			if lineHead {
				dashes++
			}
		}
		lineHead = lineHead && b == '-'
		deepest = max(deepest, brackets, dashes)
	}
	return deepest
}
