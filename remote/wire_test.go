package remote_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/remote"
)

// transport is an http.RoundTripper without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes a response.
func reply(status int, header map[string]string, body io.Reader) *http.Response {
	h := http.Header{}
	for name, value := range header {
		h.Set(name, value)
	}
	closer, ok := body.(io.ReadCloser)
	if !ok {
		closer = io.NopCloser(body)
	}
	return &http.Response{StatusCode: status, Header: h, Body: closer, ContentLength: -1}
}

func newClient(t testing.TB, c remote.Config) *remote.Client {
	t.Helper()
	if c.URL == "" {
		c.URL = "http://127.0.0.1:1"
	}
	client, err := remote.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func conversation(operation string) *outcrop.Call {
	return outcrop.NewConverseCall(operation, &bedrock.ConverseRequest{ModelID: "m", Messages: []bedrock.Message{bedrock.UserText("hi")}})
}

// TestRequest: what goes out, byte for byte.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	c := newClient(t, remote.Config{URL: "https://host.example/base/", Token: "secret", Transport: transport(func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return reply(200, map[string]string{
			"Content-Type": "image/png", "X-Amzn-Requestid": "id-1", "X-Outcrop-Backend": "simulator", "X-Outcrop-Model": "resolved",
			"X-Outcrop-Attempts": "3", "X-Outcrop-Max-Attempts": "4", "X-Outcrop-Usage": "estimated", "X-Amzn-Bedrock-Input-Token-Count": "4",
			"X-Amzn-Bedrock-Output-Token-Count": "5", "X-Amzn-Bedrock-Invocation-Latency": "67", "Set-Cookie": "a=b",
		}, strings.NewReader("\x89PNG")), nil
	})})
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "arn:aws:bedrock:us-east-1::foundation-model/x/y", []byte("{ \"a\" :1}"))
	call.Header = map[string]string{"x-amzn-bedrock-trace": "ENABLED", "Accept": "image/png", "Authorization": "theirs", "Host": "theirs"}
	answer, err := c.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://host.example/base/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fx%2Fy/invoke"; got.URL.String() != want {
		t.Errorf("the URL is %s, want %s", got.URL, want)
	}
	if string(body) != "{ \"a\" :1}" {
		t.Errorf("the body is %s", body)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer secret", "X-Amzn-Bedrock-Trace": "ENABLED", "Accept": "image/png", "Host": "", "Content-Type": "application/json",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("header %s is %q, want %q", name, v, want)
		}
	}
	m := answer.Meta
	text, _ := answer.Body()
	if m.RequestID != "id-1" || m.Backend != "simulator" || m.ModelID != "resolved" || m.Attempts != 3 || m.MaxAttempts != 4 || !m.Estimated || m.ContentType != "image/png" ||
		m.Usage == nil || m.Usage.TotalTokens != 9 || m.Latency != 67*time.Millisecond || m.Header["Set-Cookie"] != "" || string(text) != "\x89PNG" {
		t.Errorf("the reply is %q, %+v", text, m)
	}
	for _, id := range []string{"", ".", ".."} {
		got = nil
		if _, err := c.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, id, []byte("{}"))); err == nil || outcrop.AsError(err).Field != "modelId" || got != nil {
			t.Errorf("model id %q: %v, sent %v", id, err, got != nil)
		}
	}
	if _, err := c.Do(t.Context(), outcrop.NewOperationCall("ApplyGuardrail", nil, nil)); err == nil || outcrop.AsError(err).Code != bedrock.CodeUnknownOperation {
		t.Errorf("an operation that no Outcrop server has: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for want, c := range map[string]remote.Config{
		"not of the form":      {URL: "127.0.0.1:8777"},
		"a user or a password": {URL: "http://u:p@127.0.0.1"},
		"a query":              {URL: "http://127.0.0.1?x=1"},
		"by https only":        {URL: "http://example.com", Token: "t"},
		"Config.Token":         {URL: "http://127.0.0.1", Token: "a\r\nb"},
		"MaxReply":             {URL: "http://127.0.0.1", Limits: remote.Limits{MaxReply: -1}},
		"PollFail":             {URL: "http://127.0.0.1", Limits: remote.Limits{PollFail: -1}},
		"PollMin":              {URL: "http://127.0.0.1", Limits: remote.Limits{PollMin: time.Minute}},
	} {
		if _, err := remote.New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
	for _, c := range []remote.Config{
		{URL: "http://localhost:1/", Token: "t"},
		{URL: "http://[::1]:1", Token: "t"},
		{URL: "https://example.com", Token: "t"},
		{URL: "http://10.0.0.1:1", Token: "t", PlainToken: true},
		{URL: "http://example.com"},
	} {
		if _, err := remote.New(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		header    map[string]string
		body      string
		code      string
		message   string
		retryable bool
	}{
		{"ours", 429, map[string]string{"X-Amzn-Errortype": "ThrottlingException", "Retry-After": "7"}, `{"message":"slow down"}`, bedrock.CodeThrottling, "slow down", true},
		{"with a namespace and a URL", 400, map[string]string{"X-Amzn-Errortype": "a#ValidationException:http://x"}, `{"message":"bad"}`, bedrock.CodeValidation, "bad", false},
		{"a proxy's page", 502, nil, `<html>prompt text</html>`, bedrock.CodeServiceUnavailable, "answered 502 Bad Gateway", true},
		{"no body", 403, map[string]string{"X-Amzn-Errortype": "AccessDeniedException"}, ``, bedrock.CodeAccessDenied, "answered 403 Forbidden", false},
		{"unknown code", 404, map[string]string{"X-Amzn-Errortype": "NewException"}, `{"message":"m"}`, bedrock.CodeResourceNotFound, "m", false},
		{"a redirection", 302, map[string]string{"Location": "http://elsewhere"}, ``, bedrock.CodeServiceUnavailable, "302", true},
		{"a failure that cannot be read", 422, map[string]string{"X-Amzn-Errortype": "SchemaValidationException"}, `{"errors":7,"message":"x"}`, bedrock.CodeSchemaValidation, "x", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t, remote.Config{Transport: transport(func(*http.Request) (*http.Response, error) {
				header := map[string]string{"X-Amzn-Requestid": "id-1"}
				for name, value := range test.header {
					header[name] = value
				}
				return reply(test.status, header, strings.NewReader(test.body)), nil
			})})
			_, err := c.Do(t.Context(), conversation(bedrock.OpConverse))
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok {
				t.Fatalf("%T %v", err, err)
			}
			if e.Code != test.code || !strings.Contains(e.Message, test.message) || e.Retryable != test.retryable || e.RequestID != "id-1" || strings.Contains(e.Message, "prompt text") {
				t.Errorf("%+v", e)
			}
			if (e.RetryAfter == 7*time.Second) != (test.header["Retry-After"] != "") {
				t.Errorf("retry after %v", e.RetryAfter)
			}
		})
	}
}

