package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/journal"
)

// work is the stream of a job that runs.
type work struct {
	store  *Store
	id     string
	stream *journal.Stream
	limit  int // bytes of lines in one message

	mu     sync.Mutex
	held   int                    // bytes of lines in memory
	leases map[int]*journal.Lease // of shards
	shards map[int]*index         // of shards that were asked for and are not written
}

// groupBytes is how many bytes of lines go into one message, unless one line
// has more.
const groupBytes = 256 << 10

// heldBytes is how many bytes of lines stay in memory until they are written.
// What is written soon need not be read back; and the server frees the memory of
// what it has written at once when nobody reads there, and else 10 s later.
const heldBytes = 32 << 20

// inFlight is how many messages are written at once.
const inFlight = 16

func newWork(s *Store, id string, stream *journal.Stream) *work {
	return &work{
		store: s, id: id, stream: stream, limit: min(s.journal.MaxMessage()-headerRoom, longestPart),
		leases: map[int]*journal.Lease{}, shards: map[int]*index{},
	}
}

// Plan is the plan, or nil.
func (w *work) Plan(ctx context.Context) ([]byte, error) {
	parts := map[int][]byte{}
	for m, err := range w.stream.Read(ctx, journal.Query{Subject: "plan.*"}) {
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(strings.TrimPrefix(m.Subject, "plan."))
		if err != nil {
			return nil, fmt.Errorf("the journal holds %s, which is no part of a plan", m.Subject)
		}
		parts[n] = m.Data // a job that is planned again has later parts
	}
	if len(parts) == 0 {
		return nil, nil
	}
	plan, err := join(parts)
	if err != nil {
		return nil, fmt.Errorf("the plan of job %s: %w", w.id, err)
	}
	return plan, nil
}

// SavePlan writes the parts of the plan. The state that says there is one comes
// after it, so a plan that was cut short is written again.
func (w *work) SavePlan(ctx context.Context, plan []byte) error {
	for n, part := range split(plan) {
		if _, err := w.stream.Append(ctx, fmt.Sprintf("plan.%d", n), part); err != nil {
			return err
		}
	}
	return nil
}

// done is what is kept of a finished shard.
type done struct {
	batch.Tally
	Index []ref `json:"index"`
}

