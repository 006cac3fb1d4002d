package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
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
	return plain(name, kind, data, err)
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
	if nesting(lexer.Tokenize(string(data))) > maxNesting {
		return errGaveUp
	}
	return read()
}

// maxNesting bounds brackets within brackets and dashes behind dashes, which
// the library parses by recursion: a stack that is used up cannot be recovered
// from. Its lexer does not recurse.
const maxNesting = 200

// nesting is how deep the brackets nest, or how many dashes and question marks
// stand one behind another on a line, whichever is more. Those in texts do not
// count.
func nesting(tokens token.Tokens) int {
	brackets, row, line, deepest := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			row, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType:
			row++
			deepest = max(deepest, row)
			continue
		}
		row = 0
		deepest = max(deepest, brackets)
	}
	return deepest
}
