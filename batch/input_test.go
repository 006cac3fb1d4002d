package batch

import (
	"bytes"
	"context"
	"io"
	"iter"
	"testing"

	"github.com/outcrop-ai/outcrop"
)

// oneObject is an Objects that holds one text under every name.
type oneObject []byte

func (o oneObject) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(o)), nil
}

func (o oneObject) Create(context.Context, string) (outcrop.ObjectWriter, error) {
	return discard{}, nil
}

func (o oneObject) List(context.Context, string) iter.Seq2[outcrop.Object, error] { return nil }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Commit() error               { return nil }
func (discard) Close() error                { return nil }

// Whatever lies in an object, reading it ends, and what is read as a record
// makes a line of output that can be read back.
func FuzzRecords(f *testing.F) {
	for _, text := range []string{
		"", "\n", "{}\n", `{"recordId":"a","modelInput":{"a":[1,"\u00e9"]}}`, "\xef\xbb\xbf{}\r\n{}", `{"modelInput":null}`,
		`{"recordId":"\ud800"}`, "{\"recordId\":\"\xff\"}", `{"modelInput":{"a":1,"a":2}}`, "null", `{"recordId":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config := Config{Limits: Limits{MaxLineBytes: 1000}}
		src := &source{objects: oneObject(text), limits: config.limits(""), files: []inputFile{{uri: "s3://bucket/a.jsonl"}}}
		n := 0
		for r, err := range src.records(t.Context()) {
			if err != nil {
				if outcrop.AsError(err).Code != "ValidationException" {
					t.Fatalf("error %v", err)
				}
				return
			}
			if r.index != n || r.id == "" {
				t.Fatalf("record %d is %+v", n, r)
			}
			n++
			line, err := outputLine(r, []byte("[1,\n2]"))
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range [][]byte{line, failedResult(r, outcrop.Errorf("ThrottlingException", "\xff\n\"")).line} {
				lines := outLines(t, string(l))
				if len(lines) != 1 || bytes.Count(l, []byte("\n")) != 1 || lines[0].RecordID != r.id {
					t.Fatalf("the line of record %q is %q", r.id, l)
				}
			}
		}
	})
}
