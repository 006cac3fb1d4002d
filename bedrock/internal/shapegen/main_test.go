package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent fails when a model or the generator changed and
// `make generate` was not run.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := Generate(".")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("bedrock/%s is not what the generator writes: run make generate", name)
		}
	}
}

func TestGoName(t *testing.T) {
	tests := map[string]string{
		"modelId": "ModelID", "s3Uri": "S3URI", "toolUseId": "ToolUseID", "jobArn": "JobARN", "topP": "TopP",
		"fallbackModelIds": "FallbackModelIDs", "json": "JSON", "us-east": "UsEast", "end_turn": "EndTurn",
	}
	for wire, want := range tests {
		if got := goName(wire); got != want {
			t.Errorf("goName(%q) = %q, want %q", wire, got, want)
		}
	}
	for value, want := range map[string]string{"END_TURN": "EndTurn", "ENABLED": "Enabled", "default": "Default"} {
		if got := enumName(value); got != want {
			t.Errorf("enumName(%q) = %q, want %q", value, got, want)
		}
	}
}
