package amazon_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// snapshot is a request or a reply as the SDK's own files have it: a first
// line, for requests an empty one, headers, an empty line, the body.
type snapshot struct {
	line   string
	header http.Header
	body   []byte
}

func readSnapshot(t *testing.T, name string) snapshot {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "aws", name))
	if err != nil {
		t.Fatal(err)
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	rest = bytes.TrimPrefix(rest, []byte("\n"))
	s := snapshot{line: string(line), header: http.Header{}}
	for {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		name, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			break
		}
		s.header.Set(name, value)
	}
	s.body = rest
	return s
}

// callOf makes the call that stands for a request of the SDK.
func callOf(t *testing.T, operation string, s snapshot) *outcrop.Call {
	t.Helper()
	_, target, _ := strings.Cut(s.line, " ")
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	var call *outcrop.Call
	if strings.HasPrefix(u.Path, "/model/") {
		call = outcrop.NewInvokeCall(operation, strings.Split(u.Path, "/")[2], s.body)
	} else {
		params := map[string]string{}
		for name, values := range u.Query() {
			params[name] = values[0]
		}
		for _, op := range bedrock.Operations {
			if op.Name != operation {
				continue
			}
			names, values := strings.Split(op.Path, "/"), strings.Split(u.Path, "/")
			for i, name := range names {
				if strings.HasPrefix(name, "{") {
					params[strings.Trim(name, "{}")] = values[i]
				}
			}
		}
		body := s.body
		if len(body) == 0 {
			body = nil
		}
		call = outcrop.NewOperationCall(operation, params, body)
	}
	call.Header = map[string]string{}
	for name := range s.header {
		call.Header[name] = s.header.Get(name)
	}
	return call
}

// TestGolden: what the SDK writes goes out byte for byte, and what it can read
// comes back byte for byte, for every operation that the SDK has a file for.
func TestGolden(t *testing.T) {
	signedIn(t)
	files, err := filepath.Glob("testdata/aws/*.request.snap")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		operation := strings.TrimSuffix(filepath.Base(file), ".request.snap")
		t.Run(operation, func(t *testing.T) {
			request := readSnapshot(t, filepath.Base(file))
			reply := readSnapshot(t, operation+".response.snap")
			var got seen
			s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				got = see(t, r)
				for name := range reply.header {
					w.Header().Set(name, reply.header.Get(name))
				}
				w.Header().Set("X-Amzn-Requestid", "upstream-id")
				_, _ = w.Write(reply.body)
			})
			answer, err := open(t, s.URL).Do(t.Context(), callOf(t, operation, request))
			if operation == "InvokeGuardrailChecks" { // newer than the operation table
				if e := outcrop.AsError(err); e.Code != bedrock.CodeUnknownOperation {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.method+" "+got.uri != request.line {
				t.Errorf("%s %s, want %s", got.method, got.uri, request.line)
			}
			if got.body != string(request.body) {
				t.Errorf("the body is %s, want %s", got.body, request.body)
			}
			for name := range request.header {
				if got.header.Get(name) != request.header.Get(name) {
					t.Errorf("%s is %q, want %q", name, got.header.Get(name), request.header.Get(name))
				}
			}
			if !strings.Contains(got.header.Get("Authorization"), "/"+region+"/bedrock/aws4_request") {
				t.Errorf("Authorization: %q", got.header.Get("Authorization"))
			}
			text, err := answer.Body()
			if err != nil || !bytes.Equal(text, reply.body) {
				t.Errorf("the reply is %s, %v; want %s", text, err, reply.body)
			}
			if answer.Meta.RequestID != "upstream-id" || answer.Meta.Backend != "amazon" {
				t.Errorf("meta %+v", answer.Meta)
			}
			for name := range reply.header {
				if strings.HasPrefix(name, "X-Amzn-Bedrock-") && answer.Meta.Header[name] != reply.header.Get(name) {
					t.Errorf("%s is %q", name, answer.Meta.Header[name])
				}
			}
		})
	}
}

// TestGoldenErrors: every error file of the SDK becomes the error of its name.
func TestGoldenErrors(t *testing.T) {
	signedIn(t)
	files, err := filepath.Glob("testdata/aws/*.error.snap")
	if err != nil || len(files) < 11 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		code := strings.TrimSuffix(filepath.Base(file), ".error.snap")
		t.Run(code, func(t *testing.T) {
			reply := readSnapshot(t, filepath.Base(file))
			status, err := strconv.Atoi(reply.line)
			if err != nil {
				t.Fatal(err)
			}
			s := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Amzn-Requestid", "upstream-id")
				w.WriteHeader(status)
				_, _ = w.Write(reply.body)
			})
			b := open(t, s.URL)
			for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream, bedrock.OpInvokeModel} {
				_, err := b.Do(t.Context(), converseCall(operation, hello))
				e := outcrop.AsError(err)
				if e.Code != code || e.Message != "__Message__" || e.RequestID != "upstream-id" || e.Retryable != bedrock.Code(code).Retryable {
					t.Errorf("%s: %+v", operation, e)
				}
			}
		})
	}
}
