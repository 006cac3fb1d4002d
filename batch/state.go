package batch

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop"
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

	completed: nil, partiallyCompleted: nil, jobFailed: nil, stopped: nil, expired: nil,
}

func final(s bedrock.ModelInvocationJobStatus) bool { return len(next[s]) == 0 }

// stateFormat is the version of a state's JSON.
const stateFormat = 1

// state is all that is known of a job, as plain data. As JSON it is what a
// Store keeps; the request, which never changes, is kept beside it.
type state struct {
	Format    int                                      `json:"format"`
	ID        string                                   `json:"id"`
	ARN       string                                   `json:"arn"`
	Caller    caller                                   `json:"caller"`
	Account   string                                   `json:"account"`
	Sequence  uint64                                   `json:"sequence"` // order of submission
	Request   *bedrock.CreateModelInvocationJobRequest `json:"-"`
	Digest    string                                   `json:"digest"`          // of the request, to tell a repeated one
	Source    string                                   `json:"source,omitzero"` // of its answers; "" is not known
	Status    bedrock.ModelInvocationJobStatus         `json:"status"`
	Message   string                                   `json:"message,omitzero"`
	Submitted time.Time                                `json:"submitted"`
	Modified  time.Time                                `json:"modified"`
	Started   time.Time                                `json:"started,omitzero"` // of InProgress
	Ended     time.Time                                `json:"ended,omitzero"`
	Expires   time.Time                                `json:"expires"`
	Validated bool                                     `json:"validated,omitzero"` // the manifest's total is known
	Counts    Counts                                   `json:"counts"`
	Tags      []bedrock.Tag                            `json:"tags,omitzero"` // in the order in which their keys came
	Changes   []Change                                 `json:"changes,omitzero"`
}

// caller is on whose behalf a job's calls are made.
type caller struct {
	Tenant string `json:"tenant,omitzero"`
	Region string `json:"region"`
}

func (s *state) caller() outcrop.Caller {
	return outcrop.Caller{Tenant: s.Caller.Tenant, Account: s.Account, Region: s.Caller.Region}
}

// readState reads a state that was kept.
func readState(text []byte) (*state, error) {
	s := new(state)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("the job's state cannot be read: %w", err)
	}
	switch _, known := next[s.Status]; {
	case s.Format != stateFormat:
		return nil, fmt.Errorf("the job's state is of format %d, and this program reads format %d", s.Format, stateFormat)
	case s.ID == "" || s.ARN == "" || !known:
		return nil, fmt.Errorf("the job's state lacks id, arn or a known status")
	}
	return s, nil
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
	s.note(message, now)
	return true
}

// follow takes over what changes in the life of a job, but for the counts of
// records, which go on by themselves. The other fields are read without a lock.
func (s *state) follow(o *state) {
	s.Status, s.Message, s.Modified = o.Status, o.Message, o.Modified
	s.Started, s.Ended, s.Tags, s.Changes = o.Started, o.Ended, o.Tags, o.Changes
	s.Validated, s.Counts.TotalRecordCount = o.Validated, o.Counts.TotalRecordCount
}

// count adds what became of records.
func (s *state) count(t *Tally, now time.Time) {
	c := &s.Counts
	c.SuccessRecordCount += t.Succeeded
	c.ErrorRecordCount += t.Failed
	c.ProcessedRecordCount += t.Succeeded + t.Failed
	c.InputTokenCount += t.InputTokens
	c.OutputTokenCount += t.OutputTokens
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
		TimeoutDurationInHours: r.TimeoutDurationInHours, ModelInvocationType: s.invocationType(), Unknown: s.extra(),
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
