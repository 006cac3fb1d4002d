//go:build unix

package jobs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/jobs"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/owner"
)

const childDir = "JOBS_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv("JOBS_TEST_MODEL"), os.Getenv("JOBS_TEST_DIE")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(benchDir); dir != "" {
		if err := runBench(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const (
	killedJob     = "abcde1234567"
	killedRecords = 3000
)

// die kills this process, as nothing else can be killed.
func die() {
	p, _ := os.FindProcess(os.Getpid())
	_ = p.Kill()
	select {}
}

// dier kills the process when a moment comes for the n-th time.
type dier struct {
	moment string
	left   atomic.Int64
}

func newDier(at string) *dier {
	moment, n, _ := strings.Cut(at, ":")
	d := &dier{moment: moment}
	left, _ := strconv.Atoi(n)
	d.left.Store(int64(left))
	return d
}

func (d *dier) at(moment string) {
	if moment == d.moment && d.left.Add(-1) == 0 {
		die()
	}
}

// child runs the job on a data directory to its end, or until it is killed.
func child(dir, model, when string) error {
	ctx := context.Background()
	d := newDier(when)
	lock, err := owner.Acquire(dir)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, journal.Config{Lock: lock})
	if err != nil {
		return err
	}
	store, err := jobs.Open(ctx, j)
	if err != nil {
		return err
	}
	directory, err := objects.NewDirectory(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	directory.CreateBuckets = true
	runner, err := batch.New(batch.Config{
		Store: &dyingStore{store, d}, Objects: &dyingObjects{directory, d}, Backend: remoteModel(model),
		ShardRecords: 50, Concurrency: 8, OpenShards: 4, Unkept: 8, NewID: func() string { return killedJob },
	})
	if err != nil {
		return err
	}
	req := &bedrock.CreateModelInvocationJobRequest{
		JobName: "killed", ModelID: "my-model", ClientRequestToken: "once",
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://input/in/"},
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/"},
	}
	created, err := runner.Create(ctx, outcrop.Caller{}, req)
	if err != nil {
		return err
	}
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range runner.Watch(ctx, outcrop.Caller{}, created.JobARN) {
		if err != nil {
			return err
		}
		last = state
	}
	if last.Status != bedrock.ModelInvocationJobStatusCompleted || *last.SuccessRecordCount+*last.ErrorRecordCount != killedRecords {
		return fmt.Errorf("the job is %s: %s, with %d and %d records", last.Status, last.Message, *last.SuccessRecordCount, *last.ErrorRecordCount)
	}
	if err := runner.Close(ctx); err != nil {
		return err
	}
	if err := j.Close(ctx); err != nil {
		return err
	}
	return lock.Release()
}

// remoteModel asks a model in another process, which refuses some records.
func remoteModel(url string) outcrop.Backend {
	return outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/"+call.RequestID, bytes.NewReader(call.Raw))
		if err != nil {
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		if res.StatusCode != http.StatusOK {
			return nil, outcrop.Errorf(bedrock.CodeAccessDenied, "%s", body)
		}
		return outcrop.NewReply(outcrop.Meta{Usage: &bedrock.TokenUsage{InputTokens: 3, OutputTokens: len(body)}}, body), nil
	})
}

// dyingStore and dyingObjects have moments to die at.
type dyingStore struct {
	*jobs.Store
	d *dier
}

func (s *dyingStore) Create(ctx context.Context, job batch.Saved) error {
	s.d.at("create")
	err := s.Store.Create(ctx, job)
	s.d.at("created")
	return err
}

func (s *dyingStore) Update(ctx context.Context, id string, state []byte) error {
	s.d.at("update")
	err := s.Store.Update(ctx, id, state)
	s.d.at("updated")
	return err
}

func (s *dyingStore) DropWork(ctx context.Context, id string) error {
	s.d.at("drop")
	return s.Store.DropWork(ctx, id)
}

type dyingObjects struct {
	outcrop.Objects
	d *dier
}

func (o *dyingObjects) List(ctx context.Context, prefix string) iter.Seq2[outcrop.Object, error] {
	o.d.at("list")
	return o.Objects.List(ctx, prefix)
}

