package structured

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// suiteCase is one file of the suite: a real-world schema with instances
// labelled by other validators.
type suiteCase struct {
	name   string
	schema json.RawMessage
	tests  []suiteInstance
}

type suiteInstance struct {
	Description string          `json:"description"`
	Valid       bool            `json:"valid"`
	Data        json.RawMessage `json:"data"`
}

// loadSuite reads the labelled schemas named by OUTCROP_MASKBENCH: a directory
// of JSON files or a tar.gz of them. Without it the usual place beside the
// project is tried; where there is none the test is skipped.
func loadSuite(tb testing.TB) []suiteCase {
	tb.Helper()
	path := os.Getenv("OUTCROP_MASKBENCH")
	if path == "" {
		for _, p := range []string{"../../shared/data/maskbench-dev.tar.gz", "../shared/data/maskbench-dev.tar.gz"} {
			if _, err := os.Stat(p); err == nil {
				path = p
			}
		}
	}
	if path == "" {
		tb.Skip("no labelled schemas: set OUTCROP_MASKBENCH to a directory or tar.gz of them")
	}
	var cases []suiteCase
	add := func(name string, text []byte) {
		var file struct {
			Schema json.RawMessage `json:"schema"`
			Tests  []suiteInstance `json:"tests"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, suiteCase{strings.TrimSuffix(filepath.Base(name), ".json"), file.Schema, file.Tests})
	}
	if err := walkSuite(path, add); err != nil {
		tb.Fatal(err)
	}
	slices.SortFunc(cases, func(a, b suiteCase) int { return strings.Compare(a.name, b.name) })
	return cases
}

func walkSuite(path string, add func(string, []byte)) error {
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
			add(f, text)
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
		add(h.Name, text)
	}
}

func TestSuiteCompilesAndAgreesWithLabels(t *testing.T) {
	var refused, disagree []string
	instances := 0
	cases := loadSuite(t)
	for _, c := range cases {
		s, err := Compile(c.schema)
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s: %v", c.name, err))
			var se *SchemaError
			if !errors.As(err, &se) {
				t.Errorf("%s: error is a %T", c.name, err)
			}
			continue
		}
		for i, in := range c.tests {
			instances++
			found, err := s.ValidateJSON(in.Data)
			if err != nil {
				t.Errorf("%s/%d: %v", c.name, i, err)
			}
			if in.Valid != (len(found) == 0) {
				disagree = append(disagree, fmt.Sprintf("%s/%d valid=%v %q: %v", c.name, i, in.Valid, in.Description, found))
			}
		}
	}
	t.Logf("%d schemas, %d refused; %d instances, %d against their label", len(cases), len(refused), instances, len(disagree))
	for _, line := range slices.Concat(refused, disagree) {
		t.Log(line)
	}
	if len(refused)*100 > len(cases) {
		t.Errorf("%d of %d schemas refused", len(refused), len(cases))
	}
	if len(disagree)*1000 > instances {
		t.Errorf("%d of %d instances against their label", len(disagree), instances)
	}
}

func TestSuiteInstances(t *testing.T) {
	var failed []string
	total := 0
	for _, c := range loadSuite(t) {
		s, err := Compile(c.schema)
		if err != nil {
			continue
		}
		total++
		v, err := s.Instance(Hints{}, 1)
		if err != nil {
			valid := 0
			for _, in := range c.tests {
				if in.Valid {
					valid++
				}
			}
			failed = append(failed, fmt.Sprintf("%s (%d valid instances known)", c.name, valid))
			continue
		}
		if found := s.Validate(v); found != nil {
			t.Errorf("%s: invalid instance: %v", c.name, found)
		}
	}
	t.Logf("%d schemas, %d without an instance", total, len(failed))
	missed := 0
	for _, f := range failed {
		t.Log(f)
		if !strings.Contains(f, "(0 valid") {
			missed++
		}
	}
	if missed*500 > total {
		t.Errorf("%d satisfiable schemas without an instance", missed)
	}
}
