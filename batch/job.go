package batch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// job is one job's state, and who waits for it to change. It is safe for
// concurrent use; of its state, what was set when it was made never changes.
type job struct {
	clock  Clock
	task   task
	caller outcrop.Caller
	stop   context.CancelCauseFunc // sends nothing more

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

// advance moves the job to a state, if that may follow the one it is in.
func (j *job) advance(to bedrock.ModelInvocationJobStatus, message string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.state.advance(to, message, j.clock.Now()) {
		return false
	}
	wake(&j.moved)
	wake(&j.recorded)
	return true
}

// validated sets how many records the job has.
func (j *job) validated(total int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Validated = true
	j.state.Counts.TotalRecordCount = total
	wake(&j.recorded)
}

// count adds what became of a record.
func (j *job) count(r *result) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.count(r, j.clock.Now())
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
