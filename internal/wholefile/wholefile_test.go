package wholefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-ai/outcrop/internal/wholefile"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.yaml")
	for _, text := range []string{"first, and longer", "second"} {
		if err := wholefile.Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("the file holds %q, %v; want %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	onlyThere(t, dir, "keys.yaml")
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "by a directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(path, []byte("text")); err == nil {
		t.Error("a directory was written over")
	}
	onlyThere(t, dir, "taken")
	if err := wholefile.Write(filepath.Join(dir, "none", "file"), nil); err == nil {
		t.Error("a file was written where there is no directory")
	}
}

// onlyThere fails when anything else is left in a directory.
func onlyThere(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the directory holds %v, %v; want %s alone", entries, err, name)
	}
}
