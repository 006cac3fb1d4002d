package jobs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/journal"
)

// Results come back from their messages as they were, each once, whatever their
// sizes, and whichever come twice.
func TestGroupsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(5, 200).Draw(t, "limit")
		want := map[string]batch.Result{}
		var results []batch.Result
		for range rapid.IntRange(1, 40).Draw(t, "results") {
			r := batch.Result{
				Shard: rapid.IntRange(0, 2).Draw(t, "shard"), Record: rapid.IntRange(0, 30).Draw(t, "record"),
				Failed: rapid.Bool().Draw(t, "failed"), InputTokens: rapid.IntRange(0, 1<<40).Draw(t, "input"), OutputTokens: rapid.IntRange(0, 9).Draw(t, "output"),
			}
			r.Line = []byte(strings.Repeat("x", rapid.IntRange(1, 3*limit).Draw(t, "length")) + "\n")
			results = append(results, r)
			if key := fmt.Sprint(r.Shard, ".", r.Record); want[key].Line == nil {
				want[key] = r
			}
		}
		indexes := map[int]*index{}
		messages := map[uint64]group{}
		got := map[string]batch.Result{}
		sequence := uint64(0)
		for g := range groups(results, limit) {
			if len(g.body) > max(limit, 1) {
				t.Fatalf("a message has %d bytes, the limit is %d", len(g.body), limit)
			}
			sequence++
			messages[sequence] = g
			if indexes[g.shard] == nil {
				indexes[g.shard] = newIndex()
			}
			for _, r := range indexes[g.shard].add(sequence, g) {
				got[fmt.Sprint(r.Shard, ".", r.Record)] = r
			}
		}
		for key, w := range want {
			at := indexes[w.Shard].places[w.Record]
			var line []byte
			if len(at.sequences) == 1 && messages[at.sequences[0]].part == 0 {
				line = bytes.SplitAfter(messages[at.sequences[0]].body, []byte("\n"))[at.line]
			} else {
				for _, n := range at.sequences {
					line = append(line, messages[n].body...)
				}
			}
			g := got[key]
			if !bytes.Equal(line, w.Line) || g.Failed != w.Failed || g.InputTokens != w.InputTokens || g.OutputTokens != w.OutputTokens {
				t.Fatalf("%s came back as %+v with %d bytes, want %+v with %d", key, g, len(line), w, len(w.Line))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d results came back, of %d", len(got), len(want))
		}
	})
}

// A message that is not what this package writes is an error, and one that is
// read has a line for each of its records.
func FuzzGroup(f *testing.F) {
	f.Add("1:s:3:5 2:f:0:0", "", []byte("a\nb\n"))
	f.Add("1:s:3:5", "2/3", []byte("a"))
	f.Add("1:x:3:5", "0/0", []byte(""))
	f.Add("-1:s:1:1", "9/2", []byte("\n"))
	f.Fuzz(func(t *testing.T, records, part string, body []byte) {
		m := &journal.Message{Sequence: 1, Header: map[string]string{recordsHeader: records, partHeader: part}, Data: body}
		g, err := readGroup(0, m)
		if err != nil {
			return
		}
		if g.part == 0 && bytes.Count(g.body, []byte("\n")) != len(g.results) || g.part > g.parts || g.part > 0 && len(g.results) != 1 {
			t.Fatalf("%q, %q: %+v", records, part, g)
		}
		newIndex().add(1, g)
	})
}
