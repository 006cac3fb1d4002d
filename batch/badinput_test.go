package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Input that is no input fails the job before anything is sent, with a message
// that names the object and the line.
func TestBadInput(t *testing.T) {
	const good = `{"recordId":"r1","modelInput":{}}` + "\n"
	small := Limits{MinRecords: 2, MaxRecords: 4, MaxFileRecords: 3, MaxFiles: 2, MaxFileBytes: 400, MaxJobBytes: 500, MaxLineBytes: 200}
	records := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"recordId":"r%d","modelInput":{}}`+"\n", from+i)
		}
		return b.String()
	}
	cases := []struct {
		name  string
		files map[string]string // below s3://input/
		input string            // below s3://input/; "in/" when empty
		want  string
	}{
		{"a missing object", nil, "none.jsonl", "the object s3://input/none.jsonl does not exist"},
		{"a folder without records", map[string]string{"in/a.txt": "x"}, "", "s3://input/in/ holds no .jsonl object"},
		{"an empty object", map[string]string{"a.jsonl": ""}, "a.jsonl", "s3://input/a.jsonl is empty"},
		{"blank lines only", map[string]string{"a.jsonl": "\n \n\r\n"}, "a.jsonl", "s3://input/a.jsonl is empty"},
		{"an empty object among others", map[string]string{"in/a.jsonl": good, "in/b.jsonl": "", "in/c.jsonl": records(7, 1)}, "", "holds more than 2"},
		{"an empty object before another", map[string]string{"in/a.jsonl": "", "in/b.jsonl": good}, "", "s3://input/in/a.jsonl is empty"},
		{"an empty object after another", map[string]string{"in/a.jsonl": good, "in/b.jsonl": ""}, "", "s3://input/in/b.jsonl is empty"},
		{"a line cut short", map[string]string{"a.jsonl": good + `{"recordId":"r2","modelInput":{`}, "a.jsonl", "s3://input/a.jsonl, line 2: "},
		{"a broken line after a blank one", map[string]string{"a.jsonl": good + "\n\nno json\n"}, "a.jsonl", "s3://input/a.jsonl, line 4: "},
		{"two values on a line", map[string]string{"a.jsonl": good + "{} {}\n"}, "a.jsonl", "s3://input/a.jsonl, line 2: "},
		{"a list instead of a record", map[string]string{"a.jsonl": "[1,2]\n"}, "a.jsonl", "line 1: expected an object, found an array"},
		{"null instead of a record", map[string]string{"a.jsonl": "null\n"}, "a.jsonl", "line 1: the line is not a JSON object"},
		{"a recordId that is a number", map[string]string{"a.jsonl": `{"recordId":7,"modelInput":{}}`}, "a.jsonl", "line 1: recordId: expected a string, found a number"},
		{"an empty recordId", map[string]string{"a.jsonl": `{"recordId":"","modelInput":{}}`}, "a.jsonl", "line 1: recordId is empty"},
		{"a recordId twice in a file", map[string]string{"a.jsonl": good + records(2, 1) + good}, "a.jsonl", `line 3: recordId "r1" is also that of s3://input/a.jsonl, line 1`},
		{"a recordId twice in two files", map[string]string{"in/a.jsonl": records(0, 2), "in/b.jsonl": good}, "", `s3://input/in/b.jsonl, line 1: recordId "r1" is also that of s3://input/in/a.jsonl, line 2`},
		{"a recordId that another record is given", map[string]string{"a.jsonl": `{"modelInput":{}}` + "\n" + `{"recordId":"R0000000001","modelInput":{}}`}, "a.jsonl", `line 2: recordId "R0000000001" is also that of`},
		{"not UTF-8", map[string]string{"a.jsonl": good + "{\"recordId\":\"\xff\"}\n"}, "a.jsonl", "line 2: the line is not valid UTF-8"},
		{"UTF-16", map[string]string{"a.jsonl": "\xff\xfe{\x00}\x00"}, "a.jsonl", "line 1: the line is not valid UTF-8"},
		{"an overlong line", map[string]string{"a.jsonl": good + `{"recordId":"r2","modelInput":"` + strings.Repeat("x", 200) + `"}`}, "a.jsonl", "s3://input/a.jsonl, line 2: the line has more than 200 bytes"},
		{"a line that is one byte too long", map[string]string{"a.jsonl": `{"a":"` + strings.Repeat("x", 193) + `"}` + "\n"}, "a.jsonl", "line 1: the line has more than 200 bytes"},
		{"too few records", map[string]string{"a.jsonl": good}, "a.jsonl", "s3://input/a.jsonl: the job has 1 records; at least 2 are required"},
		{"too many records in an object", map[string]string{"a.jsonl": records(0, 4)}, "a.jsonl", "s3://input/a.jsonl, line 4: the object has more than 3 records"},
		{"too many records in the job", map[string]string{"in/a.jsonl": records(0, 3), "in/b.jsonl": records(3, 2)}, "", "s3://input/in/b.jsonl, line 2: the job has more than 4 records"},
		{"too large an object", map[string]string{"a.jsonl": good + strings.Repeat("\n", 400)}, "a.jsonl", "s3://input/a.jsonl has more than 400 bytes"},
		{"too large a job", map[string]string{"in/a.jsonl": good + strings.Repeat("\n", 300), "in/b.jsonl": records(5, 1) + strings.Repeat("\n", 300)}, "", "more than 500 bytes, with s3://input/in/b.jsonl"},
		{"an object deeper than JSON should be", map[string]string{"a.jsonl": `{"modelInput":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + "x}"}, "a.jsonl", "line 1: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Config{Limits: small, Backend: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
				t.Error("a record was sent")
				return nil, errors.New("no")
			})})
			for name, text := range c.files {
				f.put("s3://input/"+name, text)
			}
			if c.input == "" {
				c.input = "in/"
			}
			arn := f.create(request("s3://input/"+c.input, "s3://output"))
			if job := f.wait(arn); job.Status != jobFailed || !strings.Contains(job.Message, c.want) {
				t.Errorf("the job is %s: %q\nwant Failed: …%q", job.Status, job.Message, c.want)
			}
			if f.get("s3://output/"+id(arn)+"/manifest.json.out") != "" {
				t.Error("there is a manifest")
			}
		})
	}
	t.Run("lines of the very limit are good", func(t *testing.T) {
		f := newFixture(t, Config{Limits: small})
		line := `{"modelInput":{"a":"` + strings.Repeat("x", 177) + `"}}`
		if len(line) != small.MaxLineBytes {
			t.Fatalf("the line has %d bytes", len(line))
		}
		f.put("s3://input/a.jsonl", line+"\r\n"+`{"modelInput":{}}`)
		if job := f.wait(f.create(request("s3://input/a.jsonl", "s3://output"))); job.Status != completed {
			t.Errorf("the job is %s: %q", job.Status, job.Message)
		}
	})
}

func TestMissingBuckets(t *testing.T) {
	f := newFixture(t, Config{})
	f.put("s3://input/a.jsonl", `{"modelInput":{}}`)
	for name, c := range map[string]struct{ input, output, want string }{
		"of the input":  {"s3://nobucket/a.jsonl", "s3://output", "the bucket of s3://nobucket does not exist"},
		"of a folder":   {"s3://nobucket/in/", "s3://output", "the bucket of s3://nobucket does not exist"},
		"of the output": {"s3://input/a.jsonl", "s3://nobucket/out", "the bucket of s3://nobucket does not exist"},
	} {
		if job := f.wait(f.create(request(c.input, c.output))); job.Status != jobFailed || !strings.Contains(job.Message, c.want) {
			t.Errorf("the bucket %s: the job is %s: %q", name, job.Status, job.Message)
		}
	}
}

// What is wrong with one modelInput is that record's error.
func TestBadRecords(t *testing.T) {
	f := newFixture(t, Config{})
	f.put("s3://input/a.jsonl", `{"recordId":"none"}`+"\n"+`{"recordId":"text","modelInput":"hi"}`+"\n"+`{"recordId":"good","modelInput":{}}`+"\n")
	arn := f.create(request("s3://input/a.jsonl", "s3://output"))
	if job := f.wait(arn); job.Status != completed || *job.ErrorRecordCount != 2 || *job.SuccessRecordCount != 1 {
		t.Errorf("the job is %s: %q", job.Status, job.Message)
	}
	want := `{"recordId":"none","modelInput":null,"error":{"errorCode":400,"errorMessage":"ValidationException: modelInput: is missing"}}
{"recordId":"text","modelInput":"hi","error":{"errorCode":400,"errorMessage":"ValidationException: modelInput: is not a JSON object"}}
{"recordId":"good","modelInput":{},"modelOutput":{"echo":{}}}
`
	if got := f.get("s3://output/" + id(arn) + "/a.jsonl.out"); got != want {
		t.Errorf("result:\n%s\nwant\n%s", got, want)
	}
}

// A back-end that panics at a record fails that record and no other, and leaves
// the process alone.
func TestBackendThatPanics(t *testing.T) {
	var log bytes.Buffer // written before the record has its line
	f := newFixture(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if strings.Contains(string(call.Raw), "bad") {
			var none []int
			return nil, fmt.Errorf("%d", none[len(call.Raw)])
		}
		return echo(ctx, call)
	})})
	f.put("s3://input/a.jsonl", `{"recordId":"a","modelInput":{}}`+"\n"+`{"recordId":"b","modelInput":{"bad":1}}`+"\n"+`{"recordId":"c","modelInput":{}}`+"\n")
	arn := f.create(request("s3://input/a.jsonl", "s3://output"))
	if job := f.wait(arn); job.Status != completed || *job.ErrorRecordCount != 1 || *job.SuccessRecordCount != 2 {
		t.Errorf("the job is %s: %q", job.Status, job.Message)
	}
	lines := outLines(t, f.get("s3://output/"+id(arn)+"/a.jsonl.out"))
	if e := lines[1].Error; e == nil || e.ErrorCode != 500 || !strings.Contains(e.ErrorMessage, "the back-end panicked: runtime error: index out of range") {
		t.Errorf("record b: error %+v", e)
	}
	if said := log.String(); !strings.Contains(said, "record=2 ") || !strings.Contains(said, "badinput_test.go:") || strings.Contains(said, "modelInput") {
		t.Errorf("the log says %q, and not where it was", said)
	}
}

// A reply that is no JSON would break the line it stands on.
func TestReplyThatIsNoJSON(t *testing.T) {
	f := newFixture(t, Config{Backend: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, []byte("<html>\n")), nil
	})})
	arn := f.create(inline(`{}`))
	if job := f.wait(arn); job.Status != completed || *job.ErrorRecordCount != 1 {
		t.Errorf("the job is %s: %q", job.Status, job.Message)
	}
	lines := outLines(t, f.get("s3://output/results/"+id(arn)+"/inline.jsonl.out"))
	if len(lines) != 1 || lines[0].Error == nil || lines[0].Error.ErrorCode != 424 {
		t.Errorf("the result is %+v, want one line with error 424", lines)
	}
}

// failingObjects fails to write after some bytes, as a full disk does.
type failingObjects struct {
	outcrop.Objects
	room int
}

type failingWriter struct {
	outcrop.ObjectWriter
	room *int
}

var errFull = outcrop.Errorf("InternalServerException", "s3://output cannot be written: the disk is full")

func (o *failingObjects) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	w, err := o.Objects.Create(ctx, uri)
	return &failingWriter{w, &o.room}, err
}

func (w *failingWriter) Write(p []byte) (int, error) {
	if *w.room -= len(p); *w.room < 0 {
		return 0, errFull
	}
	return w.ObjectWriter.Write(p)
}

// A disk that fills up fails the job, and does not send the rest in vain.
func TestDiskThatFillsUp(t *testing.T) {
	f := newFixture(t, Config{})
	const records = 20_000
	f.put("s3://input/a.jsonl", strings.Repeat(`{"modelInput":{"text":"`+strings.Repeat("x", 50)+`"}}`+"\n", records))
	sent := 0
	jobs, err := New(Config{
		Concurrency: 1, Objects: &failingObjects{f.dir, 200_000},
		Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			sent++
			return echo(ctx, call)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Jobs = jobs
	arn := f.create(request("s3://input/a.jsonl", "s3://output"))
	if job := f.wait(arn); job.Status != jobFailed || !strings.Contains(job.Message, "the disk is full") {
		t.Errorf("the job is %s: %q", job.Status, job.Message)
	}
	if err := jobs.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sent > records/2 {
		t.Errorf("%d of %d records were sent", sent, records)
	}
	path, err := f.dir.Path("s3://output/" + id(arn))
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 0 {
		t.Errorf("the disk that was full still holds %v, error %v", left, err)
	}
}

// changingObjects gives another text from the second time on.
type changingObjects struct {
	outcrop.Objects
	change func()
}

func (o *changingObjects) Create(ctx context.Context, uri string) (outcrop.ObjectWriter, error) {
	o.change() // after validation has read the input
	return o.Objects.Create(ctx, uri)
}

// An input that changes while the job runs fails it; what was done is kept.
func TestInputThatChanges(t *testing.T) {
	const line = `{"modelInput":{}}` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"longer":  {line + line + line, "the input was changed"},
		"shorter": {line, "the input was changed"},
		"broken":  {line + "{", "s3://input/a.jsonl, line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.put("s3://input/a.jsonl", line+line)
			jobs, err := New(Config{
				Backend: outcrop.BackendFunc(echo),
				Objects: &changingObjects{Objects: f.dir, change: func() { f.put("s3://input/a.jsonl", c.text) }},
			})
			if err != nil {
				t.Fatal(err)
			}
			f.Jobs = jobs
			arn := f.create(request("s3://input/a.jsonl", "s3://output"))
			job := f.wait(arn)
			if job.Status != jobFailed || !strings.Contains(job.Message, c.want) {
				t.Errorf("the job is %s: %q", job.Status, job.Message)
			}
			if n := len(outLines(t, f.get("s3://output/"+id(arn)+"/a.jsonl.out"))); n == 0 || n != *job.ProcessedRecordCount {
				t.Errorf("%d results are kept, %d records were processed", n, *job.ProcessedRecordCount)
			}
			if err := jobs.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The tokens of a native reply are told by the back-end, in headers, or in the
// body.
func TestUsage(t *testing.T) {
	body := []byte(`{"content":[],"usage":{"input_tokens":1,"output_tokens":2}}`)
	told := &bedrock.TokenUsage{InputTokens: 5, OutputTokens: 6}
	headers := map[string]string{inputTokensHeader: "3", outputTokensHeader: "4"}
	for name, c := range map[string]struct {
		meta    outcrop.Meta
		model   string
		in, out int
	}{
		"by the back-end":      {outcrop.Meta{Usage: told, Header: headers}, modelID, 5, 6},
		"in headers":           {outcrop.Meta{Header: headers}, modelID, 3, 4},
		"in the body":          {outcrop.Meta{}, modelID, 1, 2},
		"in a body of no kind": {outcrop.Meta{}, "my-model", 0, 0},
	} {
		call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, c.model, []byte("{}"))
		if in, out := usage(call, outcrop.NewReply(c.meta, body), body); in != c.in || out != c.out {
			t.Errorf("%s: %d and %d tokens, want %d and %d", name, in, out, c.in, c.out)
		}
	}
}