// Committed reads what is kept of the finished shards.
func (w *work) Committed(ctx context.Context) iter.Seq2[batch.Tally, error] {
	return func(yield func(batch.Tally, error) bool) {
		for m, err := range w.stream.Read(ctx, journal.Query{Subject: "done.*"}) {
			var t batch.Tally
			if err == nil {
				err = json.Unmarshal(m.Data, &t)
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// ClaimShard takes the shard's lease.
func (w *work) ClaimShard(ctx context.Context, shard int) error {
	lease, err := w.store.acquire(ctx, fmt.Sprintf("shard.%s.%d", w.id, shard))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leases[shard] = lease
	return nil
}

// Results reads what there is of a shard.
func (w *work) Results(ctx context.Context, shard int) ([]batch.Result, error) {
	x, results, err := w.scan(ctx, shard)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shards[shard] = x
	return results, nil
}

// scan makes the index of a shard, and lists its results.
func (w *work) scan(ctx context.Context, shard int) (*index, []batch.Result, error) {
	x := newIndex()
	var results []batch.Result
	for m, err := range w.stream.Read(ctx, journal.Query{Subject: fmt.Sprintf("result.%d", shard)}) {
		if err != nil {
			return nil, nil, err
		}
		g, err := readGroup(shard, m)
		if err != nil {
			return nil, nil, err
		}
		results = append(results, x.add(m.Sequence, g)...)
	}
	return x, results, nil
}

// Append writes results, those of one shard together, several messages at once.
func (w *work) Append(ctx context.Context, results []batch.Result) error {
	type written struct {
		group   group
		pending *journal.Pending
	}
	var queue []written
	var failed error // the first; those after it say the same
	finish := func(left int) error {
		for len(queue) > left {
			sequence, err := queue[0].pending.Wait(ctx)
			if err != nil {
				failed = cmp.Or(failed, err)
			} else {
				w.mu.Lock()
				w.keep(sequence, queue[0].group)
				w.mu.Unlock()
			}
			queue = queue[1:]
		}
		return failed
	}
	for g := range groups(results, w.limit) {
		if finish(inFlight-1) != nil {
			return finish(0)
		}
		pending, err := w.stream.Begin(fmt.Sprintf("result.%d", g.shard), g.body, g.headers()...)
		if err != nil {
			failed = err
			return finish(0)
		}
		queue = append(queue, written{g, pending})
	}
	return finish(0)
}

// keep notes where a group is, and holds its lines while there is room.
func (w *work) keep(sequence uint64, g group) {
	x := w.shards[g.shard]
	x.add(sequence, g)
	if g.part > 0 || w.held+len(g.body) > heldBytes {
		return
	}
	w.held += len(g.body)
	x.held += len(g.body)
	rest := g.body
	for i := range g.results {
		end := bytes.IndexByte(rest, '\n') + 1
		if record := g.results[i].Record; x.places[record].sequences[0] == sequence {
			x.lines[record] = rest[:end]
		}
		rest = rest[end:]
	}
}

// Commit writes what a finished shard comes to, and gives the shard back.
func (w *work) Commit(ctx context.Context, t batch.Tally) error {
	w.mu.Lock()
	x, lease := w.shards[t.Shard], w.leases[t.Shard]
	delete(w.leases, t.Shard)
	w.mu.Unlock()
	text, err := json.Marshal(done{t, x.refs})
	if err != nil {
		return err
	}
	if _, err := w.stream.Append(ctx, fmt.Sprintf("done.%d", t.Shard), text); err != nil {
		return err
	}
	if lease != nil {
		_ = lease.Release(ctx) // it lapses in any case
	}
	return nil
}

// Lines reads the lines of a shard by its index: that of this process, the one
// that was written when it was finished, or one made of what there is.
func (w *work) Lines(ctx context.Context, shard int) iter.Seq2[batch.Line, error] {
	return func(yield func(batch.Line, error) bool) {
		x, err := w.index(ctx, shard)
		if err != nil {
			yield(batch.Line{}, err)
			return
		}
		r := lineReader{stream: w.stream, shard: shard, index: x, loaded: map[uint64]*loaded{}}
		for _, record := range x.records() {
			text, err := r.line(ctx, record)
			if !yield(batch.Line{Record: record, Text: text}, err) || err != nil {
				return
			}
		}
	}
}

func (w *work) index(ctx context.Context, shard int) (*index, error) {
	w.mu.Lock()
	x := w.shards[shard]
	w.mu.Unlock()
	if x != nil {
		return x, nil
	}
	m, err := w.stream.Last(ctx, fmt.Sprintf("done.%d", shard))
	if errors.Is(err, journal.ErrNotFound) {
		x, _, err := w.scan(ctx, shard)
		return x, err
	}
	if err != nil {
		return nil, err
	}
	var d done
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return nil, fmt.Errorf("what is kept of shard %d of job %s cannot be read: %w", shard, w.id, err)
	}
	x = newIndex()
	for _, r := range d.Index {
		x.put(r)
	}
	return x, nil
}

// Written forgets the index of a shard.
func (w *work) Written(shard int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x := w.shards[shard]; x != nil {
		w.held -= x.held
	}
	delete(w.shards, shard)
}

// Close gives the shards back that are not finished.
func (w *work) Close(ctx context.Context) error {
	w.mu.Lock()
	leases := w.leases
	w.leases = map[int]*journal.Lease{}
	w.mu.Unlock()
	var errs []error
	for _, lease := range leases {
		errs = append(errs, lease.Release(ctx))
	}
	return errors.Join(errs...)
}