func (o *dyingObjects) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	o.d.at("open")
	r, err := o.Objects.Open(ctx, uri)
	return &dyingReader{r, o.d}, err
}

type dyingReader struct {
	io.ReadCloser
	d *dier
}

func (r *dyingReader) Read(p []byte) (int, error) {
	r.d.at("read")
	return r.ReadCloser.Read(p)
}

func (o *dyingObjects) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	name := "output"
	if strings.HasSuffix(uri, "/manifest.json.out") {
		name = "manifest"
	}
	o.d.at(name + "-begun")
	w, err := o.Objects.Create(ctx, uri)
	return &dyingWriter{w, o.d, name}, err
}

type dyingWriter struct {
	outcrop.ObjectWriter
	d    *dier
	name string
}

func (w *dyingWriter) Write(p []byte) (int, error) {
	w.d.at(w.name + "-write")
	return w.ObjectWriter.Write(p)
}

func (w *dyingWriter) Commit() error {
	w.d.at(w.name + "-commit")
	err := w.ObjectWriter.Commit()
	w.d.at(w.name + "-committed")
	return err
}

// counter is the model: it counts its calls, and tells when there were enough.
type counter struct {
	mu     sync.Mutex
	calls  map[int]int // by record, from 1
	left   int
	enough func()
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, number, _ := strings.Cut(r.URL.Path, "-")
	n, err := strconv.Atoi(number)
	body, errBody := io.ReadAll(r.Body)
	if err != nil || errBody != nil {
		http.Error(w, "no record", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.calls[n]++
	if c.left--; c.left == 0 && c.enough != nil {
		c.enough()
	}
	c.mu.Unlock()
	if n%97 == 0 {
		http.Error(w, "not this one", http.StatusForbidden)
		return
	}
	fmt.Fprintf(w, `{"echo":%s,"text":%q}`, body, strings.Repeat("x", n%200))
}

func (c *counter) snapshot() map[int]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := map[int]int{}
	for n, times := range c.calls {
		calls[n] = times
	}
	return calls
}

// input lays the records down: in two objects, with blank lines and records
// without ids.
func input(t *testing.T, dir string) {
	t.Helper()
	for file, from := range map[string]int{"a": 0, "b": killedRecords / 3} {
		to := killedRecords / 3
		if from > 0 {
			to = killedRecords
		}
		var text strings.Builder
		for i := from; i < to; i++ {
			switch {
			case i%7 == 0:
				fmt.Fprintf(&text, `{"modelInput":{"n":%d}}`+"\n\n", i)
			default:
				fmt.Fprintf(&text, `{"recordId":"r%d","modelInput":{"n":%d,"fill":%q}}`+"\n", i, i, strings.Repeat("y", i%300))
			}
		}
		path := filepath.Join(dir, "objects", "input", "in", file+".jsonl")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startChild runs a child; wait returns whether it was killed, and fails the
// test when it ended otherwise without success.
func startChild(t *testing.T, dir, url, when string) (kill func(), wait func() (killed bool)) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir, "JOBS_TEST_MODEL="+url, "JOBS_TEST_DIE="+when)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return func() { _ = c.Process.Kill() }, func() bool {
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said = append(said, lines.Text())
		}
		err := c.Wait()
		if len(said) > 0 {
			t.Fatalf("the child says: %s", strings.Join(said, "\n"))
		}
		return err != nil
	}
}

// finished is the records that have a result in the journal of a directory
// whose process was killed.
func finished(t *testing.T, dir string) map[int]bool {
	t.Helper()
	j, closeNow := journaltest.OpenDir(t, dir, journal.Config{})
	defer closeNow()
	store, err := jobs.Open(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	records := map[int]bool{}
	for saved, err := range store.Load(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if !saved.HasWork {
			continue
		}
		work, err := store.Work(t.Context(), saved.ID)
		if err != nil {
			t.Fatal(err)
		}
		text, err := work.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text == nil {
			continue
		}
		var plan struct {
			Shards []struct{ I, N int }
		}
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Fatal(err)
		}
		for n, shard := range plan.Shards {
			results, err := work.Results(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				records[shard.I+r.Record+1] = true
			}
		}
	}
	return records
}

