package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/jobs"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/owner"
)

// place is a data directory that is opened again and again.
type place struct {
	t     *testing.T
	dir   string
	calls sync.Map // how often a record was sent, by its body

	away   atomic.Bool   // inputs cannot be reached
	stuck  string        // the body of a record that is never answered
	after  atomic.Int64  // so many calls are answered before
	arrive chan struct{} // one for each record that waits
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir(), arrive: make(chan struct{}, 1000)}
	p.after.Store(1 << 40)
	return p
}

func (p *place) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if string(call.Raw) == p.stuck || p.after.Add(-1) < 0 {
		p.arrive <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n, _ := p.calls.LoadOrStore(string(call.Raw), new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	return outcrop.NewReply(outcrop.Meta{}, append([]byte(`{"echo":`), append(call.Raw, '}')...)), nil
}

// lines lays down n records and returns where.
func (p *place) lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"recordId":"r%d","modelInput":{"n":%d}}`+"\n", i, i)
	}
	p.write("input/a.jsonl", b.String())
	return "s3://input/a.jsonl"
}

func (p *place) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, "objects", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) output(job, name string) string {
	text, err := os.ReadFile(filepath.Join(p.dir, "objects", "output", job, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// opened is one process's view of it.
type opened struct {
	*batch.Jobs
	place   *place
	journal *journal.Journal
	lock    *owner.Lock
	objects *objects.Directory
}

func (p *place) open(config batch.Config, log journal.Config) *opened {
	p.t.Helper()
	o, err := p.tryOpen(config, log)
	if err != nil {
		p.t.Fatal(err)
	}
	return o
}

func (p *place) tryOpen(config batch.Config, log journal.Config) (*opened, error) {
	ctx := context.Background()
	o := &opened{place: p}
	var err error
	if o.lock, err = owner.Acquire(p.dir); err != nil {
		return nil, err
	}
	log.Lock = o.lock
	if o.journal, err = journal.Open(ctx, log); err != nil {
		return nil, errors.Join(err, o.lock.Release())
	}
	if o.objects, err = objects.NewDirectory(filepath.Join(p.dir, "objects")); err != nil {
		return nil, err
	}
	o.objects.CreateBuckets = true
	store, err := jobs.Open(ctx, o.journal)
	if err == nil {
		config.Store, config.Objects, config.Backend = store, reachable{o.objects, &p.away}, p
		o.Jobs, err = batch.New(config)
	}
	if err != nil {
		return nil, errors.Join(err, o.journal.Close(ctx), o.objects.Close(), o.lock.Release())
	}
	return o, nil
}

// reachable are objects that cannot be opened while they are away.
type reachable struct {
	outcrop.Objects
	away *atomic.Bool
}

func (r reachable) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	if r.away.Load() {
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be read: S3 is away", uri)
	}
	return r.Objects.Open(ctx, uri)
}

func (o *opened) close() {
	o.place.t.Helper()
	ctx := context.Background()
	if err := errors.Join(o.Close(ctx), o.journal.Close(ctx), o.objects.Close(), o.lock.Release()); err != nil {
		o.place.t.Error(err)
	}
}

func (o *opened) create(req *bedrock.CreateModelInvocationJobRequest) string {
	o.place.t.Helper()
	created, err := o.Create(context.Background(), outcrop.Caller{}, req)
	if err != nil {
		o.place.t.Fatal(err)
	}
	return created.JobARN
}

func (o *opened) get(arn string) *bedrock.GetModelInvocationJobResponse {
	o.place.t.Helper()
	job, err := o.Get(context.Background(), outcrop.Caller{}, arn)
	if err != nil {
		o.place.t.Fatal(err)
	}
	return job
}

// until is the job's first state that f is content with.
func (o *opened) until(arn string, f func(*bedrock.GetModelInvocationJobResponse) bool) *bedrock.GetModelInvocationJobResponse {
	o.place.t.Helper()
	var last *bedrock.GetModelInvocationJobResponse
	for job, err := range o.Watch(context.Background(), outcrop.Caller{}, arn) {
		if err != nil {
			o.place.t.Fatal(err)
		}
		if last = job; f(job) {
			return job
		}
	}
	o.place.t.Fatalf("the job ended as %s: %s", last.Status, last.Message)
	return nil
}

func ended(job *bedrock.GetModelInvocationJobResponse) bool { return !job.EndTime.IsZero() }

func request(input string) *bedrock.CreateModelInvocationJobRequest {
	return &bedrock.CreateModelInvocationJobRequest{
		JobName: "a-job", ModelID: "my-model",
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: input},
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/"},
	}
}

func jobID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

var small = batch.Config{Concurrency: 4, ShardRecords: 10, Unkept: 8, StopGrace: time.Nanosecond, RetryStore: 10 * time.Millisecond}

// Close leaves a job as it is; whoever opens the directory next goes on with it,
// under its token, with its tags, and sends what has no result.
func TestCloseAndGoOn(t *testing.T) {
	p := newPlace(t)
	req := request(p.lines(100))
	req.ClientRequestToken, req.Tags = "once", []bedrock.Tag{{Key: "team", Value: "a"}}
	p.after.Store(37)
	o := p.open(small, journal.Config{})
	arn := o.create(req)
	for range 4 {
		<-p.arrive
	}
	if err := o.Tag(t.Context(), outcrop.Caller{}, arn, []bedrock.Tag{{Key: "cost", Value: "1"}}); err != nil {
		t.Fatal(err)
	}
	o.close()
	if job := o.get(arn); job.Status != bedrock.ModelInvocationJobStatusInProgress || *job.ProcessedRecordCount != 37 {
		t.Errorf("after Close the job is %s with %d records", job.Status, *job.ProcessedRecordCount)
	}

	p.after.Store(1 << 40)
	o = p.open(small, journal.Config{})
	if again := o.create(req); again != arn {
		t.Errorf("the token made %s and now %s", arn, again)
	}
	if tags, err := o.Tags(t.Context(), outcrop.Caller{}, arn); err != nil || len(tags) != 2 || tags[1].Key != "cost" {
		t.Errorf("the tags are %v, error %v", tags, err)
	}
	job := o.until(arn, ended)
	if job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 {
		t.Errorf("the job ended as %s: %s, with %d records", job.Status, job.Message, *job.SuccessRecordCount)
	}
	o.close()
	n := 0
	for _, times := range p.calls.Range {
		if n++; times.(*atomic.Int64).Load() != 1 {
			t.Error("a record was sent twice")
		}
	}
	if lines := strings.Count(p.output(jobID(arn), "a.jsonl.out"), "\n"); lines != 100 || n != 100 {
		t.Errorf("%d lines, %d records sent", lines, n)
	}

	// What has ended can be asked for, and takes no more room than that.
	o = p.open(small, journal.Config{})
	if job := o.get(arn); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.ProcessedRecordCount != 100 || job.EndTime.IsZero() {
		t.Errorf("after it has ended, the job is %+v", job)
	}
	for name, err := range o.journal.StreamNames(t.Context(), "job-") {
		t.Errorf("stream %s is left, error %v", name, err)
	}
	o.close()
}

// Who watches a job when the process closes is told that it goes on elsewhere,
// and does not wait for ever.
func TestWatchEndsWithClose(t *testing.T) {
	p := newPlace(t)
	p.after.Store(0)
	o := p.open(small, journal.Config{})
	arn := o.create(request(p.lines(10)))
	<-p.arrive
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last error
	for _, err := range o.Watch(ctx, outcrop.Caller{}, arn) {
		if last = err; err == nil && o.lock != nil {
			o.close()
			o.lock = nil
		}
	}
	if last == nil || outcrop.AsError(last).Code != bedrock.CodeServiceUnavailable || !strings.Contains(last.Error(), arn) {
		t.Errorf("the last is %v", last)
	}
}

// A job whose end was on its way when the process stopped ends so in the next
// one, with what it had finished.
func TestEndsAcrossRestarts(t *testing.T) {
	for name, c := range map[string]struct {
		finish func(o *opened, arn string) // before the process stops
		later  time.Duration               // the clock's advance until the next
		want   bedrock.ModelInvocationJobStatus
	}{
		"stopped": {func(o *opened, arn string) {
			if err := o.Stop(t.Context(), outcrop.Caller{}, arn); err != nil {
				t.Fatal(err)
			}
		}, 0, bedrock.ModelInvocationJobStatusStopped},
		"out of time": {func(*opened, string) {}, 25 * time.Hour, bedrock.ModelInvocationJobStatusPartiallyCompleted},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.after.Store(37)
			config := small
			config.StopGrace = time.Hour // so that Stop does not end it before the process does
			o := p.open(config, journal.Config{})
			arn := o.create(request(p.lines(100)))
			for range 4 {
				<-p.arrive
			}
			o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool { return *job.ProcessedRecordCount == 37 })
			c.finish(o, arn)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			// Without its journal the process cannot end the job any more.
			if err := errors.Join(o.journal.Close(t.Context()), o.Close(ctx), o.objects.Close(), o.lock.Release()); err != nil {
				t.Fatal(err)
			}

			config.Clock = laterClock{c.later}
			o = p.open(config, journal.Config{})
			job := o.until(arn, ended)
			if job.Status != c.want || *job.ProcessedRecordCount != 37 || *job.TotalRecordCount != 100 {
				t.Errorf("the job ended as %s: %s, with %d records; want %s with 37", job.Status, job.Message, *job.ProcessedRecordCount, c.want)
			}
			o.close()
			if n := strings.Count(p.output(jobID(arn), "a.jsonl.out"), "\n"); n != 37 {
				t.Errorf("the output has %d lines", n)
			}
			if m := p.output(jobID(arn), "manifest.json.out"); !strings.Contains(m, `"totalRecordCount":100,"processedRecordCount":37,`) {
				t.Errorf("manifest: %s", m)
			}
		})
	}
}

// laterClock is the system's, ahead by a time.
type laterClock struct{ by time.Duration }

func (c laterClock) Now() time.Time                         { return time.Now().Add(c.by) }
func (c laterClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// A journal that is full refuses jobs by a clear error, and leaves nothing of
// them.
func TestCreateWithoutRoom(t *testing.T) {
	p := newPlace(t)
	req := request("s3://input/")
	req.InputDataConfig = bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: `{"a":"` + strings.Repeat("x", 3<<20) + `"}`}
	o := p.open(small, journal.Config{MaxDisk: 1 << 20})
	_, err := o.Create(t.Context(), outcrop.Caller{}, req)
	if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeServiceUnavailable || !strings.Contains(e.Message, "the job cannot be kept") {
		t.Errorf("error %v, want a ServiceUnavailableException that says why", err)
	}
	o.close()
	o = p.open(small, journal.Config{})
	if list, err := o.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{}); err != nil || len(list.InvocationJobSummaries) != 0 {
		t.Errorf("a failed Create has left %v, error %v", list, err)
	}
	bucket, err := o.journal.Bucket(t.Context(), journal.BucketConfig{Name: "jobs", Format: journal.Format{Name: "job", Version: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for m := range bucket.All(t.Context(), "") {
		t.Errorf("a failed Create has left %s", m.Subject)
	}
	o.close()
}

// A journal that fills up while a job runs makes it wait, and say so. With more
// room it goes on, and sends nothing again that it had kept.
func TestJournalThatFillsUp(t *testing.T) {
	p := newPlace(t)
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, `{"recordId":"r%d","modelInput":{"n":%d,"fill":%q}}`+"\n", i, i, strings.Repeat("x", 20_000))
	}
	p.write("input/a.jsonl", text.String())
	o := p.open(small, journal.Config{MaxDisk: 1 << 20})
	arn := o.create(request("s3://input/a.jsonl"))
	job := o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool {
		return strings.Contains(job.Message, "waiting to go on: the job cannot be kept")
	})
	if job.Status != bedrock.ModelInvocationJobStatusInProgress {
		t.Errorf("the job is %s: %s", job.Status, job.Message)
	}
	o.close()
	kept := *o.get(arn).ProcessedRecordCount
	if kept == 0 || kept == 100 {
		t.Fatalf("%d records were kept", kept)
	}
	o = p.open(small, journal.Config{})
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 || job.Message != "" {
		t.Errorf("the job ended as %s: %q, with %d records", job.Status, job.Message, *job.SuccessRecordCount)
	}
	o.close()
	// What waited to be kept when the process ended was sent again, and nothing
	// else: four workers' replies, and those in the queue.
	again := 0
	for _, times := range p.calls.Range {
		switch times.(*atomic.Int64).Load() {
		case 1:
		case 2:
			again++
		default:
			t.Error("a record was sent three times")
		}
	}
	if again > 100-kept || again > 3*(4+small.Unkept) {
		t.Errorf("%d records were sent again, %d had a result", again, kept)
	}
}

// Lines that are longer than a message, and results of every shape, come back
// as they were, also after a restart.
func TestLongLines(t *testing.T) {
	p := newPlace(t)
	var text strings.Builder
	for i := range 12 {
		fmt.Fprintf(&text, `{"recordId":"r%d","modelInput":{"n":%d,"fill":%q}}`+"\n", i, i, strings.Repeat("x", i%4*1_000_000))
	}
	p.write("input/a.jsonl", text.String())
	p.after.Store(7)
	o := p.open(small, journal.Config{})
	arn := o.create(request("s3://input/a.jsonl"))
	for range 4 {
		<-p.arrive
	}
	o.close()
	p.after.Store(1 << 40)
	o = p.open(small, journal.Config{})
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 12 {
		t.Fatalf("the job ended as %s: %s", job.Status, job.Message)
	}
	o.close()
	got := strings.SplitAfter(p.output(jobID(arn), "a.jsonl.out"), "\n")
	for i, line := range strings.SplitAfter(text.String(), "\n")[:12] {
		input := line[strings.Index(line, `"modelInput":`)+len(`"modelInput":`) : len(line)-2]
		want := fmt.Sprintf(`{"recordId":"r%d","modelInput":%s,"modelOutput":{"echo":%s}}`+"\n", i, input, input)
		if got[i] != want {
			t.Errorf("line %d has %d bytes, want %d", i, len(got[i]), len(want))
		}
	}
}

// Of the jobs that have ended, the latest are kept, over restarts too.
func TestForgetting(t *testing.T) {
	p := newPlace(t)
	config := small
	config.KeepFinished, config.RunningJobs = 2, 1
	input := p.lines(1)
	var arns []string
	for range 4 {
		o := p.open(config, journal.Config{})
		arn := o.create(request(input))
		o.until(arn, ended)
		arns = append(arns, arn)
		o.close()
	}
	o := p.open(config, journal.Config{})
	list, err := o.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{})
	var got []string
	for _, s := range list.InvocationJobSummaries {
		got = append(got, s.JobARN)
	}
	if want := []string{arns[3], arns[2]}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the jobs are %v, error %v; want %v", got, err, want)
	}
	o.close()
}

// A job of a newer format, and one whose state cannot be read, are refused by
// name: nobody runs half of what is there.
func TestStatesThatCannotBeRead(t *testing.T) {
	for want, write := range map[string]struct {
		format journal.Format
		text   string
	}{
		"a newer outcrop has written it":            {journal.Format{Name: "job", Version: 2}, `{}`},
		"job abc: the job's state is of format 9":   {journal.Format{Name: "job", Version: 1}, `{"format":9}`},
		"job abc: the job's state cannot be read":   {journal.Format{Name: "job", Version: 1}, `{`},
		"the request of job abd: a part is missing": {journal.Format{Name: "job", Version: 1}, ""},
	} {
		p := newPlace(t)
		lock, err := owner.Acquire(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(t.Context(), journal.Config{Lock: lock})
		if err != nil {
			t.Fatal(err)
		}
		bucket, err := j.Bucket(t.Context(), journal.BucketConfig{Name: "jobs", Format: write.format})
		if err != nil {
			t.Fatal(err)
		}
		id, puts := "abc", map[string]string{"request.abc.0": ".{}", "state.abc": write.text}
		if write.text == "" {
			id, puts = "abd", map[string]string{"state.abd": "{}"}
		}
		for key, value := range puts {
			if _, err := bucket.Put(t.Context(), key, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(j.Close(t.Context()), lock.Release()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.tryOpen(small, journal.Config{}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), id) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
