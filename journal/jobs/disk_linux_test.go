package jobs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

// A disk that is full makes a job wait, and say why; with room on the disk it
// goes on, in this process or in the next. It takes a file system of its own, and
// so root.
func TestDiskThatIsFull(t *testing.T) {
	t.Run("this process", func(t *testing.T) { testDiskThatIsFull(t, false) })
	t.Run("the next process", func(t *testing.T) { testDiskThatIsFull(t, true) })
}

func testDiskThatIsFull(t *testing.T, restart bool) {
	p := newPlace(t)
	disk := filepath.Join(p.dir, "journal") // the output has another one
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	grow := journaltest.SmallDisk(t, disk, 2)
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, `{"recordId":"r%d","modelInput":{"n":%d,"fill":%q}}`+"\n", i, i, strings.Repeat("x", 20_000))
	}
	p.write("input/a.jsonl", text.String())
	log := journal.Config{LeaseTime: time.Second} // the disk stays full for longer
	o := p.open(small, log)
	arn := o.create(request("s3://input/a.jsonl"))
	job := o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool {
		return strings.Contains(job.Message, "waiting to go on: the job cannot be kept")
	})
	if job.Status != bedrock.ModelInvocationJobStatusInProgress || !strings.Contains(job.Message, "no space left on device; make room, and it goes on by itself") {
		t.Errorf("the job is %s, and says: %s", job.Status, job.Message)
	}
	if strings.Count(job.Message, "no space left on device") != 1 || strings.Contains(job.Message, "\n") {
		t.Errorf("the message says it more than once: %s", job.Message)
	}
	if _, err := o.Create(t.Context(), outcrop.Caller{}, request("s3://input/a.jsonl")); err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("another job: error %v", err)
	}
	kept := *o.get(arn).ProcessedRecordCount
	if restart {
		o.close()
	}
	grow()
	if restart {
		o = p.open(small, log)
	}
	if job := o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 {
		t.Errorf("the job ended as %s: %q, with %d records", job.Status, job.Message, *job.SuccessRecordCount)
	}
	o.close()
	sent := 0
	for record, times := range p.calls.Range {
		sent++
		if n := times.(*atomic.Int64).Load(); n > 1 && !restart {
			t.Errorf("a record was sent %d times: %.20s", n, record)
		}
	}
	if lines := strings.Count(p.output(jobID(arn), "a.jsonl.out"), "\n"); lines != 100 || kept == 0 || sent != 100 {
		t.Errorf("%d lines; %d records had been kept, %d were sent", lines, kept, sent)
	}
}