func TestReplyLimits(t *testing.T) {
	c := newClient(t, remote.Config{Limits: remote.Limits{MaxReply: 10}, Transport: transport(func(*http.Request) (*http.Response, error) {
		return reply(200, nil, strings.NewReader(`{"output":{}}`)), nil
	})})
	if _, err := c.Do(t.Context(), conversation(bedrock.OpConverse)); err == nil || !strings.Contains(err.Error(), "MaxReply is 10 bytes") {
		t.Errorf("%v", err)
	}
}

// delta is the frame of a piece of text, and end are the frames of a
// conversation's end.
func delta(text string) []byte {
	return eventstream.AppendEvent(nil, "contentBlockDelta", "application/json", []byte(`{"contentBlockIndex":0,"delta":{"text":"`+text+`"}}`))
}

func end() []byte {
	b := eventstream.AppendEvent(nil, "messageStop", "application/json", []byte(`{"stopReason":"end_turn"}`))
	return eventstream.AppendEvent(b, "metadata", "application/json", []byte(`{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":4}}`))
}

// streaming is a client whose server answers with a body.
func streaming(t testing.TB, body io.Reader) *remote.Client {
	return newClient(t, remote.Config{Limits: remote.Limits{MaxReply: 1 << 20}, Transport: transport(func(*http.Request) (*http.Response, error) {
		return reply(200, map[string]string{"Content-Type": eventstream.ContentType, "X-Amzn-Requestid": "id-1"}, body), nil
	})})
}

