package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestCurrent: the files that are kept are those that the types give now.
func TestCurrent(t *testing.T) {
	types, err := parse("../../config/file.go")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"../../config/schema.json": schemaOf(types), "../../docs/configuration.md": reference(types)} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date; run go generate ./config", path)
		}
	}
}

// TestCommentsAreAsked: a setting without a comment has no place.
func TestCommentsAreAsked(t *testing.T) {
	path := t.TempDir() + "/file.go"
	if err := os.WriteFile(path, []byte("package p\n\ntype T struct {\n\tA string `yaml:\"a\"`\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parse(path); err == nil || !strings.Contains(err.Error(), "T: a field without") {
		t.Errorf("got %v", err)
	}
}
