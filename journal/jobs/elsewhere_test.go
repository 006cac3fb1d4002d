package jobs_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
)

// A job runs on a NATS server of the user's, whose messages are shorter, and
// goes on there; another node on that server leaves it alone while it runs.
func TestJobElsewhere(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, MaxPayload: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	elsewhere := journal.Config{URL: s.ClientURL()}

	p := newPlace(t)
	p.after.Store(37)
	o := p.open(small, elsewhere)
	arn := o.create(request(p.lines(100)))
	for range 4 {
		<-p.arrive
	}
	other := newPlace(t)
	watcher := other.open(small, elsewhere)
	job := watcher.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool { return job.Message != "" })
	if want := "waiting to go on: the job cannot be kept: another owner is at work: job." + jobID(arn) + " is being worked on by " + o.journal.Owner().String(); job.Message != want {
		t.Errorf("another node says %q, want %q", job.Message, want)
	}
	for range other.calls.Range {
		t.Fatal("another node sent a record")
	}
	watcher.close()
	o.close()

	p.after.Store(1 << 40)
	o = p.open(small, elsewhere)
	job = o.until(arn, ended)
	if job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 {
		t.Errorf("the job ended as %s: %s", job.Status, job.Message)
	}
	o.close()
}
