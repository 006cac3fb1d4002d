package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/server"
)

// TestReplyHeaders: what the reply's header says of the back-end, and what of
// the back-end's own header gets through.
func TestReplyHeaders(t *testing.T) {
	r := start(t, backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		meta := outcrop.Meta{
			Backend: "simulator", ModelID: "resolved-model", Attempts: 3, MaxAttempts: 4, RequestID: "upstream-1", Estimated: true,
			Usage: &bedrock.TokenUsage{InputTokens: 11, OutputTokens: 22}, Latency: 1234e6,
			Header: map[string]string{
				"x-amzn-bedrock-service-tier": "default", "X-Amzn-Bedrock-Output-Token-Count": "23",
				"Connection": "close", "Content-Length": "1", "X-Amzn-Requestid": "theirs", "Set-Cookie": "a=b",
			},
		}
		return outcrop.NewReply(meta, []byte(`{"a":1}`)), nil
	}))
	c := client(t, &http.Transport{})
	a := send(t, c, http.MethodPost, r.url+"/model/m/invoke", `{}`, nil)
	for name, want := range map[string]string{
		"X-Outcrop-Backend": "simulator", "X-Outcrop-Model": "resolved-model", "X-Outcrop-Attempts": "3", "X-Outcrop-Max-Attempts": "4",
		"X-Outcrop-Upstream-Requestid": "upstream-1", "X-Outcrop-Usage": "estimated",
		"X-Amzn-Bedrock-Service-Tier": "default", "X-Amzn-Bedrock-Input-Token-Count": "11",
		"X-Amzn-Bedrock-Output-Token-Count": "23", "X-Amzn-Bedrock-Invocation-Latency": "1234",
		"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "",
		"Set-Cookie": "", "Access-Control-Allow-Origin": "",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := a.header.Get("X-Amzn-Requestid"); len(id) != 36 || a.body != `{"a":1}` {
		t.Errorf("request id %q, body %s", id, a.body)
	}
	if b := send(t, c, http.MethodPost, r.url+"/model/m/invoke", `{}`, nil); b.header.Get("X-Amzn-Requestid") == a.header.Get("X-Amzn-Requestid") {
		t.Error("two requests have one id")
	}
}

// TestRetryHeaders: an error says when to come back, in whole seconds, and
// what was left of the retry budget; a back-end that nobody asks again says
// nothing of it.
func TestRetryHeaders(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		err                  outcrop.Error
		after, used, allowed string
	}{
		{"throttled", outcrop.Error{Code: bedrock.CodeThrottling, RetryAfter: 1500 * time.Millisecond, Attempts: 4, MaxAttempts: 4}, "2", "4", "4"},
		{"unavailable", outcrop.Error{Code: bedrock.CodeServiceUnavailable, RetryAfter: 7 * time.Second, Attempts: 1, MaxAttempts: 4}, "7", "1", "4"},
		{"not worth it", outcrop.Error{Code: bedrock.CodeValidation, RetryAfter: time.Second}, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) { return nil, &tt.err }))
			h := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/m/invoke", `{}`, nil).header
			if h.Get("Retry-After") != tt.after || h.Get("X-Outcrop-Attempts") != tt.used || h.Get("X-Outcrop-Max-Attempts") != tt.allowed {
				t.Errorf("%v", h)
			}
		})
	}
}

// TestForwarded: the bytes of a request and of an upstream's reply arrive as
// they were, unknown members and all.
func TestForwarded(t *testing.T) {
	const body = `{ "output": {"future":true}, "usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3} }`
	var got []byte
	r := start(t, backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		got = call.Raw
		return outcrop.NewReply(outcrop.Meta{}, []byte(body)), nil
	}))
	const sent = ` {"messages" : [] , "future":{"b":1,"a":2}}`
	a := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/m/converse", sent, map[string]string{"Content-Type": "application/json; charset=utf-8"})
	if a.body != body || string(got) != sent {
		t.Errorf("sent %s, replied %s", got, a.body)
	}
}

// TestForwardedFrames: the frames of an upstream arrive as they were, unknown
// headers and unknown events too.
func TestForwardedFrames(t *testing.T) {
	header := func(name, value string) eventstream.Header {
		return eventstream.Header{Name: name, Value: eventstream.String(value)}
	}
	var sent []byte
	for _, name := range []string{"messageStart", "eventOfTheFuture", "metadata"} {
		var err error
		sent, err = eventstream.AppendMessage(sent, []eventstream.Header{
			header(":message-type", "event"), header("x-future", "yes"), header(":event-type", name),
		}, []byte(`{ "usage" : {"inputTokens":1}, "p":"abc" }`))
		if err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for d := eventstream.NewDecoder(bytes.NewReader(sent)); ; {
				m, err := d.Next()
				if err != nil || !yield(bedrock.ReceivedEvent(m), nil) {
					return
				}
			}
		}, nil)), nil
	}))
	a := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/m/converse-stream", converseBody, jsonHeader)
	if a.body != string(sent) {
		t.Errorf("%q\nwant %q", a.body, sent)
	}
}

