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

	end int64 // bytes of the file up to the end of its line
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
			reader := fileReader{source: s, number: i, room: room}
			for {
				r, err := reader.next(ctx)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					reader.close()
					yield(nil, err)
					return
				}
				r.number(index)
				index++
				if !yield(r, nil) {
					reader.close()
					return
				}
			}
			reader.close()
			room -= reader.read
		}
	}
}

// number gives a record its place in the job.
func (r *record) number(index int) {
	r.index = index
	if r.id == "" {
		r.id = fmt.Sprintf("R%010d", index+1)
	}
}

// fileReader reads the records of one file, from its beginning or from a place
// that was told by an earlier reading. It opens the file when it is asked for
// the first record. It is used by one goroutine.
type fileReader struct {
	source *source
	number int   // its place in source.files
	room   int64 // bytes that the job may still read

	read int64 // bytes up to the end of the line that was read last
	line int   // that line, from 1

	object io.ReadCloser // nil before the first record; of an inline body always
	lines  *bufio.Scanner
}

// next is the next record, or io.EOF. Whoever stops earlier calls close.
func (f *fileReader) next(ctx context.Context) (*record, error) {
	if inline := f.file().inline; inline != nil {
		if f.line > 0 {
			return nil, io.EOF
		}
		f.line, f.read = 1, int64(len(inline))
		return &record{file: f.number, line: 1, input: inline, size: len(inline), end: f.read}, nil
	}
	if f.object == nil {
		if err := f.open(ctx); err != nil {
			return nil, err
		}
	}
	for f.lines.Scan() {
		f.line++
		r, err := f.parse(f.lines.Bytes())
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, outcrop.AsError(err)
		}
		if r != nil {
			r.file, r.end = f.number, f.read
			return r, nil
		}
	}
	if err := f.lines.Err(); err != nil {
		f.line++
		return nil, f.unreadable(err)
	}
	return nil, io.EOF
}

func (f *fileReader) file() *inputFile { return &f.source.files[f.number] }

// open opens the file where the reading is to go on.
func (f *fileReader) open(ctx context.Context) error {
	object, err := f.source.objects.Open(ctx, f.file().uri)
	if err != nil {
		return err
	}
	f.object = object
	if seeker, ok := object.(io.Seeker); ok {
		_, err = seeker.Seek(f.read, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, object, f.read)
	}
	if errors.Is(err, io.EOF) {
		return errChanged
	}
	if err != nil {
		return f.unreadable(err)
	}
	// Two bytes more than a line may have, for its ending.
	longest := f.source.limits.MaxLineBytes + 2
	f.lines = bufio.NewScanner(object)
	f.lines.Buffer(make([]byte, min(64<<10, longest)), longest)
	f.lines.Split(f.split)
	return nil
}

func (f *fileReader) close() {
	if f.object != nil {
		f.object.Close()
		f.object = nil
	}
}

var errTooLarge = errors.New("too large")

// split is bufio.ScanLines that counts bytes on the way.
func (f *fileReader) split(data []byte, atEOF bool) (int, []byte, error) {
	advance, line, err := bufio.ScanLines(data, atEOF)
	f.read += int64(advance)
	if f.read > min(f.source.limits.MaxFileBytes, f.room) {
		return 0, nil, errTooLarge
	}
	return advance, line, err
}

func (f *fileReader) unreadable(err error) error {
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return f.wrong("the line has more than %d bytes", f.source.limits.MaxLineBytes)
	case errors.Is(err, errTooLarge) && f.read > f.source.limits.MaxFileBytes:
		return outcrop.Errorf(bedrock.CodeValidation, "%s has more than %d bytes", f.file().uri, f.source.limits.MaxFileBytes)
	case errors.Is(err, errTooLarge):
		return outcrop.Errorf(bedrock.CodeValidation, "the job's input has more than %d bytes, with %s", f.source.limits.MaxJobBytes, f.file().uri)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return f.wrong("the object ends early")
	}
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		return e
	}
	e := outcrop.Errorf(bedrock.CodeInternalServer, "%s, line %d: the object cannot be read on", f.file().uri, f.line)
	e.Cause = err
	return e
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// parse makes a record of a line, or nil of a blank one.
func (f *fileReader) parse(line []byte) (*record, error) {
	if f.line == 1 {
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if len(line) > f.source.limits.MaxLineBytes {
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
	e.Message = fmt.Sprintf("%s, line %d: %s", f.file().uri, f.line, e.Message)
	return e
}
