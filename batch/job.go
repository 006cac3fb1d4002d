package batch

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// job is one job's state, and who waits for it to change. It is safe for
// concurrent use; of its state, what was set when it was made never changes.
//
// A new status is kept by the store before anybody sees it. Counts are not
// kept: they follow from the results.
type job struct {
	clock  Clock
	store  Store
	tell   func(History) // of a new state; never nil
	task   task
	caller outcrop.Caller
	inline int                     // bytes of its inline body
	stop   context.CancelCauseFunc // sends nothing more

	writing sync.Mutex // held over a write to the store, and the change of state with it

	mu       sync.Mutex
	state    state
	moved    chan struct{} // closed when the status has changed; nil while nobody waits
	recorded chan struct{} // closed when counts or the status have changed; as moved
}

// Why a job sends nothing more.
var (
	errStopped = errors.New("the job was stopped")
	errExpired = errors.New("the job's time limit has passed")
	errClosed  = errors.New("the process that ran the job was shut down")
)

func (j *job) snapshot() state {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// advance moves the job to a state, if that may follow the one it is in. An
// error is the store's: then the job has not moved.
func (j *job) advance(ctx context.Context, to bedrock.ModelInvocationJobStatus, message string) (bool, error) {
	return j.change(ctx, func(s *state) bool { return s.advance(to, message, j.clock.Now()) })
}

// change makes a change of state, unless f says that there is none, and keeps
// it. The slices of the state must not be changed in place.
func (j *job) change(ctx context.Context, f func(*state) bool) (bool, error) {
	j.writing.Lock()
	defer j.writing.Unlock()
	s := j.snapshot()
	if !f(&s) {
		return false, nil
	}
	text, err := json.Marshal(&s)
	if err == nil {
		err = j.store.Update(ctx, s.ID, text)
	}
	if err != nil {
		return false, unkept(err)
	}
	j.take(&s)
	return true, nil
}

// take makes a state that is kept the job's, and tells of what is new in it. The
// order in which it tells is that of the writes to the store.
func (j *job) take(s *state) {
	j.mu.Lock()
	told := len(j.state.Changes)
	s.Request = j.state.Request
	j.state.follow(s)
	wake(&j.moved)
	wake(&j.recorded)
	j.mu.Unlock()
	if len(s.Changes) > told {
		j.tell(s.history())
	}
}

// unkept is the error of something that the store did not keep, in words for
// people.
func unkept(err error) error {
	e := outcrop.Errorf(bedrock.CodeServiceUnavailable, "the job cannot be kept: %w", err)
	e.Cause = err
	return e
}

// adopt takes over the state that another owner has left.
func (j *job) adopt(s *state) {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	stale := len(s.Changes) < len(j.state.Changes) // it was stopped here after that was read
	if !stale {
		j.state.Counts = s.Counts
	}
	j.mu.Unlock()
	if !stale {
		j.take(s)
	}
}

// say sets the job's message, for as long as the process lasts.
func (j *job) say(message string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Message = clipMessage(message)
	wake(&j.recorded)
}

// recount sets what was counted so far.
func (j *job) recount(t *Tally) {
	j.mu.Lock()
	defer j.mu.Unlock()
	total := j.state.Counts.TotalRecordCount
	j.state.Counts = Counts{TotalRecordCount: total}
	j.state.count(t, j.clock.Now())
	wake(&j.recorded)
}

// count adds what became of records.
func (j *job) count(t *Tally) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.count(t, j.clock.Now())
	wake(&j.recorded)
}

// observe is the state, with a channel that is closed when its status changes
// and one that is closed when anything does.
func (j *job) observe() (s state, moved, recorded <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.moved == nil {
		j.moved = make(chan struct{})
	}
	if j.recorded == nil {
		j.recorded = make(chan struct{})
	}
	return j.state, j.moved, j.recorded
}

func wake(waiting *chan struct{}) {
	if *waiting != nil {
		close(*waiting)
		*waiting = nil
	}
}

// expireAfter ends the job's sending when its time is up, and returns when that
// is so or ctx is done.
func (j *job) expireAfter(ctx context.Context, d time.Duration) {
	select {
	case <-j.clock.After(d):
		j.stop(errExpired)
	case <-ctx.Done():
	}
}
