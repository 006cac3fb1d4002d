package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/events"
	"github.com/outcrop-ai/outcrop/local"
)

const (
	childDir  = "LOCAL_TEST_DIR"
	childHook = "LOCAL_TEST_HOOK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childHook)); err != nil {
			fmt.Println("error:", err)
		}
		os.Exit(1) // it is killed, or has failed
	}
	os.Exit(m.Run())
}

func openTold(dir, hook string) (*local.Local, error) {
	settings := config.Default()
	settings.Events.Backoff, settings.Events.MaxBackoff = time.Millisecond, 10*time.Millisecond
	settings.Events.Timeout = time.Hour
	settings.Events.Targets = map[string]config.EventTarget{"hook": {Kind: config.TargetWebhook, URL: hook, Auth: config.AuthNone}}
	return local.Open(dir, local.Config{Settings: settings})
}

func smallJob() *bedrock.CreateModelInvocationJobRequest {
	return &bedrock.CreateModelInvocationJobRequest{
		JobName: "told", ModelID: "anthropic.claude-3-haiku-20240307-v1:0",
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			ContentType: "application/json",
			Text:        `{"anthropic_version":"bedrock-2023-05-31","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}`,
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://results/told/"},
	}
}

// child runs a job, and lives until it is killed.
func child(dir, hook string) error {
	ctx := context.Background()
	m, err := openTold(dir, hook)
	if err != nil {
		return err
	}
	created, err := m.Batch(ctx, smallJob())
	if err != nil {
		return err
	}
	jobs, err := m.Jobs()
	if err != nil {
		return err
	}
	for _, err := range jobs.Watch(ctx, outcrop.Caller{}, created.JobARN) {
		if err != nil {
			return err
		}
	}
	fmt.Println("ended")
	select {}
}

// hook is a webhook that remembers what it took, and can leave requests
// without an answer.
type hook struct {
	*httptest.Server
	held chan events.Event // requests that got no answer

	mu    sync.Mutex
	hold  bedrock.ModelInvocationJobStatus // events of this status are held
	taken []events.Event
	more  chan struct{}
}

func newHook(t *testing.T, hold bedrock.ModelInvocationJobStatus) *hook {
	h := &hook{hold: hold, held: make(chan events.Event, 10), more: make(chan struct{}, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var e events.Event
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Errorf("what came is no event: %v", err)
		}
		h.mu.Lock()
		holds := h.hold == e.Detail.Status
		if !holds {
			h.taken = append(h.taken, e)
		}
		h.mu.Unlock()
		if holds {
			h.held <- e
			<-r.Context().Done()
			return
		}
		h.more <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

// TestKillBeforeDelivery kills a process after a job's state has changed and
// before the event was taken: the next process delivers it, with the same id,
// and repeats nothing that was taken.
func TestKillBeforeDelivery(t *testing.T) {
	h := newHook(t, bedrock.ModelInvocationJobStatusCompleted)
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program) //nolint:gosec,noctx // this test itself; it is killed below
	c.Env = append(os.Environ(), childDir+"="+dir, childHook+"="+h.URL)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "ended\n" {
		_ = c.Process.Kill()
		t.Fatalf("the process says %q", line)
	}
	lost := <-h.held // the event is on its way, and nobody has taken it
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()

	h.mu.Lock()
	h.hold = ""
	before := len(h.taken)
	h.mu.Unlock()
	for range before {
		<-h.more
	}
	m, err := openTold(dir, h.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	if _, err := m.Undelivered(t.Context(), ""); err != nil { // opens the journal
		t.Fatal(err)
	}
	<-h.more
	h.mu.Lock()
	defer h.mu.Unlock()
	var got []bedrock.ModelInvocationJobStatus
	for _, e := range h.taken {
		got = append(got, e.Detail.Status)
	}
	want := []bedrock.ModelInvocationJobStatus{"Submitted", "Validating", "Scheduled", "InProgress", "Completed"}
	if !slices.Equal(got, want) {
		t.Errorf("the webhook took %v, want %v", got, want)
	}
	if last := h.taken[len(h.taken)-1]; last.ID != lost.ID || last.Time != lost.Time {
		t.Errorf("the event came again as %s of %s, and was %s of %s", last.ID, last.Time, lost.ID, lost.Time)
	}
}

// TestClean: copies of batch run's files and what was never finished go when
// they are old, and are told of before.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	settings := config.Default() // with which nothing is removed by itself
	settings.Batch.StagingRetention, settings.Objects.UploadExpiry = 0, 10_000*time.Hour
	m, err := local.Open(dir, local.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	file := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(file, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"s3://outcrop-batch/old/input/in.jsonl", "s3://outcrop-batch/new/input/in.jsonl", "s3://mine/old/in.jsonl"} {
		if err := m.PutFile(t.Context(), uri, file); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := m.Objects().Create(t.Context(), "s3://mine/never")
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	old := time.Now().Add(-30 * 24 * time.Hour)
	for _, pattern := range []string{"outcrop-batch/old/input/*", "mine/old/*", "mine/%~*"} {
		files, _ := filepath.Glob(filepath.Join(dir, "objects", pattern))
		if len(files) != 1 {
			t.Fatalf("%s: %v", pattern, files)
		}
		if err := os.Chtimes(files[0], old, old); err != nil {
			t.Fatal(err)
		}
	}
	for _, dry := range []bool{true, false} {
		done, err := m.Clean(t.Context(), local.Cleaning{OlderThan: 7 * 24 * time.Hour, DryRun: dry})
		if err != nil {
			t.Fatal(err)
		}
		if done.DryRun != dry || len(done.Staged) != 1 || done.Staged[0].URI != "s3://outcrop-batch/old/input/in.jsonl" || len(done.Leftovers) != 1 {
			t.Errorf("cleaned %+v", done)
		}
	}
	for path, want := range map[string]bool{
		"outcrop-batch/old/input/in.jsonl": false, "outcrop-batch/new/input/in.jsonl": true, "mine/old/in.jsonl": true,
	} {
		if _, err := os.Stat(filepath.Join(dir, "objects", path)); (err == nil) != want {
			t.Errorf("%s is there: %v", path, err == nil)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "objects", "mine", "%~*")); len(left) != 0 {
		t.Errorf("unfinished files are there: %v", left)
	}
}
