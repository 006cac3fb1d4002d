package batch

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// What the manager's Batch does with the document's own example.
func TestInlineBody(t *testing.T) {
	f := newFixture(t, Config{NewID: func() string { return "abcde1234567" }})
	arn := f.create(inline("{\"max_tokens\": 1000,\n \"messages\": []}"))
	if want := "arn:aws:bedrock:eu-west-1:111122223333:model-invocation-job/abcde1234567"; arn != want {
		t.Errorf("the job is %s, want %s", arn, want)
	}
	job := f.wait(arn)
	if job.Status != completed || *job.TotalRecordCount != 1 || *job.SuccessRecordCount != 1 || *job.ErrorRecordCount != 0 {
		t.Errorf("the job ended as %+v", job)
	}
	if got, want := f.get("s3://output/results/abcde1234567/inline.jsonl.out"),
		`{"recordId":"R0000000001","modelInput":{"max_tokens":1000,"messages":[]},"modelOutput":{"echo":{"max_tokens":1000,"messages":[]}}}`+"\n"; got != want {
		t.Errorf("result:\n%s\nwant\n%s", got, want)
	}
	if got, want := f.get("s3://output/results/abcde1234567/manifest.json.out"),
		`{"totalRecordCount":1,"processedRecordCount":1,"successRecordCount":1,"errorRecordCount":0,"inputTokenCount":3,"outputTokenCount":5}`+"\n"; got != want {
		t.Errorf("manifest:\n%s\nwant\n%s", got, want)
	}
}

