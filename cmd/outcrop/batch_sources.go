package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// promptRow is a row of a source: its members by name, in their order.
type promptRow struct {
	names  []string
	values map[string]string
	text   string // the whole row
	place  string // its file and number, which is its id where it has none
}

// prompts reads the prompts of a source: a CSV or JSONL file, or a folder of
// text files.
func prompts(source string, o *batchPack) iter.Seq2[packItem, error] {
	return func(yield func(packItem, error) bool) {
		for row, err := range promptRows(source) {
			if err != nil {
				yield(packItem{}, usageError{err})
				return
			}
			item, err := o.item(row)
			if err != nil {
				yield(packItem{}, usageError{fmt.Errorf("%s: %w", source, err)})
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// item is a row as a prompt.
func (o *batchPack) item(row *promptRow) (packItem, error) {
	item := packItem{ID: row.place, Text: row.text}
	id := o.id
	if id == "" {
		id = "id"
	}
	if value, there := row.values[id]; there {
		item.ID = value
	} else if o.id != "" {
		return item, fmt.Errorf("row %s has no %q; it has %s", row.place, o.id, strings.Join(row.names, ", "))
	}
	if o.column != "" {
		value, there := row.values[o.column]
		if !there {
			return item, fmt.Errorf("row %s has no %q; it has %s", row.place, o.column, strings.Join(row.names, ", "))
		}
		item.Text = value
	}
	if o.template == "" {
		return item, nil
	}
	text, err := row.fill(o.template, item.Text)
	item.Text = text
	return item, err
}

var slot = regexp.MustCompile(`\{([^{}\s]+)\}`)

// fill puts the row's members into a template. What stands in braces and is no
// member of any row is a mistake, not text.
func (r *promptRow) fill(template, text string) (string, error) {
	var unknown string
	filled := slot.ReplaceAllStringFunc(template, func(found string) string {
		name := found[1 : len(found)-1]
		if value, there := r.values[name]; there {
			return value
		}
		if name == "text" {
			return text
		}
		unknown = name
		return found
	})
	if unknown != "" {
		return "", fmt.Errorf("--template names {%s}, and row %s has %s", unknown, r.place, strings.Join(append(slices.Clone(r.names), "text"), ", "))
	}
	return filled, nil
}

// promptRows reads the rows of a source. An error names it.
func promptRows(source string) iter.Seq2[*promptRow, error] {
	return func(yield func(*promptRow, error) bool) {
		named := func(row *promptRow, err error) bool {
			if about, ok := errors.AsType[*fs.PathError](err); ok {
				err = fmt.Errorf("%s: %w", about.Path, about.Err)
			} else if err != nil {
				err = fmt.Errorf("%s: %w", source, err)
			}
			return yield(row, err)
		}
		info, err := os.Stat(source)
		switch {
		case err != nil:
			named(nil, err)
		case info.IsDir():
			folderRows(source, named)
		case strings.EqualFold(filepath.Ext(source), ".csv"):
			withFile(source, named, csvPrompts)
		default:
			withFile(source, named, jsonPrompts)
		}
	}
}

func withFile(path string, yield func(*promptRow, error) bool, read func(io.Reader, func(*promptRow, error) bool)) {
	f, err := os.Open(path)
	if err != nil {
		yield(nil, err)
		return
	}
	defer f.Close()
	read(f, yield)
}

// maxPromptFile is the largest file of a folder that is taken as a prompt.
const maxPromptFile = 20 << 20

// folderRows reads the text files of a folder, in the order of their names.
func folderRows(dir string, yield func(*promptRow, error) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		yield(nil, err)
		return
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.Size() > maxPromptFile {
			err = fmt.Errorf("%s has %s; a prompt may have %s", entry.Name(), size(info.Size()), size(maxPromptFile))
		}
		var text []byte
		if err == nil {
			text, err = os.ReadFile(filepath.Join(dir, entry.Name()))
		}
		if err != nil {
			yield(nil, err)
			return
		}
		row := &promptRow{names: []string{"name"}, values: map[string]string{"name": entry.Name()}, text: string(text), place: entry.Name()}
		if !yield(row, nil) {
			return
		}
	}
}

func csvPrompts(r io.Reader, yield func(*promptRow, error) bool) {
	reader := csv.NewReader(r)
	header, err := reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		yield(nil, err)
		return
	}
	for n := 1; ; n++ {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		row := &promptRow{names: header, values: map[string]string{}, place: strconv.Itoa(n)}
		var lines []string
		for i, name := range header {
			row.values[name] = cells[i]
			lines = append(lines, name+": "+cells[i])
		}
		row.text = strings.Join(lines, "\n")
		if !yield(row, nil) {
			return
		}
	}
}

// jsonPrompts reads texts and objects, one a line or one after another.
func jsonPrompts(r io.Reader, yield func(*promptRow, error) bool) {
	d := json.NewDecoder(r)
	for n := 1; ; n++ {
		var value json.RawMessage
		err := d.Decode(&value)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, fmt.Errorf("row %d is not JSON: %w", n, err))
			return
		}
		row := &promptRow{values: map[string]string{}, place: strconv.Itoa(n), text: string(value)}
		var text string
		var object map[string]any
		if json.Unmarshal(value, &text) == nil {
			row.text = text
		} else if json.Unmarshal(value, &object) == nil {
			for name, v := range object {
				row.names = append(row.names, name)
				if s, ok := v.(string); ok {
					row.values[name] = s
				} else if inner, err := json.Marshal(v); err == nil {
					row.values[name] = string(inner)
				}
			}
			slices.Sort(row.names)
		}
		if !yield(row, nil) {
			return
		}
	}
}
