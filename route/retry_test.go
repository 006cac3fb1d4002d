package route_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/route"
)

// script is a Backend that fails as it is told and then answers. It notes when
// it was asked.
type script struct {
	errs  []error
	asked []time.Duration // since begun
	begun time.Time
	takes time.Duration // what each attempt takes
}

func (s *script) Do(ctx context.Context, _ *outcrop.Call) (*outcrop.Reply, error) {
	s.asked = append(s.asked, time.Since(s.begun))
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, outcrop.AsError(ctx.Err())
	}
	if n := len(s.asked); n <= len(s.errs) {
		return nil, s.errs[n-1]
	}
	return outcrop.NewReply(outcrop.Meta{}, []byte(`{}`)), nil
}

func fail(code string) error { return outcrop.Errorf(code, "because of %s", code) }

func times(n int, err error) []error {
	var list []error
	for range n {
		list = append(list, err)
	}
	return list
}

var call = outcrop.NewInvokeCall(bedrock.OpInvokeModel, "m", []byte(`{}`))

// TestRetry: when the back-end is asked, and what comes of it. Randomness is
// fixed at a half, so that waits are 250 ms, 500 ms, 1 s, 2 s, …
func TestRetry(t *testing.T) {
	after := outcrop.Errorf(bedrock.CodeThrottling, "later")
	after.RetryAfter = 10 * time.Second
	half := outcrop.Errorf(bedrock.CodeServiceUnavailable, "cut")
	half.Partial = bedrock.Document(`{}`)
	inVain := outcrop.Errorf(bedrock.CodeThrottling, "the queue")
	inVain.Cause = waited{errors.New("too late")}
	tooLate := outcrop.Errorf(bedrock.CodeThrottling, "the queue")
	tooLate.RetryAfter, tooLate.Cause = 10*time.Second, late{errors.New("its turn is in ten seconds")}
	for _, tt := range []struct {
		name    string
		errs    []error
		takes   time.Duration
		config  route.RetryConfig
		timeout time.Duration // of the caller
		asked   string
		code    string // of the error; "" when there is a reply
	}{
		{name: "no error", asked: "[0s]"},
		{name: "throttled twice", errs: times(2, fail(bedrock.CodeThrottling)), asked: "[0s 250ms 750ms]"},
		{name: "not ready", errs: times(1, fail(bedrock.CodeModelNotReady)), asked: "[0s 250ms]"},
		{name: "unavailable for ever", errs: times(9, fail(bedrock.CodeServiceUnavailable)), asked: "[0s 250ms 750ms 1.75s]", code: bedrock.CodeServiceUnavailable},
		{name: "internal error", errs: times(1, fail(bedrock.CodeInternalServer)), asked: "[0s 250ms]"},
		{name: "a timeout once", errs: times(1, fail(bedrock.CodeModelTimeout)), asked: "[0s 250ms]"},
		{name: "timeouts", errs: times(9, fail(bedrock.CodeModelTimeout)), asked: "[0s 250ms]", code: bedrock.CodeModelTimeout},
		{name: "bad request", errs: times(1, fail(bedrock.CodeValidation)), asked: "[0s]", code: bedrock.CodeValidation},
		{name: "quota for ever", errs: times(1, fail(bedrock.CodeServiceQuotaExceeded)), asked: "[0s]", code: bedrock.CodeServiceQuotaExceeded},
		{name: "the model failed", errs: times(1, fail(bedrock.CodeModelError)), asked: "[0s]", code: bedrock.CodeModelError},
		{name: "a part had arrived", errs: times(1, half), asked: "[0s]", code: bedrock.CodeServiceUnavailable},
		{name: "a foreign error", errs: times(1, errors.New("boom")), asked: "[0s 250ms]"},
		{name: "told when", errs: times(1, after), asked: "[0s 10.25s]"},
		{name: "told when, too late for the budget", errs: times(1, after), config: route.RetryConfig{Budget: 10 * time.Second}, asked: "[0s]", code: bedrock.CodeThrottling},
		{name: "told when, too late for the caller", errs: times(1, after), timeout: 10 * time.Second, asked: "[0s]", code: bedrock.CodeThrottling},
		{name: "the budget", errs: times(9, fail(bedrock.CodeThrottling)), takes: 3 * time.Second, config: route.RetryConfig{Budget: 7 * time.Second, Attempts: 9}, asked: "[0s 3.25s 6.75s]", code: bedrock.CodeThrottling},
		{name: "no budget, and the cap", errs: times(7, fail(bedrock.CodeThrottling)), config: route.RetryConfig{Budget: -1, Attempts: 8, Cap: time.Second}, asked: "[0s 250ms 750ms 1.25s 1.75s 2.25s 2.75s 3.25s]"},
		{name: "waited in vain", errs: times(1, inVain), asked: "[0s]", code: bedrock.CodeThrottling},
		{name: "would have waited in vain", errs: times(1, tooLate), asked: "[0s]", code: bedrock.CodeThrottling},
		{name: "one attempt", errs: times(1, fail(bedrock.CodeThrottling)), config: route.RetryConfig{Attempts: 1}, asked: "[0s]", code: bedrock.CodeThrottling},
		{name: "the caller's time is over", takes: time.Minute, timeout: time.Second, asked: "[0s]", code: bedrock.CodeModelTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				s := &script{errs: tt.errs, takes: tt.takes, begun: time.Now()}
				tt.config.Random = func() float64 { return 0.5 }
				reply, err := route.NewRetry(s, tt.config).Do(ctx, call)
				if got := fmt.Sprint(s.asked); got != tt.asked {
					t.Errorf("asked at %s, want %s", got, tt.asked)
				}
				switch {
				case tt.code != "":
					if err == nil || outcrop.AsError(err).Code != tt.code {
						t.Errorf("error %v, want %s", err, tt.code)
					} else if e := outcrop.AsError(err); e.Attempts != len(s.asked) || e.MaxAttempts == 0 {
						t.Errorf("%d of %d attempts in the error, %d made", e.Attempts, e.MaxAttempts, len(s.asked))
					}
				case err != nil:
					t.Error(err)
				case reply.Meta.Attempts != len(s.asked) || reply.Meta.MaxAttempts < reply.Meta.Attempts:
					t.Errorf("%d attempts in Meta, %d made", reply.Meta.Attempts, len(s.asked))
				}
			})
		})
	}
}