// Results keep the input's order and its objects; pictures beside the records
// are no input.
func TestFolder(t *testing.T) {
	f := newFixture(t, Config{})
	f.put("s3://input/in/a.jsonl", "\xef\xbb\xbf"+`{"recordId":"a1","modelInput":{"n":1}}`+"\r\n\r\n"+`{"modelInput":{"n":2}}`)
	f.put("s3://input/in/sub/b.jsonl", `{"recordId":"b1","modelInput":{"n":3}}`+"\n")
	f.put("s3://input/in/picture.png", "\x89PNG")
	arn := f.create(request("s3://input/in", "s3://output"))
	if job := f.wait(arn); job.Status != completed || *job.TotalRecordCount != 3 {
		t.Fatalf("the job ended as %+v", job)
	}
	for name, want := range map[string]string{
		"a.jsonl.out": `{"recordId":"a1","modelInput":{"n":1},"modelOutput":{"echo":{"n":1}}}` + "\n" +
			`{"recordId":"R0000000002","modelInput":{"n":2},"modelOutput":{"echo":{"n":2}}}` + "\n",
		"sub/b.jsonl.out": `{"recordId":"b1","modelInput":{"n":3},"modelOutput":{"echo":{"n":3}}}` + "\n",
	} {
		if got := f.get("s3://output/" + id(arn) + "/" + name); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestConverseRecords(t *testing.T) {
	f := newFixture(t, Config{})
	f.put("s3://input/a.jsonl",
		`{"recordId":"good","modelInput":{"messages":[{"role":"user","content":[{"text":"hi"}]}]}}`+"\n"+
			`{"recordId":"no-role","modelInput":{"messages":[{"content":[{"text":"hi"}]}]}}`+"\n"+
			`{"recordId":"no-messages","modelInput":{"messages":7}}`+"\n")
	req := request("s3://input/a.jsonl", "s3://output/r")
	req.ModelInvocationType = bedrock.ModelInvocationTypeConverse
	arn := f.create(req)
	job := f.wait(arn)
	if job.Status != completed || *job.SuccessRecordCount != 1 || *job.ErrorRecordCount != 2 {
		t.Fatalf("the job ended as %+v", job)
	}
	lines := outLines(t, f.get("s3://output/r/"+id(arn)+"/a.jsonl.out"))
	if got := string(lines[0].ModelOutput); !strings.Contains(got, `"text":"hi"`) || !strings.Contains(got, `"outputTokens":11`) {
		t.Errorf("the reply is %s", got)
	}
	for i, want := range map[int]string{1: "role", 2: "messages"} {
		if e := lines[i].Error; e == nil || e.ErrorCode != 400 || !strings.Contains(e.ErrorMessage, want) {
			t.Errorf("record %s: error %+v, want 400 that names %s", lines[i].RecordID, e, want)
		}
	}
}

func TestCallsCarryClassAndCaller(t *testing.T) {
	calls := make(chan *outcrop.Call, 1)
	f := newFixture(t, Config{
		NewID: func() string { return "abcde1234567" },
		Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			calls <- call
			return echo(ctx, call)
		}),
	})
	f.wait(f.create(inline(`{"n":1}`)))
	call := <-calls
	if call.Operation != bedrock.OpInvokeModel || call.ModelID != modelID || call.Class != outcrop.Batch || call.Caller != alice ||
		call.RequestID != "abcde1234567-1" || string(call.Raw) != `{"n":1}` {
		t.Errorf("the model was called with %+v", call)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	f := newFixture(t, Config{Limits: Limits{MaxLineBytes: 100}})
	f.put("s3://input/a.jsonl", `{"modelInput":{}}`)
	cases := []struct {
		name   string
		change func(*bedrock.CreateModelInvocationJobRequest)
		want   string
	}{
		{"no name", func(r *bedrock.CreateModelInvocationJobRequest) { r.JobName = "" }, "jobName"},
		{"a name with a space", func(r *bedrock.CreateModelInvocationJobRequest) { r.JobName = "a b" }, "jobName"},
		{"no model", func(r *bedrock.CreateModelInvocationJobRequest) { r.ModelID = "" }, "modelId"},
		{"a time limit that is too short", func(r *bedrock.CreateModelInvocationJobRequest) { r.TimeoutDurationInHours = new(23) }, "timeoutDurationInHours"},
		{"no input", func(r *bedrock.CreateModelInvocationJobRequest) { r.InputDataConfig.S3InputDataConfig = nil }, "inputDataConfig: give"},
		{"two inputs", func(r *bedrock.CreateModelInvocationJobRequest) { r.InputDataConfig.Text = "{}" }, "not both"},
		{"an input that is no URI", func(r *bedrock.CreateModelInvocationJobRequest) {
			r.InputDataConfig.S3InputDataConfig.S3URI = "/etc/passwd"
		}, "inputDataConfig.s3InputDataConfig.s3Uri"},
		{"text of another type", func(r *bedrock.CreateModelInvocationJobRequest) {
			*r = *inline(`{}`)
			r.InputDataConfig.ContentType = "text/plain"
		}, "inputDataConfig.contentType"},
		{"text that is no JSON", func(r *bedrock.CreateModelInvocationJobRequest) { *r = *inline(`{"a":`) }, "inputDataConfig.text"},
		{"text that is no object", func(r *bedrock.CreateModelInvocationJobRequest) { *r = *inline(`[1]`) }, "inputDataConfig.text: must be a JSON object"},
		{"text that is too long", func(r *bedrock.CreateModelInvocationJobRequest) {
			*r = *inline(`{"a":"` + strings.Repeat("b", 100) + `"}`)
		}, "more than 100"},
		{"no output", func(r *bedrock.CreateModelInvocationJobRequest) { r.OutputDataConfig.S3OutputDataConfig = nil }, "outputDataConfig: give"},
		{"two outputs", func(r *bedrock.CreateModelInvocationJobRequest) { r.OutputDataConfig.S3URI = "s3://output" }, "not both"},
		{"an inline form whose output is no URI", func(r *bedrock.CreateModelInvocationJobRequest) {
			*r = *inline(`{}`)
			r.OutputDataConfig.S3URI = "file:///tmp"
		}, "outputDataConfig.s3Uri"},
		{"an output inside the input", func(r *bedrock.CreateModelInvocationJobRequest) {
			r.InputDataConfig.S3InputDataConfig.S3URI = "s3://input/in/"
			r.OutputDataConfig.S3OutputDataConfig.S3URI = "s3://input/in/results/"
		}, "outputDataConfig.s3OutputDataConfig.s3Uri: s3://input/in/results lies inside the input"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req := request("s3://input/a.jsonl", "s3://output")
			c.change(req)
			_, err := f.Create(t.Context(), alice, req)
			if code(err) != bedrock.CodeValidation || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a ValidationException with %q", err, c.want)
			}
		})
	}
	if list, err := f.List(t.Context(), alice, &bedrock.ListModelInvocationJobsRequest{}); err != nil || len(list.InvocationJobSummaries) != 0 {
		t.Errorf("refused requests left %v, error %v", list, err)
	}
}

// A token makes Create safe to repeat.
func TestClientRequestToken(t *testing.T) {
	f := newFixture(t, Config{})
	req := inline(`{"n":1}`)
	req.ClientRequestToken = "token1"
	first := f.create(req)
	same := *req
	if again := f.create(&same); again != first {
		t.Errorf("the same request made %s and then %s", first, again)
	}
	other := *req
	other.JobName = "another"
	if _, err := f.Create(t.Context(), alice, &other); code(err) != bedrock.CodeConflict {
		t.Errorf("another request with the token: error %v, want a ConflictException", err)
	}
	bob := outcrop.Caller{Account: "999999999999"}
	if created, err := f.Create(t.Context(), bob, &other); err != nil || created.JobARN == first {
		t.Errorf("another account with the token: %v, error %v; want a job of its own", created, err)
	}
}

