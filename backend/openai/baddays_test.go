package openai

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// want checks an error's code, whether it may be retried, and that it keeps
// the key to itself.
func want(t *testing.T, err error, code, partial string) {
	t.Helper()
	var e *outcrop.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T: %v, want an *outcrop.Error", err, err)
	}
	if e.Code != code || e.Retryable != bedrock.Code(code).Retryable {
		t.Errorf("error is %v, retryable %v, want %s", e, e.Retryable, code)
	}
	if !strings.Contains(string(e.Partial), partial) || partial == "" && e.Partial != nil {
		t.Errorf("the partial reply is %s, want %q in it", e.Partial, partial)
	}
	if text := fmt.Sprintf("%v %+v", err, e.Cause); strings.Contains(text, secret) {
		t.Errorf("the error tells the key: %s", text)
	}
}

const secret = "sk-very-secret"

// do makes a call and reads its reply to the end. The error is the call's or
// the stream's.
func do(ctx context.Context, t testing.TB, b *Backend, operation string) error {
	t.Helper()
	reply, err := b.Do(ctx, converseCall(t, operation, `{`+hi+`}`))
	if err != nil || reply.Stream == nil {
		return err
	}
	defer reply.Stream.Close()
	var last error
	for _, err := range reply.Stream.Events() {
		last = err
	}
	return last
}

var operations = []string{bedrock.OpConverse, bedrock.OpConverseStream}

func TestServerDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	b := newBackend(t, Config{BaseURL: "http://" + address + "/v1", APIKey: secret})
	for _, operation := range operations {
		want(t, do(t.Context(), t, b, operation), bedrock.CodeServiceUnavailable, "")
	}
	_, err = b.Models(t.Context())
	want(t, err, bedrock.CodeServiceUnavailable, "")
}

// A certificate that is not to be trusted: the same one would come again.
func TestWrongCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", APIKey: secret})
	for _, operation := range operations {
		e := outcrop.AsError(do(t.Context(), t, b, operation))
		if e.Code != bedrock.CodeServiceUnavailable || e.Retryable || !strings.Contains(e.Message, "certificate") {
			t.Errorf("%s: %+v", operation, e)
		}
	}
}

func TestServerHangsUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", APIKey: secret})
	for _, operation := range operations {
		want(t, do(t.Context(), t, b, operation), bedrock.CodeServiceUnavailable, "")
	}
}

func TestServerCutsTheReply(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			_, _ = io.WriteString(w, chunks(`"delta":{"content":"Hel"}`)+"data: {\"cho")
		} else {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"Hel`)
		}
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", APIKey: secret})
	want(t, do(t.Context(), t, b, bedrock.OpConverse), bedrock.CodeServiceUnavailable, "")
	want(t, do(t.Context(), t, b, bedrock.OpConverseStream), bedrock.CodeModelStreamError, "Hel")
}

// hanging is a server that sends some lines of a reply and then nothing.
type hanging struct {
	headers bool
	lines   []string
	every   time.Duration // comments after them
}

func (h *hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	if !h.headers {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, chunks(h.lines...))
		for h.every > 0 {
			select {
			case <-time.After(h.every):
				if _, err := io.WriteString(w, ": ping\n\n"); err != nil {
					return
				}
			case <-req.Context().Done():
				w.CloseWithError(req.Context().Err())
				return
			}
		}
		<-req.Context().Done()
		w.CloseWithError(req.Context().Err())
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: r, Request: req}, nil
}

func TestServerHangs(t *testing.T) {
	const first, idle, whole = 5 * time.Second, 2 * time.Second, 20 * time.Second
	for _, c := range []struct {
		name      string
		server    hanging
		operation string
		partial   string
		after     time.Duration
	}{
		{"before it accepts", hanging{}, bedrock.OpConverseStream, "", first},
		{"before the first event", hanging{headers: true}, bedrock.OpConverseStream, "", first},
		{"before the first event, with comments", hanging{headers: true, every: time.Second}, bedrock.OpConverseStream, "", first},
		{"in mid-stream", hanging{headers: true, lines: []string{`"delta":{"content":"Hel"}`}}, bedrock.OpConverseStream, "Hel", idle},
		{"in mid-stream, with comments", hanging{headers: true, lines: []string{`"delta":{"content":"Hel"}`}, every: time.Second}, bedrock.OpConverseStream, "Hel", idle},
		{"before a whole reply", hanging{}, bedrock.OpConverse, "", whole},
		{"inside a whole reply", hanging{headers: true, lines: []string{"!{\"choices\":"}}, bedrock.OpConverse, "", whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := New(Config{
					BaseURL: "http://server/v1", APIKey: secret, Transport: &c.server, Engine: other,
					FirstByteTimeout: first, IdleTimeout: idle, ReplyTimeout: whole,
				})
				if err != nil {
					t.Fatal(err)
				}
				started := time.Now()
				want(t, do(t.Context(), t, b, c.operation), bedrock.CodeModelTimeout, c.partial)
				if took := time.Since(started); took != c.after {
					t.Errorf("it took %v of the bubble's time, want %v", took, c.after)
				}
			})
		})
	}
}