// TestLargeReply: a body of many pieces arrives whole.
func TestLargeReply(t *testing.T) {
	body := []byte(`"` + strings.Repeat("0123456789", 100_000) + `"`)
	r := start(t, backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, body), nil
	}))
	a := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/m/invoke", `{}`, nil)
	if a.body != string(body) || a.header.Get("Content-Length") != fmt.Sprint(len(body)) {
		t.Errorf("%d bytes, want %d", len(a.body), len(body))
	}
}

// safeBuffer is a buffer for a log.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []map[string]any
	for d := json.NewDecoder(&s.b); ; {
		var line map[string]any
		if err := d.Decode(&line); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

const secretPrompt = "the-secret-prompt"

// TestPanics: a panic becomes an error as any other, in band where a stream
// has begun; the log gets its stack and no data, and the server goes on.
func TestPanics(t *testing.T) {
	log := new(safeBuffer)
	config := backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		switch call.ModelID {
		case "fine":
			return nil, nil
		case "later":
			return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
				yield(bedrock.NewEvent(delta("x")), nil)
				panic(secretPrompt)
			}, nil)), nil
		case "nil":
			var none *outcrop.Reply
			return outcrop.NewReply(none.Meta, nil), nil
		}
		panic(secretPrompt)
	})
	config.Logger = slog.New(slog.NewJSONHandler(log, nil))
	r := start(t, config)
	c := client(t, &http.Transport{})
	for _, path := range []string{"/model/now/converse", "/model/nil/converse", "/model/now/converse-stream"} {
		a := send(t, c, http.MethodPost, r.url+path, converseBody, jsonHeader)
		checkRefused(t, a, 500, "InternalServerException", "failed")
		if strings.Contains(a.body, secretPrompt) {
			t.Errorf("the reply tells the panic: %s", a.body)
		}
	}
	a := send(t, c, http.MethodPost, r.url+"/model/later/converse-stream", converseBody, jsonHeader)
	if got := eventTypes(t, strings.NewReader(a.body)); got != "contentBlockDelta !internalServerException" {
		t.Errorf("events %s", got)
	}
	if a := send(t, c, http.MethodPost, r.url+"/model/fine/converse", converseBody, jsonHeader); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	stacks := 0
	for _, line := range log.lines(t) {
		text := fmt.Sprint(line)
		if strings.Contains(text, secretPrompt) {
			t.Errorf("the log has the panic's value: %s", text)
		}
		if line["msg"] == "panic" && strings.Contains(text, "door_test.go") && line["requestId"] != "" {
			stacks++
		}
	}
	if stacks != 4 {
		t.Errorf("%d stacks, want 4", stacks)
	}
}