func TestUnknownJobs(t *testing.T) {
	f := newFixture(t, Config{})
	arn := f.create(inline(`{}`))
	f.wait(arn)
	for _, identifier := range []string{arn, id(arn)} {
		if _, err := f.Get(t.Context(), alice, identifier); err != nil {
			t.Errorf("Get(%q): %v", identifier, err)
		}
	}
	for _, identifier := range []string{
		"", "abcdefghijkl",
		"arn:aws:bedrock:us-west-2:123456789012:model-invocation-job/abcde12345", // ten characters
		"arn:aws:bedrock:us-west-2:111122223333:model-invocation-job/" + id(arn), // another Region
		"x/" + id(arn), "../" + id(arn), strings.Repeat("a", 5000),
	} {
		_, err := f.Get(t.Context(), alice, identifier)
		if code(err) != bedrock.CodeResourceNotFound || len(err.Error()) > 300 {
			t.Errorf("Get(%.40q): error %v, want a ResourceNotFoundException", identifier, err)
		}
		if err := f.Stop(t.Context(), alice, identifier); code(err) != bedrock.CodeResourceNotFound {
			t.Errorf("Stop(%.40q): error %v, want a ResourceNotFoundException", identifier, err)
		}
		for _, err := range f.Watch(t.Context(), alice, identifier) {
			if code(err) != bedrock.CodeResourceNotFound {
				t.Errorf("Watch(%.40q): error %v, want a ResourceNotFoundException", identifier, err)
			}
		}
	}
	if _, err := f.Get(t.Context(), outcrop.Caller{Account: "999999999999"}, arn); code(err) != bedrock.CodeResourceNotFound {
		t.Errorf("another account's Get: error %v, want a ResourceNotFoundException", err)
	}
}

func TestQuotaOfJobs(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, Config{MaxUnfinished: 1, KeepFinished: 1, Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		<-release
		return echo(ctx, call)
	})})
	first := f.create(inline(`{}`))
	if _, err := f.Create(t.Context(), alice, inline(`{}`)); code(err) != bedrock.CodeServiceQuotaExceeded {
		t.Errorf("a second job: error %v, want a ServiceQuotaExceededException", err)
	}
	close(release)
	f.wait(first)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Create(t.Context(), alice, inline(`{}`)); code(err) != bedrock.CodeServiceUnavailable {
		t.Errorf("a job after Close: error %v, want a ServiceUnavailableException", err)
	}
}

// Of the jobs that have ended, the latest are kept, and their tokens with them.
func TestJobsAreForgotten(t *testing.T) {
	f := newFixture(t, Config{KeepFinished: 2, RunningJobs: 1})
	var arns []string
	for i := range 4 {
		req := inline(`{}`)
		req.ClientRequestToken = fmt.Sprint("token", i)
		arn := f.create(req)
		f.wait(arn)
		arns = append(arns, arn)
	}
	if err := f.Close(t.Context()); err != nil { // each job has told the store that it ended
		t.Fatal(err)
	}
	list, err := f.List(t.Context(), alice, &bedrock.ListModelInvocationJobsRequest{})
	if err != nil || len(list.InvocationJobSummaries) != 2 || len(f.registry.byID) != 2 || len(f.registry.byToken) != 2 {
		t.Errorf("%d jobs are kept, %d by id, %d by token, error %v; want 2",
			len(list.InvocationJobSummaries), len(f.registry.byID), len(f.registry.byToken), err)
	}
	for i, want := range []string{bedrock.CodeResourceNotFound, bedrock.CodeResourceNotFound, "", ""} {
		if _, err := f.Get(t.Context(), alice, arns[i]); code(err) != want {
			t.Errorf("job %d: error %v, want code %q", i, err, want)
		}
	}
}

