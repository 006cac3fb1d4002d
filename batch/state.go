package batch

import (
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// status names are long; these are the same values.
const (
	submitted          = bedrock.ModelInvocationJobStatusSubmitted
	validating         = bedrock.ModelInvocationJobStatusValidating
	scheduled          = bedrock.ModelInvocationJobStatusScheduled
	inProgress         = bedrock.ModelInvocationJobStatusInProgress
	completed          = bedrock.ModelInvocationJobStatusCompleted
	partiallyCompleted = bedrock.ModelInvocationJobStatusPartiallyCompleted
	jobFailed          = bedrock.ModelInvocationJobStatusFailed
	stopping           = bedrock.ModelInvocationJobStatusStopping
	stopped            = bedrock.ModelInvocationJobStatusStopped
	expired            = bedrock.ModelInvocationJobStatusExpired
)

// next is which states may follow a state. One that nothing follows is final.
var next = map[bedrock.ModelInvocationJobStatus][]bedrock.ModelInvocationJobStatus{
	submitted:  {validating, stopping, stopped, expired, jobFailed},
	validating: {scheduled, stopping, stopped, expired, jobFailed},
	scheduled:  {inProgress, stopping, stopped, expired, jobFailed},
	inProgress: {completed, partiallyCompleted, stopping, stopped, jobFailed},
	stopping:   {stopped},
}

func final(s bedrock.ModelInvocationJobStatus) bool { return len(next[s]) == 0 }

// state is all that is known of a job, as plain data.
type state struct {
	ID, ARN   string
	Account   string
	Sequence  uint64 // order of submission
	Request   *bedrock.CreateModelInvocationJobRequest
	Digest    [32]byte // of the request, to tell a repeated one
	Status    bedrock.ModelInvocationJobStatus
	Message   string
	Submitted time.Time
	Modified  time.Time
	Started   time.Time // of InProgress
	Ended     time.Time
	Expires   time.Time
	Validated bool // the manifest's total is known
	Counts    manifest
}

// advance moves the job to a state, if that may follow the one it is in.
func (s *state) advance(to bedrock.ModelInvocationJobStatus, message string, now time.Time) bool {
	if !slices.Contains(next[s.Status], to) {
		return false
	}
	s.Status, s.Modified = to, now
	if message != "" {
		s.Message = clipMessage(message)
	}
	if to == inProgress {
		s.Started = now
	}
	if final(to) {
		s.Ended = now
	}
	return true
}

// count adds what became of one record.
func (s *state) count(r *result, now time.Time) {
	c := &s.Counts
	switch r.outcome {
	case skipped:
		return
	case succeeded:
		c.SuccessRecordCount++
	case failed:
		c.ErrorRecordCount++
	}
	c.ProcessedRecordCount++
	c.InputTokenCount += int64(r.input)
	c.OutputTokenCount += int64(r.output)
	s.Modified = now
}

// maxMessage is how long the API lets a job's message be, in characters.
const maxMessage = 2048

func clipMessage(s string) string {
	runes := 0
	for i := range s {
		if runes++; runes > maxMessage {
			return s[:i]
		}
	}
	return s
}

// response is the state as the API tells it.
func (s *state) response() *bedrock.GetModelInvocationJobResponse {
	r := s.Request
	out := &bedrock.GetModelInvocationJobResponse{
		JobARN: s.ARN, JobName: r.JobName, ModelID: r.ModelID, ClientRequestToken: r.ClientRequestToken,
		RoleARN: r.RoleARN, Status: s.Status, Message: s.Message,
		SubmitTime: s.Submitted, LastModifiedTime: s.Modified, EndTime: s.Ended, JobExpirationTime: s.Expires,
		InputDataConfig: r.InputDataConfig, OutputDataConfig: r.OutputDataConfig, VPCConfig: r.VPCConfig,
		TimeoutDurationInHours: r.TimeoutDurationInHours, ModelInvocationType: s.invocationType(),
	}
	out.TotalRecordCount, out.ProcessedRecordCount, out.SuccessRecordCount, out.ErrorRecordCount = s.counts()
	return out
}

// summary is the state as a list of jobs tells it: without the text of an
// inline body, which may be long.
func (s *state) summary() bedrock.ModelInvocationJobSummary {
	r := s.Request
	out := bedrock.ModelInvocationJobSummary{
		JobARN: s.ARN, JobName: r.JobName, ModelID: r.ModelID, ClientRequestToken: r.ClientRequestToken,
		RoleARN: r.RoleARN, Status: s.Status, Message: s.Message,
		SubmitTime: s.Submitted, LastModifiedTime: s.Modified, EndTime: s.Ended, JobExpirationTime: s.Expires,
		InputDataConfig: r.InputDataConfig, OutputDataConfig: r.OutputDataConfig, VPCConfig: r.VPCConfig,
		TimeoutDurationInHours: r.TimeoutDurationInHours, ModelInvocationType: s.invocationType(),
	}
	out.InputDataConfig.Text = ""
	out.TotalRecordCount, out.ProcessedRecordCount, out.SuccessRecordCount, out.ErrorRecordCount = s.counts()
	return out
}

func (s *state) invocationType() bedrock.ModelInvocationType {
	if s.Request.ModelInvocationType == "" {
		return bedrock.ModelInvocationTypeInvokeModel
	}
	return s.Request.ModelInvocationType
}

// counts are absent until the input has been counted.
func (s *state) counts() (total, processed, success, errors *int) {
	if !s.Validated {
		return nil, nil, nil, nil
	}
	c := s.Counts
	return &c.TotalRecordCount, &c.ProcessedRecordCount, &c.SuccessRecordCount, &c.ErrorRecordCount
}
