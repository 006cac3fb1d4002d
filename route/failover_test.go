package route_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func failing(code string) func(*outcrop.Call) (*outcrop.Reply, error) {
	return func(*outcrop.Call) (*outcrop.Reply, error) { return nil, outcrop.Errorf(code, "no") }
}

// pair is two back-ends, the second asked when the first fails.
func pair(t *testing.T, first, second *fake, c *clock) *route.Router {
	t.Helper()
	return newRouter(t, route.Config{
		Backends: map[string]route.Backend{"one": {Backend: first}, "two": {Backend: second}},
		Routes:   []route.Route{{Match: "m", Targets: []route.Target{{Backend: "one"}, {Backend: "two", Name: "n"}}}},
		Breaker:  route.Breaker{Failures: 3, Open: 10 * time.Second, MaxOpen: 25 * time.Second},
		Now:      c.Now,
	})
}

func TestFailover(t *testing.T) {
	for code, asked := range map[string]bool{
		bedrock.CodeServiceUnavailable: true, bedrock.CodeThrottling: true, bedrock.CodeInternalServer: true, bedrock.CodeModelTimeout: true,
		bedrock.CodeModelNotReady: true, bedrock.CodeValidation: false, bedrock.CodeAccessDenied: false, bedrock.CodeModelError: false,
	} {
		one, two := &fake{answer: failing(code)}, &fake{}
		reply, err := pair(t, one, two, &clock{}).Do(context.Background(), converse("m"))
		if !asked {
			if outcrop.AsError(err).Code != code || len(two.calls) != 0 {
				t.Errorf("%s: %v, and %d calls elsewhere", code, err, len(two.calls))
			}
			continue
		}
		if err != nil || reply.Meta.Backend != "two" || reply.Meta.Attempts != 2 || two.calls[0].ModelID != "n" {
			t.Errorf("%s: %+v, %v", code, reply, err)
		}
	}
	one, two := &fake{answer: failing(bedrock.CodeThrottling)}, &fake{answer: failing(bedrock.CodeServiceUnavailable)}
	if _, err := pair(t, one, two, &clock{}).Do(context.Background(), converse("m")); outcrop.AsError(err).Code != bedrock.CodeServiceUnavailable {
		t.Errorf("both fail: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	gone := &fake{answer: func(*outcrop.Call) (*outcrop.Reply, error) {
		cancel()
		return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "no")
	}}
	other := &fake{}
	if _, err := pair(t, gone, other, &clock{}).Do(ctx, converse("m")); err == nil || len(other.calls) > 0 {
		t.Errorf("the caller is gone: %v, %d calls elsewhere", err, len(other.calls))
	}
}

// TestCircuit walks closed, open, half-open, open for longer, half-open,
// closed.
func TestCircuit(t *testing.T) {
	c := &clock{now: time.Unix(1000, 0)}
	one, two := &fake{answer: failing(bedrock.CodeServiceUnavailable)}, &fake{}
	r := pair(t, one, two, c)
	ask := func(step string, wantOne int) {
		t.Helper()
		before := len(one.calls)
		if _, err := r.Do(context.Background(), converse("m")); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if got := len(one.calls) - before; got != wantOne {
			t.Errorf("%s: the first was asked %d times, want %d", step, got, wantOne)
		}
	}
	for range 3 {
		ask("closed", 1)
	}
	ask("open", 0)
	c.now = c.now.Add(10*time.Second - 1)
	ask("still open", 0)
	c.now = c.now.Add(1)
	ask("half-open", 1)
	c.now = c.now.Add(20*time.Second - 1)
	ask("open for twice as long", 0)
	c.now = c.now.Add(1)
	ask("half-open", 1)
	c.now = c.now.Add(25*time.Second - 1)
	ask("open for the longest time", 0)
	c.now = c.now.Add(1)
	one.answer = nil
	ask("half-open", 1)
	ask("closed", 1)
	one.answer = failing(bedrock.CodeServiceUnavailable)
	ask("one failure", 1)
	ask("two failures", 1)
	one.answer = failing(bedrock.CodeThrottling)
	ask("throttling is an answer", 1)
	one.answer = failing(bedrock.CodeServiceUnavailable)
	for range 3 {
		ask("counted from the start", 1)
	}
	ask("open", 0)
	two.answer = failing(bedrock.CodeServiceUnavailable)
	for range 3 {
		_, _ = r.Do(context.Background(), converse("m"))
	}
	before := len(one.calls)
	if _, err := r.Do(context.Background(), converse("m")); err == nil || len(one.calls) != before+1 {
		t.Errorf("all are open: the first is asked all the same: %v, %d calls", err, len(one.calls)-before)
	}
}