func TestStreamsThatBreak(t *testing.T) {
	exception := func(name, body string) []byte {
		return eventstream.AppendException(nil, name, "application/json", []byte(body))
	}
	cut := delta("lost")
	tests := []struct {
		name    string
		body    [][]byte
		after   error // of the connection
		code    string
		message string
	}{
		{"an exception", [][]byte{delta("one "), delta("two"), exception("throttlingException", `{"message":"slow"}`)}, io.EOF, bedrock.CodeThrottling, "slow"},
		{"an exception of another operation", [][]byte{delta("one "), delta("two"), exception("modelStreamErrorException", `{"message":"ModelTimeoutException: late","originalMessage":"late","originalStatusCode":408}`)}, io.EOF, bedrock.CodeModelTimeout, "late"},
		{"an unknown exception", [][]byte{delta("one "), delta("two"), exception("newException", `{"message":"new"}`)}, io.EOF, bedrock.CodeModelStreamError, "new"},
		{"an end without metadata", [][]byte{delta("one "), delta("two")}, io.EOF, bedrock.CodeModelStreamError, "ended before its metadata event"},
		{"an end within a frame", [][]byte{delta("one "), delta("two"), cut[:len(cut)-3]}, io.EOF, bedrock.CodeModelStreamError, "cut the connection"},
		{"a broken connection", [][]byte{delta("one "), delta("two")}, errors.New("reset by peer"), bedrock.CodeModelStreamError, "broke off"},
		{"a broken frame", [][]byte{delta("one "), delta("two"), bytes.Repeat([]byte("x"), 40)}, io.EOF, bedrock.CodeModelStreamError, "broken"},
		{"an event that is no JSON", [][]byte{delta("one "), delta("two"), eventstream.AppendEvent(nil, "contentBlockDelta", "", []byte("{"))}, io.EOF, bedrock.CodeModelStreamError, "not valid JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := streaming(t, io.MultiReader(bytes.NewReader(bytes.Join(test.body, nil)), failing{test.after}))
			answer, err := c.Do(t.Context(), conversation(bedrock.OpConverseStream))
			if err != nil {
				t.Fatal(err)
			}
			_, err = outcrop.Collect(answer.Stream)
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok || e.Code != test.code || !strings.Contains(e.Message, test.message) || e.RequestID != "id-1" {
				t.Fatalf("%+v", err)
			}
			var message bedrock.Message
			if err := bedrock.Unmarshal(e.Partial, &message); err != nil || message.Text() != "one two" {
				t.Errorf("the part that had arrived is %s, %v", e.Partial, err)
			}
		})
	}
	t.Run("before the first event", func(t *testing.T) {
		_, err := streaming(t, bytes.NewReader(exception("throttlingException", `{"message":"slow"}`))).Do(t.Context(), conversation(bedrock.OpConverseStream))
		if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeThrottling || e.Partial != nil {
			t.Errorf("%v", err)
		}
		if _, err := streaming(t, strings.NewReader("")).Do(t.Context(), conversation(bedrock.OpConverseStream)); err == nil || !strings.Contains(err.Error(), "before its first event") {
			t.Errorf("%v", err)
		}
	})
	t.Run("native", func(t *testing.T) {
		chunk := eventstream.AppendEvent(nil, "chunk", "application/json", []byte(`{"bytes":"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJoaSJ9fQ=="}`))
		answer, err := streaming(t, io.MultiReader(bytes.NewReader(chunk), failing{errors.New("reset")})).Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, "m", []byte("{}")))
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range answer.Stream.Events() {
		}
		if err == nil || !strings.Contains(string(outcrop.AsError(err).Partial), `"text":"hi"`) {
			t.Errorf("%+v", outcrop.AsError(err))
		}
	})
}

