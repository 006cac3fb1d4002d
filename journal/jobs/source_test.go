package jobs_test

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
)

// TestGoesOnWhereItBegan: a job whose answers would come from elsewhere now
// sends nothing there, says why, can be stopped, and goes on where it began.
func TestGoesOnWhereItBegan(t *testing.T) {
	for name, stop := range map[string]bool{"goes on": false, "is stopped": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.after.Store(37)
			config := small
			config.Source = func(string) string { return "the simulator" }
			o := p.open(config, journal.Config{})
			arn := o.create(request(p.lines(100)))
			for range 4 {
				<-p.arrive
			}
			o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool { return *job.ProcessedRecordCount == 37 })
			o.close()

			p.after.Store(1 << 40)
			config.Source = func(string) string { return "a model" }
			o = p.open(config, journal.Config{})
			job := o.until(arn, func(job *bedrock.GetModelInvocationJobResponse) bool { return job.Message != "" })
			if !strings.Contains(job.Message, "its answers came from the simulator so far, and would come from a model now") || *job.ProcessedRecordCount > 37 {
				t.Errorf("%d records, %s", *job.ProcessedRecordCount, job.Message)
			}
			if stop {
				if err := o.Stop(t.Context(), outcrop.Caller{}, arn); err != nil {
					t.Fatal(err)
				}
				if job = o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusStopped || *job.ProcessedRecordCount != 37 {
					t.Errorf("stopped, it is %s with %d records: %s", job.Status, *job.ProcessedRecordCount, job.Message)
				}
				o.close()
				return
			}
			o.close()

			config.Source = func(string) string { return "the simulator" }
			o = p.open(config, journal.Config{})
			if job = o.until(arn, ended); job.Status != bedrock.ModelInvocationJobStatusCompleted || *job.SuccessRecordCount != 100 {
				t.Errorf("it ended as %s with %d records: %s", job.Status, *job.SuccessRecordCount, job.Message)
			}
			o.close()
		})
	}
}
