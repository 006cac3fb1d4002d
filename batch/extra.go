package batch

import (
	"encoding/json"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Extra is what a job's state tells beside the service's own members, which have
// no place for it; clients that do not know these members pass over them. With
// the counts of records they make a rate, and how long the rest takes.
type Extra struct {
	InputTokenCount  int64     `json:"inputTokenCount"`
	OutputTokenCount int64     `json:"outputTokenCount"`
	StartTime        time.Time `json:"startTime"` // when records were first sent
}

// extra is the members for a job that has begun to send, or nothing.
func (s *state) extra() bedrock.Document {
	if s.Started.IsZero() {
		return nil
	}
	text, err := json.Marshal(Extra{s.Counts.InputTokenCount, s.Counts.OutputTokenCount, s.Started.UTC()})
	if err != nil {
		return nil // of a year that JSON's times do not have
	}
	return text
}

// ReadProgress is how far a job has come, from its state alone: what
// Jobs.Progress tells, for those who have it from a server. ok is false where
// the state has no Extra: the job has sent nothing, or another service runs it.
func ReadProgress(job *bedrock.GetModelInvocationJobResponse, now time.Time) (p Progress, ok bool) {
	var e Extra
	if len(job.Unknown) == 0 || json.Unmarshal(job.Unknown, &e) != nil || e.StartTime.IsZero() {
		return p, false
	}
	count := func(n *int) int {
		if n == nil {
			return 0
		}
		return *n
	}
	p = Progress{
		Status: job.Status, Total: count(job.TotalRecordCount), Processed: count(job.ProcessedRecordCount),
		Succeeded: count(job.SuccessRecordCount), Failed: count(job.ErrorRecordCount),
		InputTokens: e.InputTokenCount, OutputTokens: e.OutputTokenCount,
	}
	end := now
	if final(job.Status) && !job.EndTime.IsZero() {
		end = job.EndTime
	}
	p.Elapsed = max(end.Sub(e.StartTime), 0)
	return p, true
}
