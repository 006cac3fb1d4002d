package batch

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// idsInMemory is how many recordIds are compared in one pass over the input:
// about 5 MB of hashes.
const idsInMemory = 1 << 18

// validator reads a whole input before any of it is sent.
type validator struct {
	source   *source
	plan     *planner            // is shown each record once, in order; nil for none
	capacity int                 // of the set of recordIds
	hash     func(string) uint64 // two ids of one hash cost time and nothing else
}

func newValidator(s *source) *validator {
	seed := maphash.MakeSeed()
	return &validator{
		source: s, capacity: idsInMemory,
		hash: func(id string) uint64 { return maphash.String(seed, id) },
	}
}

// validate counts the records and finds what makes the input unfit as a whole:
// lines that are no records, a recordId that comes twice, an empty object, too
// few or too many records. Memory is constant; the input is read once, and
// again for each further idsInMemory records.
func (v *validator) validate(ctx context.Context) (total int, err error) {
	todo := []idPart{{}}
	counts := counter{source: v.source}
	for pass := 0; len(todo) > 0; pass++ {
		set := idSet{part: todo[len(todo)-1], capacity: v.capacity, held: make(map[uint64]struct{})}
		todo = todo[:len(todo)-1]
		for r, err := range v.source.records(ctx) {
			if err == nil && pass == 0 {
				if err = counts.add(r); err == nil && v.plan != nil {
					v.plan.add(r)
				}
			}
			if err != nil {
				return 0, err
			}
			var seen bool
			if seen, todo = set.add(v.hash(r.id), todo); seen {
				if err := v.repeated(ctx, r); err != nil {
					return 0, err
				}
			}
		}
	}
	return counts.total, counts.end()
}

// repeated finds the record before r that has its id. There is none when two
// ids have one hash.
func (v *validator) repeated(ctx context.Context, r *record) error {
	for first, err := range v.source.records(ctx) {
		if err != nil {
			return err
		}
		if first.index >= r.index {
			return nil
		}
		if first.id == r.id {
			files := v.source.files
			return outcrop.Errorf(bedrock.CodeValidation, "%s, line %d: recordId %q is also that of %s, line %d",
				files[r.file].uri, r.line, clip(r.id), files[first.file].uri, first.line)
		}
	}
	return nil
}

// counter counts records against the limits.
type counter struct {
	source *source
	total  int
	file   int // the file being counted
	inFile int
}

func (c *counter) add(r *record) error {
	for c.file < r.file {
		if err := c.endFile(); err != nil {
			return err
		}
	}
	c.total++
	c.inFile++
	limits := &c.source.limits
	if c.inFile > limits.MaxFileRecords {
		return outcrop.Errorf(bedrock.CodeValidation, "%s, line %d: the object has more than %d records",
			c.source.files[r.file].uri, r.line, limits.MaxFileRecords)
	}
	if c.total > limits.MaxRecords {
		return outcrop.Errorf(bedrock.CodeValidation, "%s, line %d: the job has more than %d records",
			c.source.files[r.file].uri, r.line, limits.MaxRecords)
	}
	return nil
}

func (c *counter) endFile() error {
	if c.inFile == 0 {
		return outcrop.Errorf(bedrock.CodeValidation, "%s is empty: it has no record", c.source.files[c.file].uri)
	}
	c.file, c.inFile = c.file+1, 0
	return nil
}

func (c *counter) end() error {
	for c.file < len(c.source.files) {
		if err := c.endFile(); err != nil {
			return err
		}
	}
	if least := c.source.limits.MinRecords; c.total < least {
		where := c.source.files[0].uri
		if more := len(c.source.files) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		return outcrop.Errorf(bedrock.CodeValidation, "%s: the job has %d records; at least %d are required", where, c.total, least)
	}
	return nil
}

// clip bounds what a message repeats of the input.
func clip(s string) string {
	const most = 128 // an ARN with its job's id
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