// TestLongStreamKeepsItsPartial: more events than are kept as they are.
func TestLongStreamKeepsItsPartial(t *testing.T) {
	body := bytes.Repeat(delta("x"), 1000)
	answer, err := streaming(t, bytes.NewReader(body)).Do(t.Context(), conversation(bedrock.OpConverseStream))
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range answer.Stream.Events() {
	}
	var message bedrock.Message
	if unread := bedrock.Unmarshal(outcrop.AsError(err).Partial, &message); unread != nil || message.Text() != strings.Repeat("x", 1000) {
		t.Errorf("%d bytes had arrived, %v, %v", len(message.Text()), unread, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// hanging is a body that gives what is written to it, and ends with its
// request's context, as one of net/http does.
func hanging(r *http.Request, text []byte) io.ReadCloser {
	read, write := io.Pipe()
	stop := context.AfterFunc(r.Context(), func() { _ = write.CloseWithError(r.Context().Err()) })
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), read), closer(func() { stop(); _ = read.Close() })}
}

type closer func()

func (f closer) Close() error { f(); return nil }

func TestWaits(t *testing.T) {
	limits := remote.Limits{Accept: time.Second, Idle: 10 * time.Second, Answer: time.Minute, Control: 2 * time.Minute}
	var text []byte
	var begins bool
	hang := transport(func(r *http.Request) (*http.Response, error) {
		if !begins {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return reply(200, map[string]string{"Content-Type": eventstream.ContentType}, hanging(r, text)), nil
	})
	read := func(ctx context.Context, c *remote.Client) error {
		answer, err := c.Do(ctx, conversation(bedrock.OpConverseStream))
		if err != nil {
			return err
		}
		_, err = outcrop.Collect(answer.Stream)
		return err
	}
	whole := func(ctx context.Context, c *remote.Client) error {
		_, err := c.Do(ctx, conversation(bedrock.OpConverse))
		return err
	}
	models := func(ctx context.Context, c *remote.Client) error { _, err := c.Models(ctx); return err }
	for _, test := range []struct {
		name   string
		begins bool
		text   []byte
		ask    func(context.Context, *remote.Client) error
		code   string
		took   time.Duration
	}{
		{"no answer", false, nil, whole, bedrock.CodeModelTimeout, time.Minute},
		{"no end of the answer", true, []byte("{"), whole, bedrock.CodeModelTimeout, time.Minute},
		{"no list", false, nil, models, bedrock.CodeModelTimeout, 2 * time.Minute},
		{"no beginning", false, nil, read, bedrock.CodeModelTimeout, time.Second},
		{"no first event", true, nil, read, bedrock.CodeModelTimeout, time.Second},
		{"no second event", true, delta("a"), read, bedrock.CodeModelStreamError, 10 * time.Second},
		{"no end after the last event", true, append(delta("a"), end()...), read, "", time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begins, text = test.begins, test.text
				c := newClient(t, remote.Config{Transport: hang, Limits: limits})
				began := time.Now()
				err := test.ask(t.Context(), c)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				switch {
				case test.code == "" && err != nil, test.code != "" && (err == nil || outcrop.AsError(err).Code != test.code):
					t.Errorf("%v, want %q", err, test.code)
				}
			})
		})
	}
}

