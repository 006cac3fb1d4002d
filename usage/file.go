package usage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

// Format is the version of the lines that this package writes. Lines of
// another version are refused, by name.
const Format = 1

const (
	hourForm  = "2006-01-02T15"
	extension = ".jsonl"
)

// line is one line of a file.
type line struct {
	Format int `json:"v"`
	Key
	Counts
}

func fileName(hour time.Time) string { return hour.UTC().Format(hourForm) + extension }

// files lists the hours that have a file, the oldest first.
func files(dir string) ([]time.Time, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var hours []time.Time
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), extension)
		if !ok {
			continue
		}
		if hour, err := time.Parse(hourForm, name); err == nil {
			hours = append(hours, hour)
		}
	}
	return hours, nil
}

// appendRows adds lines to the file of an hour, and takes those that are in it
// out of counts, also when it fails: a disk that is full may take some lines, and
// a part of one, which is then passed over. What is left is to be tried again.
func appendRows(dir string, hour time.Time, counts map[Key]*Counts) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, fileName(hour)), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var begin []byte
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := []byte{'\n'}
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			begin = []byte{'\n'} // after half a line
		}
	}
	text, ends, err := appendLines(begin, counts)
	n := 0
	if err == nil {
		n, err = f.Write(text)
	}
	for key, end := range ends {
		if n >= end-1 { // without its line ending it is read all the same
			delete(counts, key)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// appendLines adds a line for each key to text, and tells where it ends.
func appendLines(text []byte, counts map[Key]*Counts) ([]byte, map[Key]int, error) {
	ends := make(map[Key]int, len(counts))
	for key, c := range counts {
		one, err := json.Marshal(line{Format, key, *c})
		if err != nil {
			return nil, nil, err
		}
		text = append(append(text, one...), '\n')
		ends[key] = len(text)
	}
	return text, ends, nil
}

// readFile reads the file of an hour. lines is how many it had.
func readFile(dir string, hour time.Time) (sums map[Key]*Counts, lines int, err error) {
	path := filepath.Join(dir, fileName(hour))
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // removed since
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	sums, lines, err = parse(f)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return sums, lines, nil
}

// maxLine bounds a line, in bytes.
const maxLine = 1 << 20

// parse adds lines up. A line that is no JSON is half of one that a power cut
// left, and is passed over; so is one too long to be ours.
func parse(r io.Reader) (sums map[Key]*Counts, lines int, err error) {
	sums = map[Key]*Counts{}
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := readLine(in)
		if err == io.EOF && len(text) == 0 { //nolint:errorlint // readers return io.EOF itself
			return sums, lines, nil
		}
		if err != nil && err != io.EOF { //nolint:errorlint // as above
			return sums, lines, err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		lines++
		var one line
		if json.Unmarshal(text, &one) != nil {
			continue
		}
		if one.Format != Format {
			return nil, 0, fmt.Errorf("line %d: v: it is %d, and this program reads %d: another version wrote it", lines, one.Format, Format)
		}
		if sums[one.Key] == nil {
			sums[one.Key] = &Counts{}
		}
		sums[one.Key].Add(one.Counts)
	}
}

// readLine reads a line; an error comes with what there was of it. Of one
// that is longer than maxLine it keeps a beginning, which is no JSON.
func readLine(in *bufio.Reader) (text []byte, err error) {
	for {
		piece, err := in.ReadSlice('\n')
		if len(text) <= maxLine {
			text = append(text, piece...)
		}
		if err != bufio.ErrBufferFull { //nolint:errorlint // bufio returns it itself
			return text, err
		}
	}
}

// compact rewrites the file of a past hour as sums, where that makes it
// shorter.
func compact(dir string, hour time.Time) error {
	sums, lines, err := readFile(dir, hour)
	if err != nil || lines <= len(sums) {
		return err
	}
	text, _, err := appendLines(nil, sums)
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(dir, fileName(hour)), text)
}
