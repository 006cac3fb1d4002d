package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// pipes is a listener in memory. Its connections have no buffers, so a client
// that does not read stalls the server at once, and they keep to the time of a
// synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, errors.New("refused")
	}
}

// bubble is a server on pipes, in a synctest bubble.
type bubble struct {
	*pipes
	cancel func()
	ended  chan struct{}
	err    error // what Serve returned, once it has ended
}

// wait waits for Serve to return.
func (b *bubble) wait() error {
	<-b.ended
	return b.err
}

// serveIn serves on pipes until the bubble's test ends.
func serveIn(t *testing.T, config server.Config) *bubble {
	t.Helper()
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &bubble{pipes: newPipes(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = s.Serve(ctx, b)
	}()
	t.Cleanup(func() {
		cancel()
		_ = b.wait()
	})
	return b
}

// client is an HTTP client of the bubble, of HTTP/1.1 or of HTTP/2.
func (b *bubble) client(t *testing.T, http2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	return client(t, &http.Transport{DialContext: b.dial, Protocols: &protocols})
}

func post(t *testing.T, c *http.Client, path string) *http.Response {
	t.Helper()
	resp, err := c.Post("http://localhost"+path, "application/json", strings.NewReader(converseBody))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// endless streams text for as long as somebody reads, and then says so.
func endless(ended chan<- error) func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
	return func(ctx context.Context, _ *outcrop.Call) (*outcrop.Reply, error) {
		s := outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			text := delta(strings.Repeat("more and more ", 100))
			for ctx.Err() == nil {
				if !yield(bedrock.NewEvent(text), nil) {
					return
				}
			}
			yield(bedrock.Event{}, ctx.Err())
		}, nil)
		s.OnEnd(func(err error) { ended <- err })
		return outcrop.NewStreamReply(outcrop.Meta{}, s), nil
	}
}

// TestSlowReader: a client that stops reading is given up after WriteStall, and
// the stream behind it closed; one that reads slowly is not.
func TestSlowReader(t *testing.T) {
	for name, http2 := range map[string]bool{"h1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 1)
				config := backend(t, endless(ended))
				config.WriteStall = 20 * time.Second
				b := serveIn(t, config)
				resp := post(t, b.client(t, http2), "/model/m/converse-stream")
				buf := make([]byte, 8<<10) // twice what the client's transport reads at once
				for range 20 {             // five minutes in all
					if _, err := io.ReadFull(resp.Body, buf); err != nil {
						t.Fatal(err)
					}
					time.Sleep(15 * time.Second)
				}
				began := time.Now()
				<-ended
				if waited := time.Since(began); waited > 25*time.Second {
					t.Errorf("the stream went on for %v", waited)
				}
				resp.Body.Close()
			})
		})
	}
}

// TestGoneClient: when the client goes away, the work behind it stops.
func TestGoneClient(t *testing.T) {
	for name, http2 := range map[string]bool{"h1": false, "h2c": true} {
		for _, operation := range []string{"converse", "converse-stream"} {
			t.Run(name+" "+operation, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					asked, stopped := make(chan struct{}), make(chan error, 1)
					config := backend(t, func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
						if call.Streams() {
							s := outcrop.NewStream(thenWait(ctx, delta("x")), nil)
							s.OnEnd(func(err error) { stopped <- err })
							close(asked)
							return outcrop.NewStreamReply(outcrop.Meta{}, s), nil
						}
						close(asked)
						<-ctx.Done()
						stopped <- ctx.Err()
						return nil, ctx.Err()
					})
					b := serveIn(t, config)
					ctx, leave := context.WithCancel(t.Context())
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/model/m/"+operation, strings.NewReader(converseBody))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					c := b.client(t, http2)
					go func() {
						if resp, err := c.Do(req); err == nil {
							_, _ = io.Copy(io.Discard, resp.Body)
							resp.Body.Close()
						}
					}()
					<-asked
					synctest.Wait()
					leave()
					if err := <-stopped; err == nil {
						t.Error("the work came to its end")
					}
				})
			})
		}
	}
}

// thenWait is a stream of one event that then waits for its context.
func thenWait(ctx context.Context, event *bedrock.ConverseStreamOutput) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		if yield(bedrock.NewEvent(event), nil) {
			<-ctx.Done()
			yield(bedrock.Event{}, ctx.Err())
		}
	}
}

