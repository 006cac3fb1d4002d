package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// The bucket of the jobs' objects.
const bucket = "s3://client-tests/"

// store opens the server's objects, as a user puts files there.
func (s *served) store(t *testing.T) *objects.Directory {
	t.Helper()
	d, err := objects.NewDirectory(filepath.Join(s.data, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	d.CreateBuckets = true
	t.Cleanup(func() { d.Close() })
	return d
}

// put writes records, one on each line, and returns their URI.
func put(t *testing.T, d *objects.Directory, key string, records []any) string {
	t.Helper()
	w, err := d.Create(t.Context(), bucket+key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	encoder := json.NewEncoder(w)
	for _, record := range records {
		if err := encoder.Encode(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return bucket + key
}

// line is a line of a job's results.
type line struct {
	RecordID    string `json:"recordId"`
	ModelOutput json.RawMessage
	Error       *struct {
		ErrorCode    int
		ErrorMessage string
	}
}

// results reads all lines that a job wrote for an input file.
func results(t *testing.T, d *objects.Directory, uri string) []line {
	t.Helper()
	r, err := d.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lines []line
	for s := bufio.NewScanner(r); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("%v in %s", err, s.Text())
		}
		lines = append(lines, l)
	}
	return lines
}

// records are n records, made by body; ids are made of the index.
func records(n int, body func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = params{"recordId": fmt.Sprintf("record-%04d", i), "modelInput": body(i)}
	}
	return list
}

func converseBody(words string) any {
	return params{"messages": []any{params{"role": "user", "content": []any{params{"text": words}}}}}
}

// job is what the programs show of a job.
type job struct {
	Status int
	JobARN string
	Jobs   []jobState
	Seen   []string
}

type jobState struct {
	JobARN, JobName, ModelID, RoleARN, Status, Message string

	TotalRecordCount, ProcessedRecordCount, SuccessRecordCount, ErrorRecordCount int

	InputDataConfig struct {
		S3InputDataConfig struct{ S3URI string }
	}
	OutputDataConfig struct {
		S3OutputDataConfig struct{ S3URI string }
	}
	Seen  []string
	Times []string
}

// TestJobs: boto3 creates, follows, lists and stops batch jobs; their records
// lie in the data directory.
func TestJobs(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	s := serveKeys(t)
	d := s.store(t)
	p := boto3(t, nil)
	p.configure(t, signed(s.url))
	want := expected(t)

	native := put(t, d, "in/native.jsonl", records(120, func(i int) any {
		if i == 7 {
			return params{"messages": "not a list"} // fails, and the job goes on
		}
		return claudeBody
	}))
	t.Run("native", func(t *testing.T) {
		created := result[job](t, p, "createJob", params{"name": "native-1", "modelId": modelID, "input": native, "output": bucket + "out/"})
		id, ok := strings.CutPrefix(created.JobARN, "arn:aws:bedrock:us-east-1:"+account+":model-invocation-job/")
		if !ok || len(id) != 12 {
			t.Fatalf("ARN %s", created.JobARN)
		}
		done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
		if done.Status != "Completed" || done.TotalRecordCount != 120 || done.ProcessedRecordCount != 120 || done.SuccessRecordCount != 119 || done.ErrorRecordCount != 1 {
			t.Errorf("%+v", done)
		}
		if done.InputDataConfig.S3InputDataConfig.S3URI != native || done.OutputDataConfig.S3OutputDataConfig.S3URI != bucket+"out/" || done.ModelID != modelARN && done.ModelID != modelID {
			t.Errorf("%+v", done)
		}
		if !slices.Equal(done.Times, []string{"endTime", "jobExpirationTime", "lastModifiedTime", "submitTime"}) {
			t.Errorf("times %v", done.Times)
		}
		lines := results(t, d, bucket+"out/"+id+"/native.jsonl.out")
		if len(lines) != 120 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, l := range lines {
			if l.RecordID != fmt.Sprintf("record-%04d", i) {
				t.Fatalf("line %d is of %s", i, l.RecordID)
			}
			if i == 7 {
				if l.Error == nil || l.Error.ErrorCode != 400 || l.ModelOutput != nil {
					t.Errorf("record 7: %+v", l)
				}
				continue
			}
			var body claudeReply
			if err := json.Unmarshal(l.ModelOutput, &body); err != nil {
				t.Fatal(err)
			}
			checkClaude(t, &body, want)
		}
		byID := result[jobState](t, p, "getJob", params{"job": id})
		if byID.JobARN != created.JobARN || byID.JobName != "native-1" || byID.RoleARN != "arn:aws:iam::"+account+":role/batch" {
			t.Errorf("by its id: %+v", byID)
		}
	})
	t.Run("converse", func(t *testing.T) {
		input := put(t, d, "in/converse.jsonl", records(100, func(int) any { return converseBody(question) }))
		created := result[job](t, p, "createJob", params{
			"name": "converse-1", "modelId": profileARN, "input": input, "output": bucket + "out",
			"modelInvocationType": "Converse",
		})
		done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
		if done.Status != "Completed" || done.SuccessRecordCount != 100 {
			t.Fatalf("%+v", done)
		}
		_, id, _ := strings.Cut(created.JobARN, "/")
		for _, l := range results(t, d, bucket+"out/"+id+"/converse.jsonl.out") {
			var response bedrock.ConverseResponse
			if err := bedrock.Unmarshal(l.ModelOutput, &response); err != nil {
				t.Fatal(err)
			}
			if textOf(&response) != textOf(want) {
				t.Errorf("%s: %q; the library says %q", l.RecordID, textOf(&response), textOf(want))
			}
		}
	})
	t.Run("list", func(t *testing.T) {
		newest := result[job](t, p, "listJobs", params{"sortBy": "CreationTime", "sortOrder": "Descending"})
		if names := jobNames(newest.Jobs); !slices.Equal(names, []string{"converse-1", "native-1"}) {
			t.Errorf("jobs %v", names)
		}
		named := result[job](t, p, "listJobs", params{"nameContains": "native", "statusEquals": "Completed"})
		if names := jobNames(named.Jobs); !slices.Equal(names, []string{"native-1"}) {
			t.Errorf("jobs %v", names)
		}
		if none := result[job](t, p, "listJobs", params{"statusEquals": "Stopped"}); len(none.Jobs) != 0 {
			t.Errorf("jobs %v", jobNames(none.Jobs))
		}
	})
	t.Run("missing input", func(t *testing.T) {
		raw, failed := p.ask(t, "createJob", params{"name": "missing", "modelId": modelID, "input": bucket + "in/missing.jsonl", "output": bucket + "out/"})
		if failed != nil {
			if failed.Name != bedrock.CodeValidation || !strings.Contains(failed.Message, "missing.jsonl") {
				t.Errorf("%+v", failed)
			}
			return
		}
		var created job
		if err := json.Unmarshal(raw, &created); err != nil {
			t.Fatal(err)
		}
		done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
		if done.Status != "Failed" || !strings.Contains(done.Message, "missing.jsonl") {
			t.Errorf("%s: %q", done.Status, done.Message)
		}
	})
	t.Run("same token", func(t *testing.T) {
		request := params{"name": "once", "modelId": modelID, "input": native, "output": bucket + "out/", "clientRequestToken": "only-one-of-this"}
		first := result[job](t, p, "createJob", request)
		if again := result[job](t, p, "createJob", request); again.JobARN != first.JobARN {
			t.Errorf("%s and %s for one token", first.JobARN, again.JobARN)
		}
		request["output"] = bucket + "elsewhere/"
		f := refused(t, p, "createJob", request)
		checkFailure(t, &f, bedrock.CodeConflict, 400)
		if f.Class != bedrock.CodeConflict {
			t.Errorf("class %s", f.Class)
		}
	})
	t.Run("unknown model", func(t *testing.T) {
		f := refused(t, p, "createJob", params{"name": "no-model", "modelId": "no.such-model-v1:0", "input": native, "output": bucket + "out/"})
		checkFailure(t, &f, bedrock.CodeValidation, 400)
	})
}

// TestStopJob: a job whose model takes its time is stopped, and what was
// answered until then is written.
func TestStopJob(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	s := serve(t, "--pace")
	d := s.store(t)
	p := boto3(t, nil)
	p.configure(t, signed(s.url))

	input := put(t, d, "in/long.jsonl", records(2000, func(i int) any { return converseBody(fmt.Sprintf("Tell me of rock %d.", i)) }))
	created := result[job](t, p, "createJob", params{
		"name": "long", "modelId": modelID, "input": input, "output": bucket + "out/", "modelInvocationType": "Converse",
	})
	if r := result[reply](t, p, "stopJob", params{"job": created.JobARN}); r.Status != 200 {
		t.Errorf("status %d", r.Status)
	}
	done := result[jobState](t, p, "waitJob", params{"job": created.JobARN})
	if done.Status != "Stopped" || done.ProcessedRecordCount >= 2000 {
		t.Errorf("%+v", done)
	}
	f := refused(t, p, "stopJob", params{"job": created.JobARN})
	checkFailure(t, &f, bedrock.CodeConflict, 400)
}

func jobNames(jobs []jobState) []string {
	names := make([]string, len(jobs))
	for i := range jobs {
		names[i] = jobs[i].JobName
	}
	return names
}