// outputs is every object of the output, by name.
func outputs(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	root := os.DirFS(filepath.Join(dir, "objects", "output", killedJob))
	for _, name := range []string{"a.jsonl.out", "b.jsonl.out", "manifest.json.out"} {
		file, err := root.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// A process is killed at every stage of one job, and at random moments: in the
// end every record is in the output once, the output is that of a job that
// nobody disturbed, and no record that had a result was sent again.
func TestKilledJob(t *testing.T) {
	undisturbed := t.TempDir()
	input(t, undisturbed)
	calm := &counter{calls: map[int]int{}}
	calmModel := httptest.NewServer(calm)
	defer calmModel.Close()
	_, wait := startChild(t, undisturbed, calmModel.URL, "")
	if wait() {
		t.Fatal("the undisturbed child failed")
	}
	want := outputs(t, undisturbed)

	dir := t.TempDir()
	input(t, dir)
	model := &counter{calls: map[int]int{}}
	server := httptest.NewServer(model)
	defer server.Close()
	kills := []string{
		"create:1", "created:1", "update:1", "updated:1", "list:1", "read:1", "read:4", // accepted, validated
		"manifest-begun:1", "update:1", "updated:1", // probed, planned, scheduled
		"updated:1", // in progress
	}
	for range 12 {
		kills = append(kills, fmt.Sprintf("call:%d", 1+rand.IntN(250)))
	}
	kills = append(kills, "output-begun:1", "output-write:2", "call:40")
	kills = append(kills, "output-commit:1", "output-committed:1", "output-write:8", "output-committed:2") // composed
	kills = append(kills, "manifest-begun:1", "manifest-write:1", "manifest-commit:1", "manifest-committed:1", "update:1", "updated:1", "drop:1")
	done := map[int]bool{}
	killed := 0
	for round, when := range kills {
		before := model.snapshot()
		wait := startChildAt(t, dir, server.URL, when, model)
		if !wait() {
			t.Logf("round %d: %s did not come", round, when)
			continue
		}
		killed++
		for n, times := range model.snapshot() {
			if done[n] && times > before[n] {
				t.Fatalf("round %d: record %d had a result and was sent again", round, n)
			}
		}
		done = finished(t, dir)
		t.Logf("killed at %-20s %4d records done", when, len(done))
	}
	before := model.snapshot()
	_, wait = startChild(t, dir, server.URL, "")
	if wait() {
		t.Fatal("the last child failed")
	}
	sent, twice := 0, 0
	for n, times := range model.snapshot() {
		if done[n] && times > before[n] {
			t.Fatalf("at the end: record %d had a result and was sent again", n)
		}
		sent++
		if times > 1 {
			twice++
		}
	}
	if killed < 20 || sent != killedRecords {
		t.Errorf("%d kills, %d records sent; want 20 or more, and %d", killed, sent, killedRecords)
	}
	// At a kill there are records at the model, and replies that wait to be
	// kept: 8 and 8, and as many in the group that is being written.
	if twice > killed*3*8 {
		t.Errorf("%d records were sent again after %d kills", twice, killed)
	}
	got := outputs(t, dir)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs from that of the undisturbed run: %d and %d bytes", name, len(got[name]), len(want[name]))
		}
	}
	if lines := strings.Count(got["a.jsonl.out"], "\n") + strings.Count(got["b.jsonl.out"], "\n"); lines != killedRecords {
		t.Errorf("the output has %d lines", lines)
	}
	t.Logf("%d kills; %d of %d records were in flight at one and sent twice", killed, twice, killedRecords)
}

// startChildAt starts a child that is killed at a moment of its own, or when the
// model has had so many calls.
func startChildAt(t *testing.T, dir, url, when string, model *counter) (wait func() (killed bool)) {
	t.Helper()
	calls, ok := strings.CutPrefix(when, "call:")
	if !ok {
		_, wait := startChild(t, dir, url, when)
		return wait
	}
	n, err := strconv.Atoi(calls)
	if err != nil {
		t.Fatal(err)
	}
	kill, wait := startChild(t, dir, url, "")
	model.mu.Lock()
	model.left, model.enough = n, kill
	model.mu.Unlock()
	return wait
}