// TestDrain: requests under way end by themselves within DrainTimeout; those
// that do not get an error, in band where a stream has begun.
func TestDrain(t *testing.T) {
	for name, http2 := range map[string]bool{"h1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := backend(t, func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
					switch {
					case call.ModelID == "quick":
						time.Sleep(9 * time.Second)
						return nil, nil
					case call.Streams():
						return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(thenWait(ctx, delta("x")), nil)), nil
					}
					<-ctx.Done()
					return nil, ctx.Err()
				})
				config.DrainTimeout, config.CloseTimeout = 10*time.Second, time.Second
				b := serveIn(t, config)
				results := make(chan string, 3)
				for _, path := range []string{"/model/quick/converse", "/model/slow/converse", "/model/slow/converse-stream"} {
					c := b.client(t, http2)
					go func() {
						resp, err := c.Post("http://localhost"+path, "application/json", strings.NewReader(converseBody))
						if err != nil {
							results <- path + " " + err.Error()
							return
						}
						defer resp.Body.Close()
						if strings.HasSuffix(path, "stream") {
							results <- path + " " + resp.Status + " " + eventTypes(t, resp.Body)
							return
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						results <- path + " " + resp.Status + " " + resp.Header.Get("X-Amzn-Errortype")
					}()
				}
				synctest.Wait()
				began := time.Now()
				b.cancel()
				got := map[string]bool{<-results: true, <-results: true, <-results: true}
				for _, want := range []string{
					"/model/quick/converse 200 OK ",
					"/model/slow/converse 503 Service Unavailable ServiceUnavailableException",
					"/model/slow/converse-stream 200 OK contentBlockDelta !serviceUnavailableException",
				} {
					if !got[want] {
						t.Errorf("%q is missing in %v", want, got)
					}
				}
				if err := b.wait(); err != nil {
					t.Errorf("Serve: %v", err)
				}
				if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
					t.Errorf("the drain took %v", took)
				}
				if _, err := b.client(t, http2).Get("http://localhost/healthz"); err == nil {
					t.Error("a request was accepted after the end")
				}
			})
		})
	}
}

// TestDrainCutsOff: a back-end that ignores its context does not keep the
// server from ending, and Serve says so.
func TestDrainCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := make(chan struct{})
		config := backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			time.Sleep(time.Hour)
			close(deaf)
			return nil, nil
		})
		b := serveIn(t, config)
		c := b.client(t, false)
		go func() {
			if resp, err := c.Post("http://localhost/model/m/converse", "application/json", strings.NewReader(converseBody)); err == nil {
				resp.Body.Close()
			}
		}()
		synctest.Wait()
		b.cancel()
		if err := b.wait(); err == nil || !strings.Contains(err.Error(), "1 requests were cut off") {
			t.Errorf("Serve: %v", err)
		}
		<-deaf
	})
}

// TestLameDuck: between unready and closed, requests are still answered.
func TestLameDuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := server.Config{Manager: manager(t, &echo{})}
		config.LameDuck = 5 * time.Second
		b := serveIn(t, config)
		c := b.client(t, false)
		ready := func() int { return send(t, c, http.MethodGet, "http://localhost/readyz", "", nil).status }
		if got := ready(); got != 200 {
			t.Errorf("before: %d", got)
		}
		b.cancel()
		synctest.Wait()
		if got := ready(); got != 503 {
			t.Errorf("draining: %d", got)
		}
		if resp := post(t, c, "/model/m/converse"); resp.StatusCode != 200 {
			t.Errorf("a request: %d", resp.StatusCode)
		}
		if err := b.wait(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// TestReadTimeouts: a client that sends its request too slowly is cut off.
func TestReadTimeouts(t *testing.T) {
	for _, tt := range []struct {
		name, sent string
		limit      time.Duration
	}{
		{"headers", "POST /model/m/converse HTTP/1.1\r\nHost: localhost\r\n", 10 * time.Second},
		{"body", "POST /model/m/converse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{", time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := server.Config{Manager: manager(t, &echo{})}
				config.ReadTimeout = time.Minute
				b := serveIn(t, config)
				conn, err := b.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				began := time.Now()
				if _, err := io.WriteString(conn, tt.sent); err != nil {
					t.Fatal(err)
				}
				_, err = http.ReadResponse(bufio.NewReader(conn), nil)
				if waited := time.Since(began); waited < tt.limit || waited > tt.limit+time.Second {
					t.Errorf("%v after %v", err, waited)
				}
			})
		})
	}
}
