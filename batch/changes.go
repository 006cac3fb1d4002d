package batch

import (
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Change is one state that a job has come to.
type Change struct {
	Status  bedrock.ModelInvocationJobStatus `json:"status"`
	Time    time.Time                        `json:"time"`
	Message string                           `json:"message,omitzero"` // why it ended, if that was said
	Counts  *Counts                          `json:"counts,omitzero"`  // then; nil before the input was counted
}

// History is what a job is, and all states that it has come to, the earliest
// first. They are part of the job's state, so that the store keeps a change and
// the fact that somebody is to be told of it in one write. A history must not be
// changed.
type History struct {
	ID, ARN, Name, ModelID string
	Account, Region        string
	Submitted              time.Time
	Changes                []Change
}

// Listener is told of the changes of jobs. All methods must be safe for
// concurrent use and return at once: jobs wait for them.
type Listener interface {
	// Changed is called when a job has come to a new state, after the store has
	// it; for each job that is kept when New reads them; and when a job is taken
	// over from another owner. Each history has all that earlier ones had.
	Changed(h History)

	// Owes tells whether somebody has still to be told of a job. It is not
	// forgotten before.
	Owes(id string) bool

	// Forgotten is called when a job that has ended is no longer kept.
	Forgotten(id string)
}

// nobody listens.
type nobody struct{}

func (nobody) Changed(History)  {}
func (nobody) Owes(string) bool { return false }
func (nobody) Forgotten(string) {}

func (s *state) history() History {
	return History{
		ID: s.ID, ARN: s.ARN, Name: s.Request.JobName, ModelID: s.Request.ModelID,
		Account: s.Account, Region: s.Caller.Region, Submitted: s.Submitted, Changes: s.Changes,
	}
}

// note adds the state that the job is in to its changes. Why it is there is
// told when it is the last one.
func (s *state) note(message string, now time.Time) {
	c := Change{Status: s.Status, Time: now}
	if final(s.Status) {
		c.Message = clipMessage(message)
	}
	if s.Validated {
		counts := s.Counts
		c.Counts = &counts
	}
	s.Changes = append(s.Changes[:len(s.Changes):len(s.Changes)], c)
}
