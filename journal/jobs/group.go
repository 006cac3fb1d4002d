package jobs

import (
	"bytes"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/journal"
)

// The headers of a message with results. Its body is their lines, one after the
// other, as they go into the output.
const (
	// recordsHeader lists the results, with blanks between them, each as
	// record:s:input:output or record:f:input:output, where s is success, f
	// failure, and input and output are tokens.
	recordsHeader = "Outcrop-Records"

	// partHeader is n/m when the body is the n-th of m parts of one line.
	partHeader = "Outcrop-Part"
)

const (
	headerRoom  = 64 << 10        // bytes of a message that are kept for headers
	longestPart = 1<<20 - 128<<10 // bytes of one part of a line
)

// group is the results of one message.
type group struct {
	shard   int
	results []batch.Result // without their lines
	body    []byte
	part    int // from 1; 0 when the lines are whole
	parts   int
}

// groups makes messages of results: of each shard together, up to groupBytes
// and at most as many as their header has room for. A line of more than limit
// bytes is a message for each part.
func groups(results []batch.Result, limit int) iter.Seq[group] {
	const most = headerRoom / 64 // a result takes at most so much of the header
	return func(yield func(group) bool) {
		for _, shard := range shardsOf(results) {
			open := group{shard: shard}
			for _, r := range results {
				if r.Shard != shard {
					continue
				}
				line := r.Line
				r.Line = nil
				if len(open.results) == most || len(open.results) > 0 && len(open.body)+len(line) > min(groupBytes, limit) {
					if !yield(open) {
						return
					}
					open = group{shard: shard}
				}
				if len(line) > limit {
					if !yieldParts(r, line, limit, yield) {
						return
					}
					continue
				}
				open.results = append(open.results, r)
				open.body = append(open.body, line...)
			}
			if len(open.results) > 0 && !yield(open) {
				return
			}
		}
	}
}

func yieldParts(r batch.Result, line []byte, limit int, yield func(group) bool) bool {
	parts := (len(line) + limit - 1) / limit
	for part := range parts {
		body := line[part*limit : min((part+1)*limit, len(line))]
		if !yield(group{shard: r.Shard, results: []batch.Result{r}, body: body, part: part + 1, parts: parts}) {
			return false
		}
	}
	return true
}

// shardsOf is the shards of results, in the order in which they come.
func shardsOf(results []batch.Result) []int {
	var shards []int
	seen := map[int]bool{}
	for i := range results {
		if n := results[i].Shard; !seen[n] {
			seen[n] = true
			shards = append(shards, n)
		}
	}
	return shards
}

func (g *group) headers() []journal.AppendOption {
	var b strings.Builder
	for i := range g.results {
		r := &g.results[i]
		if i > 0 {
			b.WriteByte(' ')
		}
		outcome := "s"
		if r.Failed {
			outcome = "f"
		}
		fmt.Fprintf(&b, "%d:%s:%d:%d", r.Record, outcome, r.InputTokens, r.OutputTokens)
	}
	options := []journal.AppendOption{journal.WithHeader(recordsHeader, b.String())}
	if g.part > 0 {
		options = append(options, journal.WithHeader(partHeader, fmt.Sprintf("%d/%d", g.part, g.parts)))
	}
	return options
}

// readGroup reads a message with results.
func readGroup(shard int, m *journal.Message) (group, error) {
	g := group{shard: shard, body: m.Data}
	wrong := func(what string) (group, error) {
		return group{}, fmt.Errorf("message %d of the journal, with results of shard %d, cannot be read: %s", m.Sequence, shard, what)
	}
	for field := range strings.FieldsSeq(m.Header[recordsHeader]) {
		r, ok := readResult(field)
		if !ok {
			return wrong("its list of records has " + strconv.Quote(field))
		}
		r.Shard = shard
		g.results = append(g.results, r)
	}
	if part := m.Header[partHeader]; part != "" {
		number, of, _ := strings.Cut(part, "/")
		n, errN := strconv.Atoi(number)
		parts, errOf := strconv.Atoi(of)
		if errN != nil || errOf != nil || n < 1 || n > parts || len(g.results) != 1 {
			return wrong("its part is " + strconv.Quote(part))
		}
		g.part, g.parts = n, parts
		return g, nil
	}
	if n := bytes.Count(g.body, []byte("\n")); n != len(g.results) || n == 0 || g.body[len(g.body)-1] != '\n' {
		return wrong(fmt.Sprintf("it lists %d records, and has %d lines", len(g.results), n))
	}
	return g, nil
}

func readResult(field string) (batch.Result, bool) {
	parts := strings.Split(field, ":")
	if len(parts) != 4 || parts[1] != "s" && parts[1] != "f" {
		return batch.Result{}, false
	}
	record, err1 := strconv.Atoi(parts[0])
	input, err2 := strconv.Atoi(parts[2])
	output, err3 := strconv.Atoi(parts[3])
	ok := err1 == nil && err2 == nil && err3 == nil && record >= 0
	return batch.Result{Record: record, Failed: parts[1] == "f", InputTokens: input, OutputTokens: output}, ok
}
