package batch

import (
	"context"
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// slowStore looks around while it keeps a new job.
type slowStore struct {
	*memory
	meanwhile func(id string) error
}

func (s slowStore) Create(_ context.Context, job Saved) error { return s.meanwhile(job.ID) }

// Nobody sees a job, or could stop it, before the store has it; one that the
// store does not take is none.
func TestJobsAreSeenWhenTheyAreKept(t *testing.T) {
	var f *fixture
	seen := func(id string) {
		t.Helper()
		if _, err := f.Get(t.Context(), alice, id); code(err) != bedrock.CodeResourceNotFound {
			t.Errorf("job %s is there: error %v", id, err)
		}
		list, err := f.List(t.Context(), alice, &bedrock.ListModelInvocationJobsRequest{})
		if err != nil || len(list.InvocationJobSummaries) != 0 {
			t.Errorf("the list has %v, error %v", list, err)
		}
	}
	var refuse error
	var id string
	f = newFixture(t, Config{MaxUnfinished: 1, Store: slowStore{newMemory(), func(made string) error {
		id = made
		seen(id)
		return refuse
	}}})
	refuse = errors.New("no room")
	req := inline(`{"a":1}`)
	req.ClientRequestToken = "once"
	if _, err := f.Create(t.Context(), alice, req); code(err) != bedrock.CodeServiceUnavailable {
		t.Errorf("error %v", err)
	}
	seen(id)
	refuse = nil
	if job := f.wait(f.create(req)); job.Status != completed {
		t.Errorf("the job is %s: %s", job.Status, job.Message)
	}
}
