package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// planFormat is the version of a plan's JSON.
const planFormat = 1

// plan says how a job's input is divided. It is made while the input is
// validated, and kept, so that whoever runs the job reads the same records.
type plan struct {
	Format int        `json:"format"`
	Total  int        `json:"total"` // records
	Files  []planFile `json:"files"`
	Shards []shard    `json:"shards"`
}

// planFile is an input object. An inline body stays in the request.
type planFile struct {
	URI    string `json:"uri"`
	Name   string `json:"name"`
	Inline bool   `json:"inline,omitzero"`
}

// shard is consecutive records of one file.
type shard struct {
	File    int    `json:"f"`
	First   int    `json:"i"` // the index of its first record in the job
	Records int    `json:"n"`
	Start   int64  `json:"s"` // bytes of the file before it
	End     int64  `json:"e"` // and with it
	Line    int    `json:"l"` // lines of the file before it
	Sum     uint32 `json:"c"` // CRC-32C of its records
	Last    bool   `json:"z,omitzero"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum adds a record to a shard's check sum.
func sum(c uint32, r *record) uint32 {
	c = crc32.Update(c, castagnoli, []byte(r.id))
	return crc32.Update(c, castagnoli, r.input)
}

// planner makes a plan of the records that it is shown.
type planner struct {
	plan    plan
	records int   // of a shard, at most
	bytes   int64 // of a shard's input, unless one record has more
	line    int   // of the last record
}

// newPlanner makes shards of so many records, and of a quarter of the bytes that
// may be in flight: then those in flight are of shards that can be finished.
func newPlanner(src *source, records, inFlight int) *planner {
	p := &planner{plan: plan{Format: planFormat}, records: records, bytes: max(int64(inFlight)/4, 1)}
	for _, f := range src.files {
		file := planFile{URI: f.uri, Name: f.name, Inline: f.inline != nil}
		p.plan.Files = append(p.plan.Files, file)
	}
	return p
}

func (p *planner) add(r *record) {
	p.plan.Total++
	shards := p.plan.Shards
	var s *shard
	if n := len(shards); n > 0 {
		s = &shards[n-1]
		switch {
		case s.File != r.file:
			s.Last, s = true, nil
		case s.Records == p.records, s.End-s.Start+int64(r.size) > p.bytes:
			s = nil
		}
	}
	if s == nil {
		next := shard{File: r.file, First: r.index}
		if n := len(shards); n > 0 && shards[n-1].File == r.file {
			next.Start, next.Line = shards[n-1].End, p.line
		}
		p.plan.Shards = append(shards, next)
		s = &p.plan.Shards[len(p.plan.Shards)-1]
	}
	s.Records++
	s.End, s.Sum, p.line = r.end, sum(s.Sum, r), r.line
}

func (p *planner) done() *plan {
	if n := len(p.plan.Shards); n > 0 {
		p.plan.Shards[n-1].Last = true
	}
	return &p.plan
}

// readPlan reads a plan that was kept.
func readPlan(text []byte) (*plan, error) {
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("the job's plan cannot be read: %w", err)
	}
	if p.Format != planFormat {
		return nil, fmt.Errorf("the job's plan is of format %d, and this program reads format %d", p.Format, planFormat)
	}
	for _, s := range p.Shards {
		if s.File < 0 || s.File >= len(p.Files) || s.Records < 1 || s.Start < 0 || s.End < s.Start {
			return nil, errors.New("the job's plan does not fit together")
		}
	}
	return &p, nil
}

// source is the input that was planned.
func (p *plan) source(src *source, inline []byte) *source {
	planned := &source{objects: src.objects, limits: src.limits}
	for _, f := range p.Files {
		file := inputFile{uri: f.URI, name: f.Name}
		if f.Inline {
			file.inline = inline
		}
		planned.files = append(planned.files, file)
	}
	return planned
}

// shardReader reads the records of shards, in their order. Between one shard
// and the next it keeps the file open. It is used by one goroutine.
type shardReader struct {
	source *source
	file   *fileReader // nil before the first
}

var errChanged = outcrop.Errorf(bedrock.CodeConflict, "the input was changed while the job ran: it has not the records that it had when it was validated")

// records yields the records of a shard. What differs from the plan is an
// error, the last pair; that records of the same length were changed is only
// known after them.
func (sr *shardReader) records(ctx context.Context, s *shard) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		if f := sr.file; f == nil || f.number != s.File || f.read != s.Start {
			sr.close()
			sr.file = &fileReader{source: sr.source, number: s.File, room: sr.source.limits.MaxJobBytes, read: s.Start, line: s.Line}
		}
		var check uint32
		for i := range s.Records {
			r, err := sr.file.next(ctx)
			if errors.Is(err, io.EOF) {
				err = errChanged
			}
			if err != nil {
				yield(nil, err)
				return
			}
			r.number(s.First + i)
			check = sum(check, r)
			if !yield(r, nil) {
				return
			}
		}
		if err := sr.verify(ctx, s, check); err != nil {
			yield(nil, err)
		}
	}
}

// verify tells whether what was read is what was planned, and the file ends
// where it should.
func (sr *shardReader) verify(ctx context.Context, s *shard, check uint32) error {
	if sr.file.read != s.End || check != s.Sum {
		return errChanged
	}
	if !s.Last {
		return nil
	}
	switch _, err := sr.file.next(ctx); {
	case err == nil:
		return errChanged
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

func (sr *shardReader) close() {
	if sr.file != nil {
		sr.file.close()
		sr.file = nil
	}
}

// text is the plan as it is kept.
func (p *plan) text() ([]byte, error) { return json.Marshal(p) }
