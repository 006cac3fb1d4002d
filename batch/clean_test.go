package batch

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// listener remembers what it was told.
type listener struct {
	mu        sync.Mutex
	last      map[string]History
	calls     int
	owed      map[string]bool
	forgotten []string
}

func newListener() *listener { return &listener{last: map[string]History{}, owed: map[string]bool{}} }

func (l *listener) Changed(h History) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[h.ID] = h
	l.calls++
}

func (l *listener) Owes(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owed[id]
}

func (l *listener) Forgotten(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgotten = append(l.forgotten, id)
}

func TestListenerIsToldOfEachState(t *testing.T) {
	l := newListener()
	f := newFixture(t, Config{Listener: l})
	arn := f.create(inline(`{}`))
	f.wait(arn)
	req := inline(`{}`)
	req.OutputDataConfig.S3URI = "s3://nowhere/"
	bad := f.create(req)
	f.wait(bad)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := l.last[id(arn)]
	var got []bedrock.ModelInvocationJobStatus
	for i, c := range h.Changes {
		got = append(got, c.Status)
		if i > 0 && c.Time.Before(h.Changes[i-1].Time) {
			t.Errorf("%s came before %s", c.Status, h.Changes[i-1].Status)
		}
	}
	if want := []bedrock.ModelInvocationJobStatus{submitted, validating, scheduled, inProgress, completed}; !slices.Equal(got, want) {
		t.Errorf("it was told of %v, want %v", got, want)
	}
	if first, last := h.Changes[0].Counts, h.Changes[4].Counts; first != nil || last == nil || *last != (Counts{1, 1, 1, 0, 3, 5}) {
		t.Errorf("the counts were %+v at first and %+v at last", first, last)
	}
	if h.ARN != arn || h.Account != alice.Account || h.Region != alice.Region || h.Name != "my-batch-job-1" || h.ModelID != modelID || h.Submitted.IsZero() {
		t.Errorf("the job is %+v", h)
	}
	changes := l.last[id(bad)].Changes
	if last := changes[len(changes)-1]; last.Status != jobFailed || !strings.Contains(last.Message, "s3://nowhere") {
		t.Errorf("the last change of a job that fails is %+v", last)
	}
	if want := len(h.Changes) + len(changes); l.calls != want {
		t.Errorf("it was told %d times, want %d: once for each change", l.calls, want)
	}
}

func TestClean(t *testing.T) {
	l := newListener()
	f := newFixture(t, Config{Listener: l})
	bob := outcrop.Caller{Account: "999999999999"}
	arn, owed := f.create(inline(`{}`)), f.create(inline(`{}`))
	f.wait(arn)
	f.wait(owed)
	l.owed[id(owed)] = true
	clean := func(c Cleaning) []Cleaned {
		t.Helper()
		list, err := f.Clean(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	later := time.Now().Add(time.Hour)
	result := "s3://output/results/" + id(arn) + "/inline.jsonl.out"
	if list := clean(Cleaning{Before: time.Now().Add(-time.Hour), Outputs: true}); len(list) != 0 {
		t.Errorf("jobs that have just ended went: %v", list)
	}
	if list := clean(Cleaning{Before: later, Account: bob.Account}); len(list) != 0 {
		t.Errorf("another account's jobs went: %v", list)
	}
	list := clean(Cleaning{Before: later, Outputs: true, DryRun: true})
	if len(list) != 1 || list[0].ARN != arn || list[0].Status != completed || len(list[0].Outputs) != 2 || f.get(result) == "" {
		t.Errorf("a dry run tells of %+v, and the result is %q", list, f.get(result))
	}
	if _, err := f.Get(t.Context(), alice, arn); err != nil {
		t.Errorf("after a dry run: %v", err)
	}
	if list := clean(Cleaning{Before: later, Outputs: true}); len(list) != 1 {
		t.Errorf("%d jobs went, want 1", len(list))
	}
	if _, err := f.Get(t.Context(), alice, arn); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("the job is there still: %v", err)
	}
	if f.get(result) != "" || f.get("s3://output/results/"+id(arn)+"/manifest.json.out") != "" {
		t.Error("its results are there still")
	}
	if f.get("s3://output/results/"+id(owed)+"/inline.jsonl.out") == "" {
		t.Error("the results of another job went too")
	}
	if !slices.Equal(l.forgotten, []string{id(arn)}) {
		t.Errorf("forgotten: %v", l.forgotten)
	}
	l.owed = map[string]bool{}
	if list := clean(Cleaning{Before: later}); len(list) != 1 || f.get("s3://output/results/"+id(owed)+"/inline.jsonl.out") == "" {
		t.Errorf("%d jobs went, want 1, without its results", len(list))
	}
}

// TestCopiesGoWithTheirJob: an input that was copied for its job goes with it,
// and no other, and not while another job reads it.
func TestCopiesGoWithTheirJob(t *testing.T) {
	release, held := make(chan struct{}), make(chan struct{}, 1)
	f := newFixture(t, Config{Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if strings.Contains(string(call.Raw), "held") {
			held <- struct{}{}
			<-release
		}
		return echo(ctx, call)
	})})
	copied := func(uri string) bool { return strings.HasPrefix(uri, "s3://input/copies/") }
	clean := func() (inputs []string) {
		t.Helper()
		list, err := f.Clean(t.Context(), Cleaning{Before: time.Now().Add(time.Hour), Copied: copied})
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range list {
			for _, o := range job.Inputs {
				inputs = append(inputs, o.URI)
			}
		}
		return inputs
	}
	f.put("s3://input/copies/a.jsonl", `{"modelInput":{}}`)
	f.put("s3://input/copies/a.jsonl.other", `{"modelInput":{}}`)
	f.put("s3://input/mine.jsonl", `{"modelInput":{}}`)
	f.wait(f.create(request("s3://input/copies/a.jsonl", "s3://output")))
	f.wait(f.create(request("s3://input/mine.jsonl", "s3://output")))
	if gone := clean(); !slices.Equal(gone, []string{"s3://input/copies/a.jsonl"}) || f.get("s3://input/mine.jsonl") == "" || f.get("s3://input/copies/a.jsonl.other") == "" {
		t.Errorf("what went is %v", gone)
	}
	if f.get("s3://input/copies/a.jsonl") != "" {
		t.Error("the copy is there still")
	}
	f.put("s3://input/copies/b.jsonl", `{"modelInput":{}}`)
	f.wait(f.create(request("s3://input/copies/b.jsonl", "s3://output")))
	f.put("s3://input/copies/b.jsonl", `{"modelInput":{"held":1}}`)
	arn := f.create(request("s3://input/copies/b.jsonl", "s3://output"))
	<-held
	if gone := clean(); len(gone) > 0 {
		t.Errorf("%v went while a job reads it", gone)
	}
	close(release)
	f.wait(arn)
}

