package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/journal"
)

// index says which messages hold the results of a shard. It is not safe for
// concurrent use; nothing is added while it is read.
type index struct {
	refs   []ref
	places map[int]place    // of records whose line is complete
	lines  map[int][]byte   // those of them that are still in memory
	held   int              // their bytes
	next   map[int][]uint64 // and the sequences of the parts so far
}

// ref is one message.
type ref struct {
	Sequence uint64 `json:"q"`
	Records  []int  `json:"r"`
	Part     int    `json:"p,omitzero"`
	Parts    int    `json:"of,omitzero"`
}

// place is where a record's line is: in one message, or in several, by parts.
type place struct {
	sequences []uint64
	line      int // of the message; 0 for one in parts
}

func newIndex() *index {
	return &index{places: map[int]place{}, lines: map[int][]byte{}, next: map[int][]uint64{}}
}

// add takes a message in, and returns the results that it completes and that
// were not there before.
func (x *index) add(sequence uint64, g group) []batch.Result {
	r := ref{Sequence: sequence, Part: g.part, Parts: g.parts}
	for i := range g.results {
		r.Records = append(r.Records, g.results[i].Record)
	}
	var fresh []batch.Result
	for _, record := range x.put(r) {
		first := slices.IndexFunc(g.results, func(r batch.Result) bool { return r.Record == record })
		fresh = append(fresh, g.results[first])
	}
	return fresh
}

// put takes a message in, and returns the records whose lines are complete now.
func (x *index) put(r ref) (fresh []int) {
	x.refs = append(x.refs, r)
	if r.Part > 0 {
		return x.putPart(r)
	}
	for i, record := range r.Records {
		if _, there := x.places[record]; !there {
			x.places[record] = place{[]uint64{r.Sequence}, i}
			fresh = append(fresh, record)
		}
	}
	return fresh
}

// putPart takes a part in. The parts of a line come in order; a first part
// begins anew, after a process that was cut off.
func (x *index) putPart(r ref) []int {
	record := r.Records[0]
	if _, there := x.places[record]; there {
		return nil
	}
	if r.Part == 1 {
		x.next[record] = nil
	}
	if len(x.next[record]) != r.Part-1 {
		return nil
	}
	x.next[record] = append(x.next[record], r.Sequence)
	if r.Part < r.Parts {
		return nil
	}
	x.places[record] = place{sequences: x.next[record]}
	delete(x.next, record)
	return []int{record}
}

// records are those with a line, in order.
func (x *index) records() []int { return slices.Sorted(maps.Keys(x.places)) }

// lineReader reads lines by an index. Of messages with several lines it keeps
// those that were not all asked for: results are kept nearly in the order of
// their records, so these are few.
type lineReader struct {
	stream *journal.Stream
	shard  int
	index  *index
	loaded map[uint64]*loaded
}

type loaded struct {
	lines [][]byte
	left  int // lines that were not asked for
}

func (r *lineReader) line(ctx context.Context, record int) ([]byte, error) {
	if line := r.index.lines[record]; line != nil {
		return line, nil
	}
	at := r.index.places[record]
	if len(at.sequences) > 1 {
		var whole []byte
		for _, sequence := range at.sequences {
			g, err := r.get(ctx, sequence)
			if err != nil {
				return nil, err
			}
			whole = append(whole, g.body...)
		}
		return whole, nil
	}
	sequence := at.sequences[0]
	l := r.loaded[sequence]
	if l == nil {
		g, err := r.get(ctx, sequence)
		if err != nil {
			return nil, err
		}
		lines := bytes.SplitAfter(g.body, []byte("\n"))
		if g.part > 0 {
			lines = [][]byte{g.body}
		}
		l = &loaded{lines: lines, left: len(g.results)}
		r.loaded[sequence] = l
	}
	if l.left--; l.left == 0 {
		delete(r.loaded, sequence)
	}
	return l.lines[at.line], nil
}

func (r *lineReader) get(ctx context.Context, sequence uint64) (group, error) {
	m, err := r.stream.Get(ctx, sequence)
	if errors.Is(err, journal.ErrNotFound) {
		return group{}, fmt.Errorf("the journal is damaged: results of shard %d, message %d, cannot be read", r.shard, sequence)
	}
	if err != nil {
		return group{}, err
	}
	return readGroup(r.shard, m)
}
