package local

import (
	"context"
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
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://outcrop-batch/staged/output/"},
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
		for _, err := range m.Objects().List(t.Context(), "s3://outcrop-batch/staged/") {
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