// waited is the cause of a refusal by a queue.
type waited struct{ error }

func (waited) Waited() bool { return true }

// late is the cause of a refusal by a queue that knows its turns.
type late struct{ error }

func (late) Late() bool { return true }

// TestNeverAfterTheFirstEvent: an error within a stream is the caller's.
func TestNeverAfterTheFirstEvent(t *testing.T) {
	asked := 0
	r := route.NewRetry(outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		asked++
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			if yield(bedrock.NewChunk([]byte(`{}`)), nil) {
				yield(bedrock.Event{}, fail(bedrock.CodeThrottling))
			}
		}, nil)), nil
	}), route.RetryConfig{})
	reply, err := r.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var last error
	for _, err := range reply.Stream.Events() {
		last = err
	}
	if asked != 1 || outcrop.AsError(last).Code != bedrock.CodeThrottling {
		t.Errorf("asked %d times, error %v", asked, last)
	}
}

// TestLeavesWhileWaiting: the caller's end interrupts a wait, and the error is
// the one that was waited for to pass.
func TestLeavesWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		s := &script{errs: times(9, fail(bedrock.CodeThrottling)), begun: time.Now()}
		_, err := route.NewRetry(s, route.RetryConfig{Random: func() float64 { return 0.99 }}).Do(ctx, call)
		if len(s.asked) != 1 || outcrop.AsError(err).Code != bedrock.CodeThrottling || time.Since(s.begun) != 100*time.Millisecond {
			t.Errorf("asked %v, error %v, after %v", s.asked, err, time.Since(s.begun))
		}
	})
}

// counts is a back-end that counts, at the second time of asking.
type counts struct {
	outcrop.Backend
	asked int
}

func (c *counts) CountTokens(context.Context, *outcrop.Call) (outcrop.TokenCount, error) {
	if c.asked++; c.asked == 1 {
		return outcrop.TokenCount{}, fail(bedrock.CodeThrottling)
	}
	return outcrop.TokenCount{InputTokens: 5}, nil
}

func TestCountTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count, err := route.NewRetry(&counts{}, route.RetryConfig{}).CountTokens(t.Context(), call)
		if err != nil || count.InputTokens != 5 {
			t.Errorf("%+v, %v", count, err)
		}
	})
	if _, err := route.NewRetry(&script{}, route.RetryConfig{}).CountTokens(t.Context(), call); outcrop.AsError(err).Code != bedrock.CodeValidation {
		t.Errorf("a back-end that does not count: %v", err)
	}
}

// TestBudgetCountsFailover: each back-end that is asked counts, wherever it
// stands, and no round goes past the budget: three lanes are asked four times,
// not six.
func TestBudgetCountsFailover(t *testing.T) {
	lanes := map[string]*fake{"one": {}, "two": {}, "three": {}}
	config := route.Config{Backends: map[string]route.Backend{}}
	var targets []route.Target
	for _, name := range []string{"one", "two", "three"} {
		lanes[name].answer = failing(bedrock.CodeThrottling)
		config.Backends[name] = route.Backend{Backend: lanes[name]}
		targets = append(targets, route.Target{Backend: name})
	}
	config.Routes = []route.Route{{Match: "*", Targets: targets}}
	router, err := route.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for attempts, want := range map[int][3]int{0: {2, 1, 1}, 1: {1, 0, 0}, 2: {1, 1, 0}, 5: {2, 2, 1}, 6: {2, 2, 2}} {
		for _, lane := range lanes {
			lane.calls = nil
		}
		retry := route.NewRetry(router, route.RetryConfig{Attempts: attempts, Sleep: func(context.Context, time.Duration) error { return nil }})
		_, err := retry.Do(t.Context(), converse("m"))
		got := [3]int{len(lanes["one"].calls), len(lanes["two"].calls), len(lanes["three"].calls)}
		budget := attempts
		if budget == 0 {
			budget = route.DefaultAttempts
		}
		if e := outcrop.AsError(err); got != want || e.Attempts != budget || e.MaxAttempts != budget {
			t.Errorf("%d attempts: %v calls, want %v; the error tells of %d of %d", attempts, got, want, e.Attempts, e.MaxAttempts)
		}
	}
}
