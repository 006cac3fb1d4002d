package local_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// Objects that are copied out lie in a directory as they do below their prefix:
// two of one name in two folders are two files. A key that leads elsewhere is
// refused.
func TestCopyOut(t *testing.T) {
	m, err := local.Open("", local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	put := func(uri string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(uri), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.PutFile(t.Context(), uri, file); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"out/a.jsonl.out", "out/", "out/x/a.jsonl.out", "out/y/a.jsonl.out", "other/a.jsonl.out"} {
		put("s3://results/" + key)
	}
	dir := filepath.Join(t.TempDir(), "new")
	files, err := m.CopyOut(t.Context(), "s3://results/out/", dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a.jsonl.out", "x/a.jsonl.out", "y/a.jsonl.out"}
	for i, name := range want {
		want[i] = filepath.Join(dir, filepath.FromSlash(name))
		if text, err := os.ReadFile(want[i]); err != nil || string(text) != "s3://results/out/"+name {
			t.Errorf("%s holds %q, error %v", name, text, err)
		}
	}
	if !slices.Equal(files, want) {
		t.Errorf("it wrote %v, want %v", files, want)
	}
	put("s3://results/bad/../../../escaped")
	files, err = m.CopyOut(t.Context(), "s3://results/bad/", dir)
	if err == nil || outcrop.AsError(err).Code != bedrock.CodeValidation || !strings.Contains(err.Error(), "s3://results/bad/../../../escaped") {
		t.Errorf("it wrote %v, error %v", files, err)
	}
}
