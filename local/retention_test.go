package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
)

// TestRetention: what is older than its retention goes, and its results stay.
func TestRetention(t *testing.T) {
	settings := config.Default()
	settings.Batch.Retention, settings.Batch.StagingRetention = 30*24*time.Hour, 7*24*time.Hour
	m, err := Open(t.TempDir(), Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	created, err := m.Batch(t.Context(), &bedrock.CreateModelInvocationJobRequest{
		JobName: "old", ModelID: settings.Model,
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: "{}"},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://outcrop-batch/abcdefghijklmnopqrstuvwxyz/output/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := m.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range jobs.Watch(t.Context(), outcrop.Caller{}, created.JobARN) {
		if err != nil {
			t.Fatal(err)
		}
	}
	opened, err := m.jobs.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		days         int
		job, results bool
	}{{6, true, true}, {8, true, false}, {31, false, false}} {
		if err := m.jobs.expire(t.Context(), opened, time.Now().Add(time.Duration(step.days)*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		_, err := jobs.Get(t.Context(), outcrop.Caller{}, created.JobARN)
		results := 0
		for _, err := range m.Objects().List(t.Context(), "s3://outcrop-batch/abcdefghijklmnopqrstuvwxyz/") {
			if err != nil {
				t.Fatal(err)
			}
			results++
		}
		if (err == nil) != step.job || (results > 0) != step.results {
			t.Errorf("after %d days: job %v, %d results; want job %v, results %v", step.days, err == nil, results, step.job, step.results)
		}
	}
}

// TestCleanIsNotKept: what cannot be looked through is told of, and does not keep
// what can be removed.
func TestCleanIsNotKept(t *testing.T) {
	settings := config.Default()
	settings.Objects.Staging, settings.Batch.StagingRetention = "No_Bucket", time.Hour
	dir := t.TempDir()
	m, err := Open(dir, Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	opened, err := m.jobs.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, clean := range map[string]func() error{
		"Clean":  func() error { _, err := m.Clean(t.Context(), Cleaning{}); return err },
		"expire": func() error { return m.jobs.expire(t.Context(), opened, time.Now()) },
	} {
		writer, err := m.Objects().Create(t.Context(), "s3://results/never")
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		unfinished := func() []string {
			names, _ := filepath.Glob(filepath.Join(dir, "objects", "results", "%~*"))
			return names
		}
		names := unfinished()
		if len(names) != 1 {
			t.Fatalf("unfinished are %v", names)
		}
		old := time.Now().Add(-30 * 24 * time.Hour)
		if err := os.Chtimes(names[0], old, old); err != nil {
			t.Fatal(err)
		}
		if err := clean(); err == nil || !strings.Contains(err.Error(), "No_Bucket") {
			t.Errorf("%s: error %v", name, err)
		}
		if names := unfinished(); len(names) != 0 {
			t.Errorf("%s has left %v", name, names)
		}
	}
}