// TestCleanLeavesWhatRuns: a job that has not ended stays, and what it reads
// and writes is in use.
func TestCleanLeavesWhatRuns(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, Config{Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		<-release
		return echo(ctx, call)
	})})
	f.put("s3://input/staged/in.jsonl", `{"recordId":"a","modelInput":{}}`)
	arn := f.create(request("s3://input/staged/in.jsonl", "s3://output/staged/out/"))
	f.waitFor(arn, inProgress)
	if list, err := f.Clean(t.Context(), Cleaning{Before: time.Now().Add(time.Hour), Outputs: true}); err != nil || len(list) != 0 {
		t.Errorf("cleaned %v, error %v", list, err)
	}
	for prefix, want := range map[string]bool{
		"s3://input/staged/": true, "s3://output/staged/": true, "s3://output/staged/out/deeper/": true,
		"s3://input/other/": false, "s3://input/stag": true, "s3://else/": false,
	} {
		if got := f.InUse(prefix); got != want {
			t.Errorf("in use %s: %v", prefix, got)
		}
	}
	close(release)
	f.wait(arn)
	if f.InUse("s3://input/staged/") {
		t.Error("the input of a job that has ended is in use")
	}
}

// guardedObjects let nobody delete below a prefix.
type guardedObjects struct {
	outcrop.Objects
	prefix string
	why    *outcrop.Error
	asked  int
}

func (o *guardedObjects) Delete(ctx context.Context, uri string) error {
	if o.asked++; strings.HasPrefix(uri, o.prefix) {
		return o.why
	}
	return o.Objects.(deleter).Delete(ctx, uri)
}

// A job whose results cannot be removed stays, and is in no other's way; the
// error tells of it. Where objects are out of reach, the others are left too.
func TestCleanGoesOnBehindWhatStays(t *testing.T) {
	f := newFixture(t, Config{})
	guarded := &guardedObjects{Objects: f.dir, why: outcrop.Errorf(bedrock.CodeServiceUnavailable, "S3 is away")}
	jobs, err := New(Config{Backend: outcrop.BackendFunc(echo), Objects: guarded})
	if err != nil {
		t.Fatal(err)
	}
	f.Jobs = jobs
	stays, goes := f.create(inline(`{}`)), f.create(inline(`{}`))
	f.wait(stays)
	f.wait(goes)
	guarded.prefix = "s3://output/results/" + id(stays)
	all := Cleaning{Before: time.Now().Add(time.Hour), Outputs: true}
	if list, err := f.Clean(t.Context(), all); code(err) != bedrock.CodeServiceUnavailable || len(list) != 0 || guarded.asked != 1 {
		t.Errorf("cleaned %v after %d attempts, error %v", list, guarded.asked, err)
	}
	guarded.why = outcrop.Errorf(bedrock.CodeAccessDenied, "the bucket belongs to another account")
	list, err := f.Clean(t.Context(), all)
	if code(err) != bedrock.CodeAccessDenied || len(list) != 1 || list[0].ARN != goes {
		t.Errorf("cleaned %v, error %v", list, err)
	}
	if _, err := f.Get(t.Context(), alice, stays); err != nil {
		t.Errorf("the job whose results are there: %v", err)
	}
	if err := jobs.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestCleanForgetsWhatItCannotRead: a job of an older version, whose request
// would be refused now, is in nobody's way.
func TestCleanForgetsWhatItCannotRead(t *testing.T) {
	f := newFixture(t, Config{})
	old, other := f.create(inline(`{}`)), f.create(inline(`{}`))
	f.wait(old)
	f.wait(other)
	for _, job := range f.registry.endedBefore("", time.Now().Add(time.Hour)) {
		job.mu.Lock()
		if job.state.ARN == old {
			job.state.Request = &bedrock.CreateModelInvocationJobRequest{}
		}
		job.mu.Unlock()
	}
	done, err := f.Clean(t.Context(), Cleaning{Before: time.Now().Add(time.Hour), Copied: func(string) bool { return true }})
	if err != nil || len(done) != 2 {
		t.Errorf("forgotten: %v, %v; want both jobs", done, err)
	}
}
