package local

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// While Close waits for a job, the job can be asked for and stopped.
func TestJobsWhileClosing(t *testing.T) {
	m, err := Open("", Config{})
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	m.jobs.config.Backend = outcrop.BackendFunc(func(ctx context.Context, _ *outcrop.Call) (*outcrop.Reply, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	m.jobs.config.StopGrace = time.Nanosecond
	created, err := m.Batch(t.Context(), &bedrock.CreateModelInvocationJobRequest{
		JobName: "slow", ModelID: m.ModelID(),
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: "{}"},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://results/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	closed := make(chan error, 1)
	go func() { closed <- m.Close(context.Background()) }()
	stopped := make(chan error, 1)
	go func() {
		for closing := false; !closing; runtime.Gosched() {
			m.jobs.mu.Lock()
			closing = m.jobs.closed
			m.jobs.mu.Unlock()
		}
		stopped <- m.jobs.Stop(context.Background(), outcrop.Caller{}, created.JobARN)
	}()
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("stopping %s: %v", created.JobARN, err)
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody can ask for jobs while Close waits")
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
