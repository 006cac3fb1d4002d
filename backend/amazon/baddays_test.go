package amazon_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestNoAnswer: a service that does not answer as it should gives one typed
// error, for whole replies and for streams, before any event.
func TestNoAnswer(t *testing.T) {
	signedIn(t)
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) }) // runs before the servers are closed
	hang := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-quit:
		}
	}
	for _, tt := range []struct {
		name      string
		handler   http.HandlerFunc
		code      string
		retryable bool
		want      string
	}{
		{"hanging before the first byte", hang, bedrock.CodeModelTimeout, true, "within 60ms"},
		{"hanging after the header", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
			w.Header().Set("Content-Length", "100")
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, bedrock.CodeModelTimeout, true, "within 60ms"},
		{"cutting the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, bedrock.CodeServiceUnavailable, true, "cut the connection"},
		{"a page of HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>Sign in</html>")
		}, bedrock.CodeModelError, false, "text/html"},
		{"an empty reply", func(http.ResponseWriter, *http.Request) {}, bedrock.CodeModelError, false, "unknown type"},
		{"a proxy's error page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html>secret of the proxy</html>")
		}, bedrock.CodeServiceUnavailable, true, "answered 502 Bad Gateway"},
		{"a redirection", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, bedrock.CodeServiceUnavailable, true, "answered 307"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := upstream(t, tt.handler)
			b := open(t, s.URL, limits(short))
			for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
				reply, err := b.Do(t.Context(), converseCall(operation, hello))
				if err == nil {
					t.Fatalf("%s: no error, reply %+v", operation, reply)
				}
				e, ok := err.(*outcrop.Error)
				if !ok || e.Code != tt.code || e.Retryable != tt.retryable || !strings.Contains(e.Message, tt.want) {
					t.Errorf("%s: %#v", operation, err)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("the error repeats a foreign page: %v", err)
				}
			}
		})
	}
}