// TestSlowReader: the time that a reader takes is not the server's.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := streaming(t, bytes.NewReader(append(delta("a"), end()...)))
		answer, err := c.Do(t.Context(), conversation(bedrock.OpConverseStream))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range answer.Stream.Events() {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			n++
		}
		if n != 3 {
			t.Errorf("%d events", n)
		}
	})
}

// TestWatchPolls: how often, and what it bears.
func TestWatchPolls(t *testing.T) {
	const job = `{"jobArn":"a","jobName":"n","modelId":"m","roleArn":"r","submitTime":"2026-01-01T00:00:00Z","inputDataConfig":{},"outputDataConfig":{"s3Uri":"s3://b/"},"status":`
	throttled := reply(503, map[string]string{"X-Amzn-Errortype": "ServiceUnavailableException"}, strings.NewReader(`{"message":"busy"}`))
	missing := reply(404, map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException"}, strings.NewReader(`{"message":"none"}`))
	type answer struct {
		status string
		fail   *http.Response
	}
	state := func(s string) answer { return answer{status: s} }
	busy := answer{fail: throttled}
	for _, test := range []struct {
		name    string
		answers []answer
		states  string
		pauses  []time.Duration
		code    string
	}{
		{"to the end", []answer{state("Submitted"), state("Submitted"), state("Submitted"), state("InProgress"), state("Completed")}, "Submitted InProgress Completed", []time.Duration{4, 6, 9, 4}, ""},
		{"up to PollMax", []answer{state("InProgress"), state("InProgress"), state("InProgress"), state("InProgress"), state("InProgress"), state("Failed")}, "InProgress Failed", []time.Duration{4, 6, 9, 10, 10}, ""},
		{"over a short failure", []answer{state("InProgress"), busy, busy, state("Stopped")}, "InProgress Stopped", []time.Duration{4, 6, 9}, ""},
		{"not over a long one", []answer{state("InProgress"), busy, busy, busy}, "InProgress", []time.Duration{4, 6, 9}, bedrock.CodeServiceUnavailable},
		{"no such job", []answer{{fail: missing}}, "", nil, bedrock.CodeResourceNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, last := 0, time.Now()
				c := newClient(t, remote.Config{
					Limits: remote.Limits{PollMin: 4 * time.Second, PollMax: 10 * time.Second, PollFail: 2},
					Transport: transport(func(*http.Request) (*http.Response, error) {
						if asked > 0 && time.Since(last) != test.pauses[asked-1]*time.Second {
							t.Errorf("pause %d was %v, want %v s", asked, time.Since(last), int(test.pauses[asked-1]))
						}
						a := test.answers[asked]
						asked, last = asked+1, time.Now()
						if a.fail != nil {
							return a.fail, nil
						}
						return reply(200, nil, strings.NewReader(job+`"`+a.status+`"}`)), nil
					}),
				})
				var states []string
				var failed error
				for s, err := range c.Jobs().Watch(t.Context(), outcrop.Caller{}, "job") {
					if failed = err; err == nil {
						states = append(states, string(s.Status))
					}
				}
				if got := strings.Join(states, " "); got != test.states || asked != len(test.answers) {
					t.Errorf("states %s after %d answers", got, asked)
				}
				if (failed == nil) != (test.code == "") || failed != nil && outcrop.AsError(failed).Code != test.code {
					t.Errorf("%v, want %q", failed, test.code)
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c := newClient(t, remote.Config{Limits: remote.Limits{PollMin: time.Minute, PollMax: time.Minute}, Transport: transport(func(*http.Request) (*http.Response, error) {
				return reply(200, nil, strings.NewReader(job+`"InProgress"}`)), nil
			})})
			var failed error
			for _, err := range c.Jobs().Watch(ctx, outcrop.Caller{}, "job") {
				failed = err
			}
			if !errors.Is(failed, context.DeadlineExceeded) {
				t.Errorf("%v", failed)
			}
		})
	})
}
