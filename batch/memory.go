package batch

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
)

// memory is a Store whose jobs end with the process. It holds results until
// they are written.
type memory struct{}

var _ Store = (*memory)(nil)

func newMemory() *memory { return &memory{} }

func (*memory) Durable() bool                                { return false }
func (*memory) Load(context.Context) iter.Seq2[Saved, error] { return func(func(Saved, error) bool) {} }
func (*memory) Create(context.Context, Saved) error          { return nil }
func (*memory) Update(context.Context, string, []byte) error { return nil }
func (*memory) Delete(context.Context, string) error         { return nil }
func (*memory) DropWork(context.Context, string) error       { return nil }

// Claim returns no state: the job's own is the only one.
func (*memory) Claim(context.Context, string) (Claim, []byte, error) { return sole{}, nil, nil }

func (*memory) Work(context.Context, string) (Work, error) {
	return &memoryWork{shards: map[int]map[int][]byte{}}, nil
}

// sole is the claim of the only owner.
type sole struct{}

func (sole) Lost() <-chan struct{}         { return nil }
func (sole) Release(context.Context) error { return nil }

// memoryWork holds the lines of shards that are not written yet.
type memoryWork struct {
	mu     sync.Mutex
	plan   []byte
	shards map[int]map[int][]byte // lines by shard and record
}

func (w *memoryWork) Plan(context.Context) ([]byte, error) { return w.plan, nil }

func (w *memoryWork) SavePlan(_ context.Context, plan []byte) error {
	w.plan = plan
	return nil
}

func (w *memoryWork) Committed(context.Context) iter.Seq2[Tally, error] {
	return func(func(Tally, error) bool) {}
}

func (w *memoryWork) ClaimShard(context.Context, int) error { return nil }

// Results are none: a shard is worked on once.
func (w *memoryWork) Results(context.Context, int) ([]Result, error) { return nil, nil }

func (w *memoryWork) Append(_ context.Context, results []Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range results {
		lines := w.shards[r.Shard]
		if lines == nil {
			lines = map[int][]byte{}
			w.shards[r.Shard] = lines
		}
		if lines[r.Record] == nil {
			lines[r.Record] = r.Line
		}
	}
	return nil
}

func (w *memoryWork) Commit(context.Context, Tally) error { return nil }

// Lines needs no lock while it yields: a shard that is read gets no more lines.
func (w *memoryWork) Lines(_ context.Context, shard int) iter.Seq2[Line, error] {
	w.mu.Lock()
	lines := w.shards[shard]
	w.mu.Unlock()
	return func(yield func(Line, error) bool) {
		for _, record := range slices.Sorted(maps.Keys(lines)) {
			if !yield(Line{record, lines[record]}, nil) {
				return
			}
		}
	}
}

func (w *memoryWork) Written(shard int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.shards, shard)
}

func (w *memoryWork) Close(context.Context) error { return nil }
