package jobs_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
)

// withoutOutput lets a job of 100 records get to 37, and takes its output's
// bucket away while nobody works on it.
func withoutOutput(t *testing.T, p *place) (o *opened, arn string, back func()) {
	t.Helper()
	p.after.Store(37)
	o = p.open(small, journal.Config{})
	arn = o.create(request(p.lines(100)))
	for range 4 {
		<-p.arrive
	}
	o.close()
	bucket := filepath.Join(p.dir, "objects", "output")
	if err := os.RemoveAll(bucket); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bucket, nil, 0o600); err != nil { // nor can it be made
		t.Fatal(err)
	}
	p.after.Store(1 << 40)
	return p.open(small, journal.Config{}), arn, func() {
		if err := os.Remove(bucket); err != nil {
			t.Fatal(err)
		}
	}
}

func waits(job *bedrock.GetModelInvocationJobResponse) bool {
	return strings.Contains(job.Message, "waiting to go on: ") && strings.Contains(job.Message, "s3://output")
}

// A job whose output cannot be written waits, and says so: its results were
// paid for. When it can be written, the job goes on, and sends nothing again.
func TestOutputThatCannotBeWritten(t *testing.T) {
	p := newPlace(t)
	o, arn, back := withoutOutput(t, p)
	if job := o.until(arn, waits); job.Status != bedrock.ModelInvocationJobStatusInProgress {
		t.Errorf("the job is %s: %s", job.Status, job.Message)
	}
	back()
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 || job.Message != "" {
		t.Errorf("the job ended as %s: %q, with %d records", job.Status, job.Message, *job.SuccessRecordCount)
	}
	o.close()
	for body, times := range p.calls.Range {
		if n := times.(*atomic.Int64).Load(); n != 1 {
			t.Errorf("%s was sent %d times", body, n)
		}
	}
	if n := strings.Count(p.output(jobID(arn), "a.jsonl.out"), "\n"); n != 100 {
		t.Errorf("the output has %d lines", n)
	}
}

// One that is stopped while it waits ends, and does not wait for its output.
func TestStopWithoutOutput(t *testing.T) {
	p := newPlace(t)
	o, arn, _ := withoutOutput(t, p)
	o.until(arn, waits)
	if err := o.Stop(t.Context(), outcrop.Caller{}, arn); err != nil {
		t.Fatal(err)
	}
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusStopped {
		t.Errorf("the job ended as %s: %s", job.Status, job.Message)
	}
	o.close()
}

// A job whose input is out of reach for a while waits too.
func TestInputOutOfReach(t *testing.T) {
	p := newPlace(t)
	p.after.Store(37)
	o := p.open(small, journal.Config{})
	arn := o.create(request(p.lines(100)))
	for range 4 {
		<-p.arrive
	}
	o.close()
	p.away.Store(true)
	p.after.Store(1 << 40)
	o = p.open(small, journal.Config{})
	job := o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool {
		return strings.Contains(job.Message, "waiting to go on: s3://input/a.jsonl cannot be read: S3 is away")
	})
	if job.Status != bedrock.ModelInvocationJobStatusInProgress {
		t.Errorf("the job is %s: %s", job.Status, job.Message)
	}
	p.away.Store(false)
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 {
		t.Errorf("the job ended as %s: %q, with %d records", job.Status, job.Message, *job.SuccessRecordCount)
	}
	o.close()
}

// Where the input has changed, the results of earlier attempts are written and
// counted, also of shards that this one did not come to.
func TestResultsBehindInputThatChanged(t *testing.T) {
	p := newPlace(t)
	p.stuck = `{"n":0}` // so that the first shard is not finished, and others are begun
	p.after.Store(37)
	o := p.open(small, journal.Config{})
	arn := o.create(request(p.lines(100)))
	for range 4 {
		<-p.arrive
	}
	o.close()
	kept := *o.get(arn).ProcessedRecordCount
	p.write("input/a.jsonl", `{"modelInput":{}}`+"\n")

	p.after.Store(1 << 40)
	o = p.open(small, journal.Config{})
	job := o.until(arn, ended)
	o.close()
	if job.Status != bedrock.ModelInvocationJobStatusFailed || !strings.Contains(job.Message, "the input was changed") {
		t.Errorf("the job ended as %s: %s", job.Status, job.Message)
	}
	lines := strings.Count(p.output(jobID(arn), "a.jsonl.out"), "\n")
	if lines < kept || lines != *job.ProcessedRecordCount {
		t.Errorf("%d lines; %d records had been kept, %d count", lines, kept, *job.ProcessedRecordCount)
	}
}
