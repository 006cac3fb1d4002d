package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/server"
)

// bursts is a stream of words that come in bursts. Before each burst its
// source says that it waits, if it says so at all, and then waits for next.
func bursts(says bool, next <-chan struct{}, all ...string) func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
	return func(ctx context.Context, _ *outcrop.Call) (*outcrop.Reply, error) {
		ctx, cancel := context.WithCancel(ctx)
		var pause outcrop.Pause
		s := outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for i, burst := range all {
				if i > 0 {
					if says {
						pause.Begin()
					}
					select {
					case <-next:
					case <-ctx.Done():
						yield(bedrock.Event{}, ctx.Err())
						return
					}
				}
				for event, err := range converseEvents(ctx, strings.Fields(burst)) {
					if event.Type() == "metadata" && i < len(all)-1 {
						continue
					}
					if !yield(event, err) {
						return
					}
				}
			}
		}, cancel)
		if says {
			s.WithPause(&pause)
		}
		return outcrop.NewStreamReply(outcrop.Meta{}, s), nil
	}
}

// TestEventsAlone: the events of a burst are with the client before the
// source goes on, whether it says that it waits or not: the source goes on
// only when the client has them.
func TestEventsAlone(t *testing.T) {
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprint("says=", says), func(t *testing.T) {
			next := make(chan struct{})
			r := start(t, backend(t, bursts(says, next, "alone", "also", "a whole burst")))
			resp, err := client(t, &http.Transport{}).Post(r.url+"/model/m/converse-stream", "application/json", strings.NewReader(converseBody))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			d := eventstream.NewDecoder(resp.Body)
			var got []string
			for i, burst := range []int{4, 4, 7} { // a start and two ends around the words
				if i > 0 {
					next <- struct{}{}
				}
				for range burst {
					m, err := d.Next()
					if err != nil {
						t.Fatalf("after %v: %v", got, err)
					}
					got = append(got, string(m.EventType()))
				}
			}
			if len(got) != 15 || got[14] != "metadata" {
				t.Errorf("%v", got)
			}
		})
	}
}

// flushes counts what a handler flushes, and fails when told to.
type flushes struct {
	*httptest.ResponseRecorder
	n           int
	fail, abort bool
}

func (f *flushes) FlushError() error {
	f.n++
	if f.abort {
		panic(http.ErrAbortHandler)
	}
	if f.fail {
		return errors.New("the connection is gone")
	}
	return nil
}

// TestBurstsAreCollected: events that come together are flushed together when
// the source says that it waits, and one by one when it does not.
func TestBurstsAreCollected(t *testing.T) {
	for _, tt := range []struct {
		says bool
		want int
	}{{true, 2}, {false, 10 + 4 + 5}} {
		next := make(chan struct{}, 2)
		next <- struct{}{}
		next <- struct{}{}
		w := &flushes{ResponseRecorder: httptest.NewRecorder()}
		ask(t, w, bursts(tt.says, next, "one two three four five six seven", "eight", "nine"))
		if w.n != tt.want || w.Code != 200 {
			t.Errorf("says=%v: %d flushes, want %d", tt.says, w.n, tt.want)
		}
	}
}

// TestFlushFails: a client that cannot be written to stops the source, though
// that waits and sends nothing more.
func TestFlushFails(t *testing.T) {
	w := &flushes{ResponseRecorder: httptest.NewRecorder(), fail: true}
	ask(t, w, bursts(true, nil, "one two", "never"))
	if w.n != 1 {
		t.Errorf("%d flushes", w.n)
	}
}

// TestFlushPanics: the panic of a writer that somebody has put around the
// server's is the request's, and not that of a goroutine which nobody watches.
func TestFlushPanics(t *testing.T) {
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			t.Errorf("the handler's panic is %v", p)
		}
	}()
	ask(t, &flushes{ResponseRecorder: httptest.NewRecorder(), abort: true}, bursts(true, nil, "one two", "never"))
}

// ask has a server's handler stream the events of a back-end.
func ask(t *testing.T, w http.ResponseWriter, do func(context.Context, *outcrop.Call) (*outcrop.Reply, error)) {
	t.Helper()
	s, err := server.New(backend(t, do))
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "http://localhost/model/m/converse-stream", strings.NewReader(converseBody))
	req.Header.Set("Content-Type", "application/json")
	s.Handler().ServeHTTP(w, req)
}
