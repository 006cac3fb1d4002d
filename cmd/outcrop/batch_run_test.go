package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
)

// TestRunNoteOfACreationThatFails: where nobody knows whether the job was
// created, the note stays with its token, by which the next run gets the same
// job; where it was refused, it goes.
func TestRunNoteOfACreationThatFails(t *testing.T) {
	settings, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := local.Open(t.TempDir(), local.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context()) //nolint:errcheck // nothing is written
	input := filepath.Join(t.TempDir(), "records.jsonl")
	if err := os.WriteFile(input, []byte(`{"modelInput":{}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, c := range []struct {
		name, job string
		ctx       context.Context
		kept      bool
	}{
		{"interrupted", "job", interrupted, true},
		{"refused", "no name", t.Context(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &app{stdout: io.Discard, stderr: io.Discard, settings: settings}
			note, err := openRunNote(t.TempDir(), input)
			if err != nil {
				t.Fatal(err)
			}
			if arn, err := a.begin(c.ctx, m, &batchRun{input: input, name: c.job}, note); err == nil {
				t.Fatalf("job %s was created", arn)
			}
			if _, err := os.Stat(note.file); errors.Is(err, fs.ErrNotExist) == c.kept {
				t.Errorf("the note: %v; want it kept: %t", err, c.kept)
			}
		})
	}
}