// TestLog: one line for each request, with what an operator wants to know and
// without what nobody may.
func TestLog(t *testing.T) {
	log := new(safeBuffer)
	n := 0
	config := server.Config{
		Keys: keyring(t), Logger: slog.New(slog.NewJSONHandler(log, nil)),
		NewID: func() string { n++; return fmt.Sprint("id-", n) },
	}
	r := start(t, config)
	c := client(t, &http.Transport{})
	bearer := map[string]string{"Content-Type": "application/json", "Authorization": "Bearer the-token-of-team-a"}
	body := strings.Replace(converseBody, "to be or not", "tell me "+secretPrompt, 1)
	for _, path := range []string{"/model/m/converse", "/model/m/converse-stream", "/model/m/invoke", "/model/m/invoke-with-response-stream"} {
		text := body
		if strings.Contains(path, "invoke") {
			text = `{"prompt":"tell me ` + secretPrompt + `"}`
		}
		if a := send(t, c, http.MethodPost, r.url+path, text, bearer); a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	send(t, c, http.MethodGet, r.url+"/nowhere?q="+secretPrompt, "", bearer)
	send(t, c, http.MethodPost, r.url+"/model/m/converse", body, map[string]string{"Authorization": "Bearer " + secretPrompt})
	send(t, c, http.MethodGet, r.url+"/healthz", "", nil)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	want := []string{
		"Converse 200 id-1 m team-a 3 3", "ConverseStream 200 id-2 m team-a 3 3", "InvokeModel 200 id-3 m team-a 3 3",
		"InvokeModelWithResponseStream 200 id-4 m team-a 3 3", "unknown 404 id-5 <nil> <nil> <nil> <nil>", "Converse 403 id-6 <nil> <nil> <nil> <nil>",
	}
	var got []string
	for _, line := range log.lines(t) {
		if line["msg"] == "request" {
			got = append(got, fmt.Sprint(line["operation"], " ", line["status"], " ", line["requestId"], " ", line["model"], " ", line["tenant"], " ", line["inputTokens"], " ", line["outputTokens"]))
			if _, timed := line["ms"].(float64); !timed || line["method"] == "" {
				t.Errorf("%v", line)
			}
		}
		if text := fmt.Sprint(line); strings.Contains(text, secretPrompt) || strings.Contains(text, "the-token") {
			t.Errorf("the log tells: %s", text)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("lines\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestMounts: a mount that demands a tenant gets the body and the origin; one
// that is chosen by the signature's service gets every path; the guard stands
// before both.
func TestMounts(t *testing.T) {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o := outcrop.OriginOf(r.Context())
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s|%s|%s|%s", r.URL.Path, body, o.Caller.Tenant, o.RequestID)
	})
	r := start(t, server.Config{
		Keys: keyring(t), NewID: func() string { return "id" },
		Mounts: []server.Mount{
			{Name: "metrics", Path: "/metrics", Handler: show},
			{Name: "talks", Path: "/talks/{id}", Verify: true, Handler: show},
			{Name: "s3", Service: "s3", Handler: show},
		},
	})
	c := client(t, &http.Transport{})
	bearer := map[string]string{"Authorization": "Bearer the-token-of-team-a"}
	s3 := map[string]string{
		"X-Amz-Date":    "20260101T000000Z",
		"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-3/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64),
	}
	for _, tt := range []struct {
		method, path string
		header       map[string]string
		status       int
		want         string
	}{
		{"GET", "/metrics", nil, 202, "/metrics|body||"},
		{"DELETE", "/talks/c1", bearer, 202, "/talks/c1|body|team-a|id"},
		{"DELETE", "/talks/c1", nil, 403, "Missing Authentication Token"},
		{"PUT", "/bucket/model/x", s3, 202, "/bucket/model/x|body||"},
		{"GET", "/bucket/model/x", bearer, 404, "No operation"},
	} {
		a := send(t, c, tt.method, r.url+tt.path, "body", tt.header)
		if a.status != tt.status || !strings.Contains(a.body, tt.want) || a.header.Get("X-Amzn-Requestid") != "id" {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, a.status, a.body, tt.status, tt.want)
		}
	}
	checkRefused(t, send(t, c, "GET", r.url+"/metrics", "", map[string]string{"Host": "evil.example"}), 403, "AccessDeniedException", "Host")
}

// TestHealth: alive, and ready as long as the configuration's check says so.
func TestHealth(t *testing.T) {
	var broken error
	r := start(t, server.Config{Keys: keyring(t), Ready: func() error { return broken }})
	c := client(t, &http.Transport{})
	if a := send(t, c, http.MethodGet, r.url+"/healthz", "", nil); a.status != 200 || a.body != `{"status":"ok"}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := send(t, c, http.MethodHead, r.url+"/readyz", "", nil); a.status != 200 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	broken = fmt.Errorf("the journal is closed")
	checkRefused(t, send(t, c, http.MethodGet, r.url+"/readyz", "", nil), 503, "ServiceUnavailableException", "the journal is closed")
}

// TestWrongKindOfReply: a back-end that answers with a stream where none
// belongs, or the other way round, is an internal error, and its stream is
// closed.
func TestWrongKindOfReply(t *testing.T) {
	closed := make(chan error, 1)
	r := start(t, backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if call.Streams() {
			return outcrop.NewReply(outcrop.Meta{}, []byte(`{}`)), nil
		}
		s := outcrop.NewStream(broken(nil), nil)
		s.OnEnd(func(err error) { closed <- err })
		return outcrop.NewStreamReply(outcrop.Meta{}, s), nil
	}))
	c := client(t, &http.Transport{})
	checkRefused(t, send(t, c, http.MethodPost, r.url+"/model/m/converse", converseBody, jsonHeader), 500, "InternalServerException", "stream")
	<-closed
	checkRefused(t, send(t, c, http.MethodPost, r.url+"/model/m/converse-stream", converseBody, jsonHeader), 500, "InternalServerException", "stream")
}

// TestStreamsThatFailEarly: an error before the first event is a plain reply
// with the error's status, which clients retry; so is a stream without events.
func TestStreamsThatFailEarly(t *testing.T) {
	for _, tt := range []struct {
		model, operation string
		status           int
		code             string
	}{
		{"throttled", "converse-stream", 429, "ThrottlingException"},
		{"throttled", "invoke-with-response-stream", 429, "ThrottlingException"},
		{"empty", "converse-stream", 424, "ModelStreamErrorException"},
		{"empty", "invoke-with-response-stream", 424, "ModelStreamErrorException"},
		{"unwritable", "converse-stream", 500, "InternalServerException"},
	} {
		t.Run(tt.model+" "+tt.operation, func(t *testing.T) {
			r := start(t, backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
					switch call.ModelID {
					case "throttled":
						yield(bedrock.Event{}, outcrop.Errorf(bedrock.CodeThrottling, "slow down"))
					case "unwritable":
						yield(bedrock.NewEvent(&bedrock.ConverseStreamOutput{}), nil)
					}
				}, nil)), nil
			}))
			a := send(t, client(t, &http.Transport{}), http.MethodPost, r.url+"/model/"+tt.model+"/"+tt.operation, converseBody, jsonHeader)
			checkRefused(t, a, tt.status, tt.code, "")
		})
	}
}
