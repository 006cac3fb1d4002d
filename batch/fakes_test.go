package batch

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var alice = outcrop.Caller{Tenant: "alice", Account: "111122223333", Region: "eu-west-1"}

const modelID = "anthropic.claude-3-haiku-20240307-v1:0"

// echo is a model that answers an InvokeModel call with its own body, in
// Bedrock's way of telling tokens, and a Converse call with its last text.
func echo(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if call.Native() {
		meta := outcrop.Meta{Header: map[string]string{inputTokensHeader: "3", outputTokensHeader: "5"}}
		return outcrop.NewReply(meta, append([]byte(`{"echo": `), append(call.Raw, "\n}"...)...)), nil
	}
	req, err := call.Converse()
	if err != nil {
		return nil, err
	}
	last := req.Messages[len(req.Messages)-1]
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: last.Content}
	return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: bedrock.StopReasonEndTurn,
		Usage: bedrock.TokenUsage{InputTokens: 7, OutputTokens: 11, TotalTokens: 18},
	}), nil
}

// fixture is a Jobs over a directory that stands for buckets.
type fixture struct {
	*Jobs
	t   *testing.T
	dir *objects.Directory
}

// newFixture makes one with the buckets "in" … and "out…" that tests use. The
// configuration's Backend is echo unless it says otherwise.
func newFixture(t *testing.T, config Config) *fixture {
	t.Helper()
	dir, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"input", "output"} {
		if err := dir.CreateBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	if config.Backend == nil {
		config.Backend = outcrop.BackendFunc(echo)
	}
	if config.Objects == nil {
		config.Objects = dir
	}
	jobs, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Jobs: jobs, t: t, dir: dir}
	t.Cleanup(func() {
		_ = jobs.Close(context.Background())
		_ = dir.Close()
	})
	return f
}

// put lays an object down, as a user would with cp.
func (f *fixture) put(uri, text string) {
	f.t.Helper()
	path, err := f.dir.Path(uri)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// get is an object's text, or "" when there is none.
func (f *fixture) get(uri string) string {
	f.t.Helper()
	object, err := f.dir.Open(context.Background(), uri)
	if err != nil {
		if outcrop.AsError(err).Code == bedrock.CodeResourceNotFound {
			return ""
		}
		f.t.Fatal(err)
	}
	defer object.Close()
	text, err := io.ReadAll(object)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f *fixture) create(req *bedrock.CreateModelInvocationJobRequest) (arn string) {
	f.t.Helper()
	created, err := f.Create(context.Background(), alice, req)
	if err != nil {
		f.t.Fatal(err)
	}
	return created.JobARN
}

// wait is the job's last state.
func (f *fixture) wait(arn string) *bedrock.GetModelInvocationJobResponse {
	f.t.Helper()
	var last *bedrock.GetModelInvocationJobResponse
	for job, err := range f.Watch(context.Background(), alice, arn) {
		if err != nil {
			f.t.Fatal(err)
		}
		last = job
	}
	return last
}

// waitFor is the job's state as soon as its status is s.
func (f *fixture) waitFor(arn string, s bedrock.ModelInvocationJobStatus) *bedrock.GetModelInvocationJobResponse {
	f.t.Helper()
	for job, err := range f.Watch(context.Background(), alice, arn) {
		if err != nil {
			f.t.Fatal(err)
		}
		if job.Status == s {
			return job
		}
	}
	f.t.Fatalf("job %s ended without being %s", arn, s)
	return nil
}

func request(input, output string) *bedrock.CreateModelInvocationJobRequest {
	return &bedrock.CreateModelInvocationJobRequest{
		JobName: "a-job", ModelID: modelID, RoleARN: "arn:aws:iam::111122223333:role/batch",
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: input, S3InputFormat: bedrock.S3InputFormatJsonl},
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{
			S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: output},
		},
	}
}

// inline is the form with one body in the request.
func inline(body string) *bedrock.CreateModelInvocationJobRequest {
	return &bedrock.CreateModelInvocationJobRequest{
		JobName: "my-batch-job-1", ModelID: modelID,
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: body},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://output/results/"},
	}
}

func id(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func code(err error) string {
	if err == nil {
		return ""
	}
	return outcrop.AsError(err).Code
}

// outLine is a line of a result.
type outLine struct {
	RecordID    string
	ModelInput  json.RawMessage
	ModelOutput json.RawMessage
	Error       *struct {
		ErrorCode    int
		ErrorMessage string
	}
}

func outLines(t interface{ Fatal(...any) }, text string) []outLine {
	var lines []outLine
	decoder := json.NewDecoder(strings.NewReader(text))
	for decoder.More() {
		var line outLine
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