// TestCircuitOutlivesPanics: a back-end that panics while it is tried has failed,
// and is tried again later.
func TestCircuitOutlivesPanics(t *testing.T) {
	c := &clock{now: time.Unix(1000, 0)}
	one, two := &fake{answer: failing(bedrock.CodeServiceUnavailable)}, &fake{}
	r := pair(t, one, two, c)
	ask := func() (panicked any) {
		defer func() { panicked = recover() }()
		if _, err := r.Do(context.Background(), converse("m")); err != nil {
			t.Error(err)
		}
		return nil
	}
	for range 3 {
		ask()
	}
	c.now = c.now.Add(10 * time.Second)
	one.answer = func(*outcrop.Call) (*outcrop.Reply, error) { panic("a bug") }
	if p := ask(); p != "a bug" {
		t.Fatalf("half-open: panicked with %v", p)
	}
	ask()
	if len(one.calls) != 4 {
		t.Errorf("open again, and asked %d times", len(one.calls))
	}
	c.now = c.now.Add(20 * time.Second)
	one.answer = nil
	ask()
	if len(one.calls) != 5 {
		t.Errorf("half-open again, and asked %d times, want 5", len(one.calls))
	}
}

// streaming answers with events, then perhaps an error.
func streaming(events int, err error) func(*outcrop.Call) (*outcrop.Reply, error) {
	return func(*outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for range events {
				if !yield(bedrock.NewChunk([]byte("{}")), nil) {
					return
				}
			}
			if err != nil {
				yield(bedrock.Event{}, err)
			}
		}, nil)), nil
	}
}

func streamCall() *outcrop.Call {
	return outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, "m", []byte(body))
}

func read(s *outcrop.Stream) (n int, last error) {
	for _, err := range s.Events() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// TestStreams: a stream that fails before its first event is answered by the
// next lane; one that fails later is not.
func TestStreams(t *testing.T) {
	down := outcrop.Errorf(bedrock.CodeServiceUnavailable, "no")
	for _, tt := range []struct {
		name    string
		one     func(*outcrop.Call) (*outcrop.Reply, error)
		backend string
		events  int
		fails   bool
	}{
		{"whole", streaming(3, nil), "one", 3, false},
		{"empty", streaming(0, nil), "one", 0, false},
		{"fails at once", streaming(0, down), "two", 5, false},
		{"fails later", streaming(2, down), "one", 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			two := &fake{answer: streaming(5, nil)}
			r := newRouter(t, route.Config{
				Backends: map[string]route.Backend{"one": {Backend: &fake{answer: tt.one}}, "two": {Backend: two, Native: true}},
				Routes:   []route.Route{{Match: "m", Targets: []route.Target{{Backend: "one"}, {Backend: "two"}}}},
			})
			reply, err := r.Do(context.Background(), streamCall())
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Stream.Close()
			n, err := read(reply.Stream)
			if reply.Meta.Backend != tt.backend || n != tt.events || (err != nil) != tt.fails {
				t.Errorf("%s: %d events, %v", reply.Meta.Backend, n, err)
			}
		})
	}
}

// TestStreamsEnd: however a stream is left, what is behind it is closed, once;
// goleak finds a reader that is left behind.
func TestStreamsEnd(t *testing.T) {
	for name, leave := range map[string]func(*outcrop.Stream){
		"closed unread": func(s *outcrop.Stream) { s.Close(); s.Close() },
		"left early": func(s *outcrop.Stream) {
			for range s.Events() {
				break
			}
			s.Close()
		},
		"read": func(s *outcrop.Stream) { _, _ = read(s); s.Close() },
	} {
		ended := 0
		one := &fake{answer: func(call *outcrop.Call) (*outcrop.Reply, error) {
			reply, err := streaming(3, nil)(call)
			reply.Stream.OnEnd(func(error) { ended++ })
			return reply, err
		}}
		reply, err := pair(t, one, &fake{}, &clock{}).Do(context.Background(), streamCall())
		if err != nil {
			t.Fatal(err)
		}
		leave(reply.Stream)
		if ended != 1 {
			t.Errorf("%s: ended %d times", name, ended)
		}
	}
}

// TestStreamsCount: streams that break off open the circuit; those that their
// reader leaves do not.
func TestStreamsCount(t *testing.T) {
	c := &clock{now: time.Unix(1000, 0)}
	one, two := &fake{}, &fake{answer: streaming(1, nil)}
	r := pair(t, one, two, c)
	run := func(answer func(*outcrop.Call) (*outcrop.Reply, error), whole bool) string {
		t.Helper()
		one.answer = answer
		reply, err := r.Do(context.Background(), streamCall())
		if err != nil {
			t.Fatal(err)
		}
		if whole {
			_, _ = read(reply.Stream)
		}
		reply.Stream.Close()
		return reply.Meta.Backend
	}
	down := outcrop.Errorf(bedrock.CodeServiceUnavailable, "no")
	run(streaming(1, down), true)
	run(streaming(1, down), true)
	run(streaming(1, nil), false)
	if by := run(streaming(1, down), true); by != "one" {
		t.Errorf("the third is answered by %s", by)
	}
	if by := run(streaming(1, nil), true); by != "two" {
		t.Errorf("open, and answered by %s", by)
	}
	c.now = c.now.Add(10 * time.Second)
	if by := run(streaming(1, nil), false); by != "one" {
		t.Errorf("half-open, and answered by %s", by)
	}
	if by := run(streaming(1, nil), true); by != "one" {
		t.Errorf("a reader who leaves decides nothing; answered by %s", by)
	}
}