// A reader that is slow does not count as a server that is.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &hanging{headers: true, lines: []string{`"delta":{"content":"a"}`, `"delta":{"content":"b"}`, `"delta":{},"finish_reason":"stop"`, doneChunk}}
		b, err := New(Config{BaseURL: "http://server/v1", Transport: server, IdleTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := b.Do(t.Context(), converseCall(t, bedrock.OpConverseStream, `{`+hi+`}`))
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Stream.Close()
		n := 0
		for _, err := range reply.Stream.Events() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			time.Sleep(10 * time.Second) // the bubble's
		}
		if n != 6 {
			t.Errorf("%d events arrived, want 6", n)
		}
	})
}

// endless is a server that streams until its client goes, and says when that
// is.
func endless(t *testing.T) (b *Backend, gone <-chan struct{}) {
	t.Helper()
	left := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer once.Do(func() { close(left) })
		_, _ = io.Copy(io.Discard, r.Body)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, chunks(`"delta":{"content":"x"}`)); err != nil {
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return newBackend(t, Config{BaseURL: server.URL + "/v1"}), left
}

func TestStoppingClosesTheConnection(t *testing.T) {
	open := func(t *testing.T, ctx context.Context, b *Backend) *outcrop.Stream {
		t.Helper()
		reply, err := b.Do(ctx, converseCall(t, bedrock.OpConverseStream, `{`+hi+`}`))
		if err != nil {
			t.Fatal(err)
		}
		return reply.Stream
	}
	t.Run("a reader that leaves", func(t *testing.T) {
		b, gone := endless(t)
		for range open(t, t.Context(), b).Events() {
			break
		}
		<-gone
	})
	t.Run("a stream that nobody reads", func(t *testing.T) {
		b, gone := endless(t)
		open(t, t.Context(), b).Close()
		<-gone
	})
	t.Run("closed from another goroutine", func(t *testing.T) {
		b, gone := endless(t)
		stream := open(t, t.Context(), b)
		n := 0
		var last error
		for _, err := range stream.Events() {
			if n++; n == 3 {
				var closing sync.WaitGroup
				closing.Go(func() { stream.Close() })
				closing.Wait()
			}
			last = err
		}
		<-gone
		var e *outcrop.Error
		if !errors.As(last, &e) || e.Retryable || !strings.Contains(string(e.Partial), "x") {
			t.Errorf("the stream ended with %+v", last)
		}
	})
	t.Run("a context that is cancelled", func(t *testing.T) {
		b, gone := endless(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range open(t, ctx, b).Events() {
			cancel()
			last = err
		}
		<-gone
		var e *outcrop.Error
		if !errors.As(last, &e) || !errors.Is(last, context.Canceled) || e.Retryable || e.Partial == nil {
			t.Errorf("the stream ended with %+v", last)
		}
	})
}

func want1(t *testing.T, got, wanted int64, what string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %d, want %d", what, got, wanted)
	}
}

// Replies that were read to their end leave a connection for the next call.
func TestConnectionsAreUsedAgain(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "refuse"):
			http.Error(w, `{"error":{"type":"invalid_request_error"}}`, 400)
		case strings.Contains(string(body), `"stream":true`):
			_, _ = io.WriteString(w, chunks(`"delta":{"content":"x"},"finish_reason":"stop"`, doneChunk))
		default:
			_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", Models: map[string]string{"r": "refuse"}})
	for range 5 {
		for _, operation := range operations {
			if err := do(t.Context(), t, b, operation); err != nil {
				t.Fatal(err)
			}
			refused := converseRequest(t, `{`+hi+`}`)
			refused.ModelID = "r"
			_, err := b.Do(t.Context(), outcrop.NewConverseCall(operation, refused))
			want(t, err, bedrock.CodeValidation, "")
		}
	}
	want1(t, connections.Load(), 1, "connections")
}

func TestLimits(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			for range 100 {
				_, _ = io.WriteString(w, chunks(`"delta":{"content":"`+strings.Repeat("x", 100)+`"}`))
			}
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", MaxReply: 5000})
	want(t, do(t.Context(), t, b, bedrock.OpConverse), bedrock.CodeModelError, "")
	want(t, do(t.Context(), t, b, bedrock.OpConverseStream), bedrock.CodeModelStreamError, "xxx")
	b = newBackend(t, Config{BaseURL: server.URL + "/v1", MaxEvent: 50})
	want(t, do(t.Context(), t, b, bedrock.OpConverseStream), bedrock.CodeModelError, "")
}

