package batch

import (
	"context"
	"errors"
	"iter"
)

// Store keeps jobs so that they outlive the process. Package journal/jobs has
// one on a journal; without one, New uses one in memory. What a method has
// returned without an error is kept; contexts bound one request. It is safe for
// concurrent use.
//
// Requests, states and plans are JSON that this package writes and reads; a
// store treats them as bytes.
type Store interface {
	// Durable tells whether jobs outlive the process. If so, Close leaves
	// unfinished jobs as they are, and the next New goes on with them.
	Durable() bool

	// Load yields the jobs that are kept, in any order.
	Load(ctx context.Context) iter.Seq2[Saved, error]

	// Create keeps a new job. When it fails, nothing of the job is left.
	Create(ctx context.Context, job Saved) error

	// Update replaces a job's state.
	Update(ctx context.Context, id string, state []byte) error

	// Delete forgets a job with everything that belongs to it. One that is not
	// there is fine.
	Delete(ctx context.Context, id string) error

	// DropWork forgets the plan and the results of a job. None is fine.
	DropWork(ctx context.Context, id string) error

	// Claim takes the right to run a job, which another node may have: then the
	// error is ErrClaimed. It returns the job's state, which that other node
	// may have changed.
	Claim(ctx context.Context, id string) (Claim, []byte, error)

	// Work opens the plan and the results of a job that was claimed, and makes
	// them when there are none.
	Work(ctx context.Context, id string) (Work, error)
}

// ErrClaimed is the error of a job, or a shard, that another owner works on.
var ErrClaimed = errors.New("another owner is at work")

// Saved is a job as it is kept.
type Saved struct {
	ID             string
	Request, State []byte
	HasWork        bool // there is a plan, or results
}

// Claim is the right to run a job.
type Claim interface {
	// Lost is closed when the right has gone to another owner.
	Lost() <-chan struct{}
	// Release gives it back.
	Release(ctx context.Context) error
}

// Work keeps what is done of one job: its plan, and the result of each record,
// by shard. Shards are claimed one by one.
type Work interface {
	// Plan is what SavePlan has kept, or nil.
	Plan(ctx context.Context) ([]byte, error)
	SavePlan(ctx context.Context, plan []byte) error

	// Committed yields the shards that are finished.
	Committed(ctx context.Context) iter.Seq2[Tally, error]

	// ClaimShard takes a shard that is not finished. The error is ErrClaimed
	// while another owner has it.
	ClaimShard(ctx context.Context, shard int) error

	// Results are the results that a shard has, without their lines, each
	// record once.
	Results(ctx context.Context, shard int) ([]Result, error)

	// Append keeps results, of several shards perhaps, whose Results were asked
	// for. Of a record that comes twice, the first result counts. The results'
	// lines belong to the store from then on.
	Append(ctx context.Context, results []Result) error

	// Commit marks a shard as finished and gives it back.
	Commit(ctx context.Context, tally Tally) error

	// Lines yields the output lines of a shard by the order of its records;
	// those without a result are left out.
	Lines(ctx context.Context, shard int) iter.Seq2[Line, error]

	// Written says that the lines of a shard are not asked for again, unless
	// the job is run anew.
	Written(shard int)

	// Close gives back the shards that are claimed.
	Close(ctx context.Context) error
}

// Result is what became of a record.
type Result struct {
	Shard        int
	Record       int // in its shard, from 0
	Failed       bool
	InputTokens  int
	OutputTokens int
	Line         []byte // of the output, with its line ending and no other one
}

// Line is a line of a shard's output.
type Line struct {
	Record int
	Text   []byte // with its line ending; valid until the next one is asked for
}

// Tally is what a shard's results come to.
type Tally struct {
	Shard        int   `json:"shard"`
	Succeeded    int   `json:"succeeded"`
	Failed       int   `json:"failed"`
	InputTokens  int64 `json:"inputTokens"`
	OutputTokens int64 `json:"outputTokens"`
}

// add counts one result.
func (t *Tally) add(r *Result) {
	if r.Failed {
		t.Failed++
	} else {
		t.Succeeded++
	}
	t.InputTokens += int64(r.InputTokens)
	t.OutputTokens += int64(r.OutputTokens)
}

// sum adds another tally.
func (t *Tally) sum(o *Tally) {
	t.Succeeded += o.Succeeded
	t.Failed += o.Failed
	t.InputTokens += o.InputTokens
	t.OutputTokens += o.OutputTokens
}
