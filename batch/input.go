package batch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// source is a job's input. It can be read any number of times, from one
// goroutine at a time each.
type source struct {
	objects outcrop.Objects
	limits  Limits
	files   []inputFile
}

// inputFile is one object with records, or the inline body.
type inputFile struct {
	uri    string // for messages: of the object, or the field of the request
	name   string // below the job's output, without its ending .out
	inline []byte
}

// record is one line of the input.
type record struct {
	index int // in the job, from 0
	file  int // in source.files
	line  int // in its file, from 1
	id    string
	input bedrock.Document
	bad   *outcrop.Error // why this record cannot be sent; nil when it can
	size  int            // bytes of the line
}

// findFiles looks up which objects a task reads. A prefix without any is an
// error; whether a single object exists shows when it is opened.
func findFiles(ctx context.Context, objects outcrop.Objects, t *task, limits Limits) ([]inputFile, error) {
	switch {
	case t.inline != nil:
		return []inputFile{{uri: "inputDataConfig.text", name: inlineName, inline: t.inline}}, nil
	case t.object != "":
		return []inputFile{{uri: t.object, name: t.object[strings.LastIndexByte(t.object, '/')+1:]}}, nil
	}
	var files []inputFile
	for object, err := range objects.List(ctx, t.folder) {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(object.URI, recordsSuffix) {
			continue // pictures and videos that records refer to lie beside them
		}
		if len(files) == limits.MaxFiles {
			return nil, outcrop.Errorf(bedrock.CodeValidation, "%s holds more than %d %s objects", t.folder, limits.MaxFiles, recordsSuffix)
		}
		files = append(files, inputFile{uri: object.URI, name: strings.TrimPrefix(object.URI, t.folder)})
	}
	if len(files) == 0 {
		return nil, outcrop.Errorf(bedrock.CodeResourceNotFound, "%s holds no %s object", t.folder, recordsSuffix)
	}
	return files, nil
}

// records yields the job's records in order. An error is the last pair: the
// input cannot be read, or is not made of records; it names object and line.
// What is yielded belongs to the receiver.
func (s *source) records(ctx context.Context) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		index, room := 0, s.limits.MaxJobBytes
		for i := range s.files {
			reader := fileReader{file: &s.files[i], limits: &s.limits, room: room}
			for r, err := range reader.records(ctx, s.objects) {
				if err != nil {
					yield(nil, err)
					return
				}
				r.index, r.file = index, i
				if r.id == "" {
					r.id = fmt.Sprintf("R%010d", index+1)
				}
				index++
				if !yield(r, nil) {
					return
				}
			}
			room -= reader.read
		}
	}
}

// fileReader reads the records of one file.
type fileReader struct {
	file   *inputFile
	limits *Limits
	room   int64 // bytes that the job may still read
	read   int64 // bytes that were read
	line   int   // the line being read, from 1
}

func (f *fileReader) records(ctx context.Context, objects outcrop.Objects) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		if f.file.inline != nil {
			yield(&record{line: 1, input: f.file.inline, size: len(f.file.inline)}, nil)
			return
		}
		object, err := objects.Open(ctx, f.file.uri)
		if err != nil {
			yield(nil, err)
			return
		}
		defer object.Close()
		// Two bytes more than a line may have, for its ending.
		lines := bufio.NewScanner(object)
		lines.Buffer(make([]byte, min(64<<10, f.limits.MaxLineBytes+2)), f.limits.MaxLineBytes+2)
		lines.Split(f.split)
		for lines.Scan() {
			f.line++
			r, err := f.parse(lines.Bytes())
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, outcrop.AsError(err))
				return
			}
			if r != nil && !yield(r, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			f.line++
			yield(nil, f.unreadable(err))
		}
	}
}

var errTooLarge = errors.New("too large")

// split is bufio.ScanLines that counts bytes on the way.
func (f *fileReader) split(data []byte, atEOF bool) (int, []byte, error) {
	advance, line, err := bufio.ScanLines(data, atEOF)
	f.read += int64(advance)
	if f.read > min(f.limits.MaxFileBytes, f.room) {
		return 0, nil, errTooLarge
	}
	return advance, line, err
}

func (f *fileReader) unreadable(err error) error {
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return f.wrong("the line has more than %d bytes", f.limits.MaxLineBytes)
	case errors.Is(err, errTooLarge) && f.read > f.limits.MaxFileBytes:
		return outcrop.Errorf(bedrock.CodeValidation, "%s has more than %d bytes", f.file.uri, f.limits.MaxFileBytes)
	case errors.Is(err, errTooLarge):
		return outcrop.Errorf(bedrock.CodeValidation, "the job's input has more than %d bytes, with %s", f.limits.MaxJobBytes, f.file.uri)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return f.wrong("the object ends early")
	}
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		return e
	}
	e := outcrop.Errorf(bedrock.CodeInternalServer, "%s, line %d: the object cannot be read on", f.file.uri, f.line)
	e.Cause = err
	return e
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// parse makes a record of a line, or nil of a blank one.
func (f *fileReader) parse(line []byte) (*record, error) {
	if f.line == 1 {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if len(line) > f.limits.MaxLineBytes {
		return nil, f.unreadable(bufio.ErrTooLong)
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil
	}
	if !utf8.Valid(line) {
		return nil, f.wrong("the line is not valid UTF-8")
	}
	var wire struct {
		RecordID   *string          `json:"recordId"`
		ModelInput bedrock.Document `json:"modelInput"`
	}
	if err := bedrock.Unmarshal(line, &wire); err != nil {
		return nil, f.wrong("%w", err)
	}
	// A line of null reads as an empty record.
	if bedrock.Document(line).Kind() != '{' {
		return nil, f.wrong("the line is not a JSON object")
	}
	r := &record{line: f.line, input: wire.ModelInput, size: len(line)}
	if wire.RecordID != nil {
		if r.id = *wire.RecordID; r.id == "" {
			return nil, f.wrong("recordId is empty; leave it out to have one made")
		}
	}
	switch {
	case wire.ModelInput == nil:
		r.input = bedrock.Document("null")
		r.bad = outcrop.Invalid("modelInput", "is missing")
	case wire.ModelInput.Kind() != '{':
		r.bad = outcrop.Invalid("modelInput", "is not a JSON object")
	}
	return r, nil
}

// wrong is an error about the line that is being read.
func (f *fileReader) wrong(format string, args ...any) error {
	e := outcrop.Errorf(bedrock.CodeValidation, format, args...)
	e.Message = fmt.Sprintf("%s, line %d: %s", f.file.uri, f.line, e.Message)
	return e
}
