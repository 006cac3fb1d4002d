package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// rows reads a CSV or JSONL file row by row, each as the text of a prompt. A
// CSV file has a header; its rows become "column: value" lines. A line of a
// JSONL file is taken as it is, or as the text it is when it is a string.
func rows(path string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield("", usageError{err})
			return
		}
		defer f.Close()
		read := jsonlRows
		if strings.EqualFold(filepath.Ext(path), ".csv") {
			read = csvRows
		}
		line := 0
		for text, err := range read(f) {
			line++
			if err != nil {
				yield("", usageError{fmt.Errorf("%s: row %d: %w", path, line, err)})
				return
			}
			if !yield(text, nil) {
				return
			}
		}
	}
}

func csvRows(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		reader := csv.NewReader(r)
		header, err := reader.Read()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the file is empty")
			}
			yield("", err)
			return
		}
		for {
			record, err := reader.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield("", err)
				return
			}
			var b strings.Builder
			for i, value := range record {
				fmt.Fprintf(&b, "%s: %s\n", header[i], value)
			}
			if !yield(strings.TrimSuffix(b.String(), "\n"), nil) {
				return
			}
		}
	}
}

func jsonlRows(r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxInput)
		for scanner.Scan() {
			line := strings.TrimSpace(scanner.Text())
			if line == "" {
				continue
			}
			if !json.Valid([]byte(line)) {
				yield("", errors.New("the line is not JSON"))
				return
			}
			var text string
			if json.Unmarshal([]byte(line), &text) != nil {
				text = line
			}
			if !yield(text, nil) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			yield("", err)
		}
	}
}