// Inline bodies are held within bounds: no more are taken while those of jobs
// that have not ended fill them, and jobs that have ended are forgotten for them,
// the earliest first, and none without a body.
func TestInlineBodiesAreBounded(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, Config{InlineBytes: 100, RunningJobs: 1, Backend: outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		<-release
		return echo(ctx, call)
	})})
	f.put("s3://input/a.jsonl", `{"modelInput":{}}`)
	body := inline(`{"a":"` + strings.Repeat("x", 60) + `"}`)
	file := f.create(request("s3://input/a.jsonl", "s3://output"))
	first := f.create(body)
	if _, err := f.Create(t.Context(), alice, body); code(err) != bedrock.CodeServiceQuotaExceeded || !strings.Contains(err.Error(), "inline bodies") {
		t.Errorf("more bodies than there is room for: error %v", err)
	}
	close(release)
	f.wait(first)
	var later string
	for later == "" { // until the first has made its room
		if created, err := f.Create(t.Context(), alice, body); err == nil {
			later = created.JobARN
		} else if code(err) != bedrock.CodeServiceQuotaExceeded {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	f.wait(later)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for arn, want := range map[string]string{file: "", first: bedrock.CodeResourceNotFound, later: ""} {
		if _, err := f.Get(t.Context(), alice, arn); code(err) != want {
			t.Errorf("job %s: error %v, want code %q", arn, err, want)
		}
	}
	if r := f.registry; r.inline != (inlineBytes{ended: len(body.InputDataConfig.Text)}) {
		t.Errorf("the bodies come to %+v", r.inline)
	}
	if list, err := f.Clean(t.Context(), Cleaning{Before: time.Now().Add(time.Hour)}); err != nil || len(list) != 2 || f.registry.inline != (inlineBytes{}) {
		t.Errorf("cleaned %v, error %v, and the bodies come to %+v", list, err, f.registry.inline)
	}
}

func TestList(t *testing.T) {
	f := newFixture(t, Config{})
	var arns []string
	for i := range 5 {
		req := inline(`{}`)
		req.JobName = fmt.Sprintf("job-%d", i)
		arn := f.create(req)
		f.wait(arn)
		arns = append(arns, arn)
	}
	f.put("s3://input/empty.jsonl", "")
	bad := f.create(request("s3://input/empty.jsonl", "s3://output"))
	f.wait(bad)
	third, err := f.Get(t.Context(), alice, arns[2])
	if err != nil {
		t.Fatal(err)
	}

	cases := []struct {
		name string
		req  bedrock.ListModelInvocationJobsRequest
		want []string
	}{
		{"all, the latest first", bedrock.ListModelInvocationJobsRequest{}, []string{bad, arns[4], arns[3], arns[2], arns[1], arns[0]}},
		{"the earliest first", bedrock.ListModelInvocationJobsRequest{SortBy: bedrock.SortJobsByCreationTime, SortOrder: bedrock.SortOrderAscending}, append(slices.Clone(arns), bad)},
		{"by status", bedrock.ListModelInvocationJobsRequest{StatusEquals: jobFailed}, []string{bad}},
		{"by name", bedrock.ListModelInvocationJobsRequest{NameContains: "b-3"}, []string{arns[3]}},
		{"after a time", bedrock.ListModelInvocationJobsRequest{SubmitTimeAfter: third.SubmitTime}, []string{bad, arns[4], arns[3]}},
		{"before a time", bedrock.ListModelInvocationJobsRequest{SubmitTimeBefore: third.SubmitTime}, []string{arns[1], arns[0]}},
	}
	for _, c := range cases {
		for _, size := range []int{1, 2, 3, 1000} {
			t.Run(fmt.Sprintf("%s, %d a page", c.name, size), func(t *testing.T) {
				var got []string
				req := c.req
				req.MaxResults = &size
				for {
					page, err := f.List(t.Context(), alice, &req)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range page.InvocationJobSummaries {
						got = append(got, s.JobARN)
					}
					if len(page.InvocationJobSummaries) > size {
						t.Fatalf("a page has %d jobs", len(page.InvocationJobSummaries))
					}
					if req.NextToken = page.NextToken; req.NextToken == "" {
						break
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("listed %v\nwant %v", got, c.want)
				}
			})
		}
	}

	if page, err := f.List(t.Context(), alice, &bedrock.ListModelInvocationJobsRequest{NameContains: "job-0"}); err != nil ||
		page.InvocationJobSummaries[0].InputDataConfig.Text != "" || third.InputDataConfig.Text != "{}" {
		t.Errorf("an inline body belongs in Get's reply only: %+v, error %v", page, err)
	}
	page, err := f.List(t.Context(), alice, &bedrock.ListModelInvocationJobsRequest{MaxResults: new(1)})
	if err != nil {
		t.Fatal(err)
	}
	for name, req := range map[string]*bedrock.ListModelInvocationJobsRequest{
		"a token of other filters": {NextToken: page.NextToken, NameContains: "x"},
		"a token of its own make":  {NextToken: "abc"},
		"no jobs at all on a page": {MaxResults: new(0)},
		"an unknown status":        {StatusEquals: "Lost"},
	} {
		if _, err := f.List(t.Context(), alice, req); code(err) != bedrock.CodeValidation {
			t.Errorf("%s: error %v, want a ValidationException", name, err)
		}
	}
	if page, err := f.List(t.Context(), outcrop.Caller{}, &bedrock.ListModelInvocationJobsRequest{}); err != nil || len(page.InvocationJobSummaries) != 0 {
		t.Errorf("another account sees %v, error %v", page, err)
	}
}