// TestUnreachable: nobody there, or nobody who takes the connection.
func TestUnreachable(t *testing.T) {
	signedIn(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	_, err = open(t, url).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceUnavailable || !e.Retryable || !strings.Contains(e.Message, "cannot be reached") {
		t.Errorf("%+v", e)
	}
}

// TestWrongCertificate: not trusted, and not worth another attempt.
func TestWrongCertificate(t *testing.T) {
	signedIn(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := open(t, s.URL).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceUnavailable || e.Retryable || !strings.Contains(e.Message, "certificate") {
		t.Errorf("%+v", e)
	}
}

// TestBrokenStreams: whatever ends a stream after its first events, the error
// is one, has the request's id, and holds the text that had arrived.
func TestBrokenStreams(t *testing.T) {
	signedIn(t)
	whole := helloFrames()
	two := whole[:2]
	damaged := append([]byte(nil), whole[2]...)
	damaged[len(damaged)-6] ^= 1
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	for _, tt := range []struct {
		name    string
		after   func(w http.ResponseWriter, r *http.Request)
		code    string
		message string
	}{
		{"hanging", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-quit:
			}
		}, bedrock.CodeModelStreamError, "sent nothing more within 60ms"},
		{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, bedrock.CodeModelStreamError, "broke off"},
		{"ended early", func(http.ResponseWriter, *http.Request) {}, bedrock.CodeModelStreamError, "before its metadata event"},
		{"cut inside a frame, the connection closed well", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, whole[2][:20])
		}, bedrock.CodeModelStreamError, "broke off"},
		{"broken JSON", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"lo."`))
		}, bedrock.CodeModelStreamError, "not valid JSON"},
		{"a damaged frame", func(w http.ResponseWriter, _ *http.Request) { sendFrames(w, damaged) }, bedrock.CodeModelStreamError, "checksum"},
		{"no frame at all", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, []byte("data: {\"choices\":[]}\n\n"))
		}, bedrock.CodeModelStreamError, "checksum"},
		{"throttled in band", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, exception("throttlingException", `{"message":"Too many tokens"}`))
		}, bedrock.CodeThrottling, "Too many tokens"},
		{"a failed model", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, exception("modelStreamErrorException", `{"message":"it broke","originalStatusCode":500,"originalMessage":"x"}`))
		}, bedrock.CodeModelStreamError, "it broke"},
		{"an exception of a newer service", func(w http.ResponseWriter, _ *http.Request) {
			sendFrames(w, exception("moonPhaseException", `{"message":"full"}`))
		}, bedrock.CodeModelStreamError, "MoonPhaseException: full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				sendFrames(w, two...)
				tt.after(w, r)
			})
			reply, err := open(t, s.URL, limits(shortPauses)).Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
			if err != nil {
				t.Fatal(err)
			}
			_, n, err := collect(t, reply.Stream)
			e, ok := err.(*outcrop.Error)
			if !ok || e.Code != tt.code || !strings.Contains(e.Message, tt.message) {
				t.Fatalf("%#v", err)
			}
			if n != 2 || partialText(t, e) != "Hel" {
				t.Errorf("%d events, partial %s", n, e.Partial)
			}
			if e.RequestID != "upstream-id" {
				t.Errorf("request id %q", e.RequestID)
			}
		})
	}
}

// TestRefusedInBand: an exception before the first event is Do's error, so
// that it can be tried again.
func TestRefusedInBand(t *testing.T) {
	signedIn(t)
	s := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		sendFrames(w, exception("throttlingException", `{"message":"Too many requests"}`))
	})
	for _, operation := range []string{bedrock.OpConverseStream, bedrock.OpInvokeModelWithResponseStream} {
		_, err := open(t, s.URL).Do(t.Context(), converseCall(operation, hello))
		if e := outcrop.AsError(err); e.Code != bedrock.CodeThrottling || !e.Retryable || e.RequestID != "upstream-id" {
			t.Errorf("%s: %+v", operation, e)
		}
	}
}

// TestReaderStops: a reader that stops reading holds the stream up and does
// not break it, however long; and Close from elsewhere frees everything.
func TestReaderStops(t *testing.T) {
	signedIn(t)
	gone := make(chan struct{})
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		for r.Context().Err() == nil {
			sendFrames(w, helloFrames()[1])
		}
	})
	b := open(t, s.URL, limits(shortPauses))
	reply, err := b.Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
	if err != nil {
		t.Fatal(err)
	}
	stalled := time.After(3 * short.Idle)
	n := 0
	var last error
	for _, err := range reply.Stream.Events() {
		if n++; n == 2 {
			<-stalled // the limit of a pause is over, and was not ours to keep
		}
		if n == 5 {
			go reply.Stream.Close()
		}
		last = err
	}
	<-gone
	e := outcrop.AsError(last)
	if last == nil || n < 5 || e.Code != bedrock.CodeModelTimeout || !strings.Contains(e.Message, "cancelled") {
		t.Errorf("%d events, then %v", n, last)
	}
	if !strings.HasPrefix(partialText(t, e), "HelHel") {
		t.Errorf("partial %s", e.Partial)
	}
}

// TestCallerLeaves: the caller's own context ends the request at the service.
func TestCallerLeaves(t *testing.T) {
	signedIn(t)
	arrived, gone := make(chan struct{}), make(chan struct{})
	s := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := open(t, s.URL).Do(ctx, converseCall(bedrock.OpConverse, hello))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeModelTimeout || e.Retryable {
		t.Errorf("%+v", e)
	}
	<-gone
}

// TestCauseIsShared: whoever ends calls with a cause finds it as it was, however
// many calls it ended.
func TestCauseIsShared(t *testing.T) {
	signedIn(t)
	arrived := make(chan struct{})
	b := open(t, "", func(c *amazon.Config) {
		c.Transport = transport(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"X-Amzn-Requestid": {"id-of-one"}}
			return &http.Response{StatusCode: http.StatusOK, Header: header, ContentLength: 100, Body: &hanging{r.Context(), arrived}}, nil
		})
	})
	cause := outcrop.Errorf(bedrock.CodeServiceUnavailable, "no longer")
	ctx, cancel := context.WithCancelCause(t.Context())
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			_, err := b.Do(ctx, converseCall(bedrock.OpConverse, hello))
			if e := outcrop.AsError(err); e.Message != cause.Message || e.RequestID != "id-of-one" {
				t.Errorf("%+v", e)
			}
		})
		<-arrived
	}
	cancel(cause)
	calls.Wait()
	if cause.RequestID != "" {
		t.Errorf("the cause has become %+v", cause)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// hanging is a body of which nothing comes.
type hanging struct {
	ctx     context.Context
	arrived chan<- struct{} // told of the first Read
}

func (h *hanging) Read([]byte) (int, error) {
	h.arrived <- struct{}{}
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func (h *hanging) Close() error { return nil }

// TestUnread: a stream that nobody reads is freed by Close.
func TestUnread(t *testing.T) {
	signedIn(t)
	gone := make(chan struct{})
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		sendFrames(w, helloFrames()[0])
		<-r.Context().Done()
		close(gone)
	})
	reply, err := open(t, s.URL).Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
	if err != nil {
		t.Fatal(err)
	}
	reply.Stream.Close()
	reply.Stream.Close()
	<-gone
}

// TestLinger: a stream whose last event has come is complete, even when the
// service does not close it, or closes it badly.
func TestLinger(t *testing.T) {
	signedIn(t)
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	for name, after := range map[string]func(*http.Request){
		"left open": func(r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-quit:
			}
		},
		"cut off": func(*http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
				sendFrames(w, helloFrames()...)
				after(r)
			})
			reply, err := open(t, s.URL, limits(shortPauses)).Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
			if err != nil {
				t.Fatal(err)
			}
			if _, n, err := collect(t, reply.Stream); err != nil || n != len(helloFrames()) {
				t.Errorf("%d events, error %v", n, err)
			}
		})
	}
}

// TestTooLarge: a reply beyond the limit is refused, whether it says its
// length or not.
func TestTooLarge(t *testing.T) {
	signedIn(t)
	for _, announced := range []bool{true, false} {
		s := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			body := []byte(`{"text":"` + strings.Repeat("x", 2000) + `"}`)
			if announced {
				w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			} else {
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = w.Write(body)
		})
		_, err := open(t, s.URL, limits(amazon.Limits{MaxReply: 1000})).Do(t.Context(), converseCall(bedrock.OpConverse, hello))
		if e := outcrop.AsError(err); e.Code != bedrock.CodeModelError || !strings.Contains(e.Message, "MaxReply") {
			t.Errorf("announced %v: %+v", announced, e)
		}
	}
}

// TestHTTP2: over TLS with a trusted certificate the connection is HTTP/2, and
// a hanging stream ends there as well.
func TestHTTP2(t *testing.T) {
	signedIn(t)
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	s := httptest.NewUnstartedServer(readFirst(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("the protocol is %s", r.Proto)
		}
		sendFrames(w, helloFrames()[:2]...)
		select {
		case <-r.Context().Done():
		case <-quit:
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	t.Setenv("AWS_CA_BUNDLE", certificateFile(t, s.TLS.Certificates[0]))
	reply, err := open(t, s.URL, limits(shortPauses)).Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
	if err != nil {
		t.Fatal(err)
	}
	_, n, err := collect(t, reply.Stream)
	if e := outcrop.AsError(err); n != 2 || e.Code != bedrock.CodeModelStreamError || partialText(t, e) != "Hel" {
		t.Errorf("%d events, %+v", n, e)
	}
}
