package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop"
)

// textObjects are objects by URI. Every other one can seek.
type textObjects map[string]string

func (o textObjects) Open(_ context.Context, uri string) (io.ReadCloser, error) {
	r := bytes.NewReader([]byte(o[uri]))
	if len(o[uri])%2 == 0 {
		return struct {
			io.ReadSeeker
			io.Closer
		}{r, io.NopCloser(nil)}, nil
	}
	return io.NopCloser(struct{ io.Reader }{r}), nil
}

func (o textObjects) Create(context.Context, string) (outcrop.ObjectWriter, error)  { return nil, nil }
func (o textObjects) List(context.Context, string) iter.Seq2[outcrop.Object, error] { return nil }

// The shards of a plan hold every record of the input once and in order, within
// their bounds, whichever of them are read, and after the plan was kept.
func TestPlanCoversTheInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		objects := textObjects{}
		src := &source{objects: objects, limits: (&Config{}).limits("")}
		for i := range rapid.IntRange(1, 3).Draw(t, "files") {
			var text strings.Builder
			if rapid.Bool().Draw(t, "mark") {
				text.WriteString("\xef\xbb\xbf")
			}
			for j := range rapid.IntRange(1, 20).Draw(t, "records") {
				text.WriteString(strings.Repeat("\n", rapid.IntRange(0, 2).Draw(t, "blank")))
				id := ""
				if rapid.Bool().Draw(t, "id") {
					id = fmt.Sprintf(`"recordId":"%d.%d",`, i, j)
				}
				fmt.Fprintf(&text, `{%s"modelInput":{"x":%q}}`, id, strings.Repeat("y", rapid.IntRange(0, 60).Draw(t, "fill")))
				text.WriteString(rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "ending"))
			}
			uri := fmt.Sprintf("s3://b/%d.jsonl", i)
			objects[uri] = text.String()
			src.files = append(src.files, inputFile{uri: uri, name: uri})
		}
		most, bytes := rapid.IntRange(1, 7).Draw(t, "shard"), rapid.IntRange(1, 2000).Draw(t, "bytes")
		planner := newPlanner(src, most, bytes)
		var all []*record
		for r, err := range src.records(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
			planner.add(r)
		}
		text, err := planner.done().text()
		if err != nil {
			t.Fatal(err)
		}
		p, err := readPlan(text)
		if err != nil || p.Total != len(all) {
			t.Fatalf("%d records planned of %d, error %v", p.Total, len(all), err)
		}
		reader := &shardReader{source: p.source(src, nil)}
		defer reader.close()
		next := 0
		for n := range p.Shards {
			s := &p.Shards[n]
			if s.First != next || s.Records > most || s.Records > 1 && s.End-s.Start > int64(bytes)/4+6 {
				t.Fatalf("shard %d is %+v, after %d records", n, s, next)
			}
			next += s.Records
			if rapid.Bool().Draw(t, "skip") {
				continue
			}
			var got []*record
			for r, err := range reader.records(t.Context(), s) {
				if err != nil {
					t.Fatalf("shard %d: %v", n, err)
				}
				got = append(got, r)
			}
			if !slices.EqualFunc(got, all[s.First:next], func(a, b *record) bool {
				return a.index == b.index && a.id == b.id && a.line == b.line && a.file == b.file && string(a.input) == string(b.input)
			}) {
				t.Fatalf("shard %d holds other records", n)
			}
		}
		if next != len(all) {
			t.Fatalf("the shards hold %d of %d records", next, len(all))
		}
	})
}

// What was kept and cannot be read is an error, whatever it is.
func FuzzKept(f *testing.F) {
	f.Add([]byte(`{"format":1,"total":1,"files":[{"uri":"s3://b/a.jsonl","name":"a"}],"shards":[{"f":0,"i":0,"n":1,"s":0,"e":9,"l":0,"c":1,"z":true}]}`))
	f.Add([]byte(`{"format":1,"id":"a","arn":"b","status":"InProgress"}`))
	f.Add([]byte(`{"format":1,"shards":[{"f":7}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := readState(text); (err == nil) != (s != nil) {
			t.Fatalf("state %+v, error %v", s, err)
		}
		p, err := readPlan(text)
		if err != nil {
			return
		}
		for _, s := range p.Shards {
			if s.File >= len(p.Files) || s.Records < 1 {
				t.Fatalf("shard %+v of %d files", s, len(p.Files))
			}
		}
	})
}
