// Package maskbench loads labelled real-world schemas for tests: JSON files
// with a schema and instances that other validators called valid or invalid,
// as MaskBench and JSONSchemaBench publish them. They are not part of the
// repository.
//
// [Load] looks for them where OUTCROP_MASKBENCH says, a directory of JSON files
// or a tar.gz of them, then in .cache/maskbench.tar.gz; where there are none
// the test is skipped with a line that says so. It gives a sample, every
// eighth schema, so that `go test ./...` stays short; OUTCROP_LONG=1 gives all.
package maskbench

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Case is one file: a schema and its instances.
type Case struct {
	Name   string
	Schema json.RawMessage
	Tests  []Instance
}

// Instance is a value with its label.
type Instance struct {
	Description string          `json:"description"`
	Valid       bool            `json:"valid"`
	Data        json.RawMessage `json:"data"`
}

// Satisfiable tells whether a valid instance is known.
func (c *Case) Satisfiable() bool {
	return slices.ContainsFunc(c.Tests, func(i Instance) bool { return i.Valid })
}

// sampled is which part of the schemas a short run takes.
const sampled = 8

// Long tells whether the long runs were asked for.
func Long() bool { return os.Getenv("OUTCROP_LONG") == "1" }

// Load returns the cases by name, or skips the test.
func Load(tb testing.TB) []Case {
	tb.Helper()
	path := os.Getenv("OUTCROP_MASKBENCH")
	if path == "" {
		_, file, _, _ := runtime.Caller(0)
		path = filepath.Join(filepath.Dir(file), "..", "..", ".cache", "maskbench.tar.gz")
		if _, err := os.Stat(path); err != nil {
			tb.Skip("no labelled schemas: set OUTCROP_MASKBENCH to a directory or a tar.gz of them, or put it at .cache/maskbench.tar.gz")
		}
	}
	var cases []Case
	err := walk(path, func(name string, text []byte) error {
		var file struct {
			Schema json.RawMessage `json:"schema"`
			Tests  []Instance      `json:"tests"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			return err
		}
		cases = append(cases, Case{strings.TrimSuffix(filepath.Base(name), ".json"), file.Schema, file.Tests})
		return nil
	})
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.Name, b.Name) })
	if Long() {
		return cases
	}
	var sample []Case
	for i := 0; i < len(cases); i += sampled {
		sample = append(sample, cases[i])
	}
	return sample
}

func walk(path string, add func(string, []byte) error) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files, err := filepath.Glob(filepath.Join(path, "*.json"))
		if err != nil {
			return err
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if err := add(f, text); err != nil {
				return err
			}
		}
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !strings.HasSuffix(h.Name, ".json") {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := add(h.Name, text); err != nil {
			return err
		}
	}
}