// A redirect would carry the prompt and the key elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", APIKey: secret})
	want(t, do(t.Context(), t, b, bedrock.OpConverse), bedrock.CodeServiceUnavailable, "")
	want1(t, elsewhere.Load(), 0, "requests elsewhere")
}

func TestErrorsOfServers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		code   string
	}{
		{"a wrong key", 401, `{"error":{"message":"Incorrect API key provided: ` + secret[:3] + `","type":"invalid_request_error"}}`, bedrock.CodeAccessDenied},
		{"an unknown model, Ollama", 404, `{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error"}}`, bedrock.CodeResourceNotFound},
		{"too long, llama-server", 400, `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}`, bedrock.CodeValidation},
		{"too long, vLLM", 400, `{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}`, bedrock.CodeValidation},
		{"malformed, llama-server", 500, `{"error":{"code":500,"message":"[json.exception.parse_error.101] parse error","type":"server_error"}}`, bedrock.CodeValidation},
		{"loading, llama-server", 503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, bedrock.CodeModelNotReady},
		{"no tools, Ollama", 400, `{"error":{"message":"registry.ollama.ai/library/x does not support tools"}}`, bedrock.CodeValidation},
		{"a bad schema, llama-server", 400, `{"error":{"code":400,"message":"Failed to initialize samplers: failed to parse grammar"}}`, bedrock.CodeValidation},
		{"too fast", 429, `{"error":{"type":"requests","code":"rate_limit_exceeded"}}`, bedrock.CodeThrottling},
		{"no money", 429, `{"error":{"type":"insufficient_quota"}}`, bedrock.CodeServiceQuotaExceeded},
		{"no memory", 500, `{"error":{"message":"CUDA error: out of memory"}}`, bedrock.CodeServiceUnavailable},
		{"a crash", 500, `Internal Server Error`, bedrock.CodeInternalServer},
		{"a gateway", 502, `<html>`, bedrock.CodeServiceUnavailable},
		{"a gateway's patience", 504, ``, bedrock.CodeModelTimeout},
		{"a teapot", 418, ``, bedrock.CodeValidation},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _ := serve(t, c.status, c.body)
			b := newBackend(t, Config{BaseURL: server.URL + "/v1", APIKey: secret})
			for _, operation := range operations {
				want(t, do(t.Context(), t, b, operation), c.code, "")
			}
		})
	}
}

// When to come back, and the server's id of the request, are kept of an error.
func TestErrorsTellWhenToComeBack(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-Request-Id", "req-1")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	b := newBackend(t, Config{BaseURL: s.URL + "/v1"})
	for _, operation := range operations {
		_, err := b.Do(t.Context(), converseCall(t, operation, `{`+hi+`}`))
		if e := outcrop.AsError(err); e.Code != bedrock.CodeThrottling || e.RetryAfter != 7*time.Second || e.RequestID != "req-1" {
			t.Errorf("%s: %+v", operation, e)
		}
	}
}

// What a server says may repeat the prompt, so the message does not repeat
// the server; its name for the error is told.
func TestErrorsRepeatNoPrompt(t *testing.T) {
	e := classify(400, []byte(`{"error":{"message":"cannot parse: my private prompt","type":"invalid_request_error"}}`))
	if strings.Contains(e.Error(), "private") || !strings.Contains(e.Error(), "(invalid_request_error)") {
		t.Errorf("error is %v", e)
	}
	e = classify(400, []byte(`{"error":{"message":"x","type":"my private prompt"}}`))
	if strings.Contains(e.Error(), "private") {
		t.Errorf("error is %v", e)
	}
}

// A server that closes a used connection just as the next request comes into
// it, without a word, as llama-server does after a stream.
func TestConnectionClosedUnderTheNextRequest(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	const reply = `{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`
	serve := func(answers int) error {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for i := 0; ; i++ {
			req, err := http.ReadRequest(in)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return err
			}
			if i == answers {
				return nil // closes
			}
			if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(reply), reply); err != nil {
				return err
			}
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := serve(1); err != nil {
			t.Errorf("the first connection: %v", err)
		}
		_ = serve(1) // ends when the client does
	})
	b := newBackend(t, Config{BaseURL: "http://" + listener.Addr().String() + "/v1"})
	for range 2 {
		if err := do(t.Context(), t, b, bedrock.OpConverse); err != nil {
			t.Errorf("error is %v", err)
		}
	}
	_ = b.Close()
	serving.Wait()
}
