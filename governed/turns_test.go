package governed_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

// engine has a number of slots, and lets calls wait in the order of arrival. It
// notes what was there when a call came.
type engine struct {
	slots   chan struct{}
	service time.Duration

	mu     sync.Mutex
	here   int
	came   []outcrop.Class // of each call, in the order of arrival
	behind []int           // for each interactive call, those that wait for a slot before it
}

func (e *engine) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	e.mu.Lock()
	if call.Class == outcrop.Interactive {
		e.behind = append(e.behind, max(0, e.here-cap(e.slots)))
	}
	e.came = append(e.came, call.Class)
	service := e.service + time.Duration(len(e.came))*time.Microsecond // no two end at once
	e.here++
	e.mu.Unlock()
	e.slots <- struct{}{}
	time.Sleep(service)
	<-e.slots
	e.mu.Lock()
	e.here--
	e.mu.Unlock()
	return outcrop.NewConverseReply(outcrop.Meta{}, response("ho", usage(1, 1), bedrock.StopReasonEndTurn)), nil
}

// now is how many calls are there.
func (e *engine) now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.here
}

func (e *engine) calls() []outcrop.Class {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.came)
}

func (e *engine) waits() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.behind)
}

func takeTurns(t *testing.T, next outcrop.Backend, c governed.TurnsConfig) outcrop.Backend {
	t.Helper()
	b, closer, err := governed.TakeTurns(next, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return b
}

// crowd keeps so many calls of a job at a back-end until the context ends.
func crowd(ctx context.Context, b outcrop.Backend, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				call := ask(bedrock.OpConverse, fmt.Sprint("record ", i), 9)
				call.Class = outcrop.Batch
				_, _ = b.Do(ctx, call)
			}
		})
	}
	return &wg
}

// TestInteractiveCallsPassWaitingRecords: where a back-end is bounded, whatever
// its models, an interactive call is the next that it gets, though a job's
// records came first; but for one record in twenty, so that no job starves.
func TestInteractiveCallsPassWaitingRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{slots: make(chan struct{}, 3), service: time.Second}
		b := takeTurns(t, e, governed.TurnsConfig{Concurrent: 3})
		ctx, stop := context.WithCancel(t.Context())
		records := crowd(ctx, b, 20)
		passed := 0
		for range 100 {
			time.Sleep(700 * time.Millisecond)
			synctest.Wait()
			before := len(e.calls())
			if before > 3 && e.now() != 3 {
				t.Fatalf("%d calls are there, want 3", e.now())
			}
			if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9)); err != nil {
				t.Fatal(err)
			}
			first := slices.Index(e.calls()[before:], outcrop.Interactive)
			if passed += first; first > 1 {
				t.Errorf("%d records went before an interactive call that waited", first)
			}
		}
		if passed > 6 {
			t.Errorf("%d of 100 interactive calls waited for a record that came later or before; want one in twenty", passed)
		}
		stop()
		records.Wait()
		if most := slices.Max(e.waits()); most > 0 {
			t.Errorf("an interactive call came behind %d", most)
		}
	})
}

// TestRecordsYield: where nobody has said how much a back-end takes at once,
// interactive calls come behind a job's records at first, and then behind one at
// the most, while the job keeps the back-end full; without interactive calls,
// all of the job's calls go there.
func TestRecordsYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{slots: make(chan struct{}, 4), service: time.Second}
		b := governed.Yield(e)
		ctx, stop := context.WithCancel(t.Context())
		records := crowd(ctx, b, 32)
		for range 200 {
			time.Sleep(1300 * time.Millisecond)
			_, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9))
		}
		if first := e.waits()[0]; first < 20 {
			t.Errorf("the first call came behind %d: the job had not filled the back-end", first)
		}
		for i, n := range e.waits()[50:] {
			if n > 1 {
				t.Errorf("call %d came behind %d that waited", 50+i, n)
			}
		}
		synctest.Wait()
		if e.now() < 4 {
			t.Errorf("%d calls are there; it takes 4", e.now())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if e.now() != 32 {
			t.Errorf("a minute after the last interactive call, %d records are there, want all of 32", e.now())
		}
		stop()
		records.Wait()
	})
}

// TestRecordsYieldToALongCall: they do as long as an interactive call is under
// way, however long it takes.
func TestRecordsYieldToALongCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{slots: make(chan struct{}, 4), service: time.Second}
		b := governed.Yield(outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			if call.Class == outcrop.Interactive {
				time.Sleep(10 * time.Minute)
			}
			return e.Do(ctx, call)
		}))
		ctx, stop := context.WithCancel(t.Context())
		records := crowd(ctx, b, 32)
		var long sync.WaitGroup
		long.Go(func() { _, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9)) })
		time.Sleep(9 * time.Minute)
		if e.now() > 5 {
			t.Errorf("%d records are at an engine that takes 4 calls", e.now())
		}
		long.Wait()
		stop()
		records.Wait()
	})
}

// TestRecordsGoOnWhenItIsQuiet: those that wait go on half a minute after the last
// interactive call, however long those that are under way take; the reports tell
// how many wait and since when, and their replies for how long.
func TestRecordsGoOnWhenItIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{slots: make(chan struct{}, 4), service: time.Second}
		var slow atomic.Bool
		b := governed.Yield(outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			if call.Class == outcrop.Batch && slow.Load() {
				time.Sleep(10 * time.Minute)
			}
			return e.Do(ctx, call)
		}))
		ctx, stop := context.WithCancel(t.Context())
		records := crowd(ctx, b, 32)
		for range 50 {
			time.Sleep(1300 * time.Millisecond)
			_, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9))
		}
		slow.Store(true)
		var late sync.WaitGroup
		var queued string
		late.Go(func() {
			call := ask(bedrock.OpConverse, "the last record", 9)
			call.Class = outcrop.Batch
			reply, err := b.Do(t.Context(), call)
			if err != nil {
				t.Error(err)
				return
			}
			queued = reply.Meta.Header[governed.HeaderQueued]
		})
		time.Sleep(29 * time.Second)
		q := b.(governed.Queue).Queue()
		if q.Inflight > 8 || q.Queued.Batch != 33-q.Inflight || q.LongestMs < 29_000 || q.LongestMs > 40_000 {
			t.Errorf("shortly before it is quiet: %+v", q)
		}
		time.Sleep(2 * time.Second)
		if q := b.(governed.Queue).Queue(); q.Inflight != 33 || q.Queued.Batch != 0 || q.LongestMs != 0 {
			t.Errorf("when it is quiet: %+v", q)
		}
		stop()
		late.Wait()
		records.Wait()
		if queued != "30000" {
			t.Errorf("the last record's reply says that it waited %q", queued)
		}
	})
}

// TestPlacesComeBack: whatever ends a call, its place is free again, and so is
// the reservation of a quota: a reply, an error, a panic, a stream's end, and a
// caller that leaves while it waits.
func TestPlacesComeBack(t *testing.T) {
	answers := map[string]outcrop.BackendFunc{
		"a reply":  says("ho", usage(1, 1), 0),
		"an error": fails(bedrock.CodeModelError, "no"),
		"a panic":  func(context.Context, *outcrop.Call) (*outcrop.Reply, error) { panic("a bug") },
		"a stream that panics": func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(func(bedrock.Event, error) bool) { panic("a bug") }, nil)), nil
		},
	}
	doors := map[string]func(*testing.T, outcrop.Backend) outcrop.Backend{
		"turns": func(t *testing.T, next outcrop.Backend) outcrop.Backend {
			return takeTurns(t, next, governed.TurnsConfig{Concurrent: 1, MaxWait: -1, BatchMaxWait: -1})
		},
		"quota": func(t *testing.T, next outcrop.Backend) outcrop.Backend {
			_, b := govern(t, next, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1}), MaxWait: -1, BatchMaxWait: -1})
			return b
		},
		"yield": func(_ *testing.T, next outcrop.Backend) outcrop.Backend { return governed.Yield(next) },
	}
	for how, answer := range answers {
		for name, door := range doors {
			t.Run(name+"/"+how, func(t *testing.T) {
				var good atomic.Bool
				b := door(t, outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
					if good.Load() {
						return says("ho", usage(1, 1), 0)(ctx, call)
					}
					return answer(ctx, call)
				}))
				once := func() (err error) {
					defer func() {
						if p := recover(); p != nil && p != "a bug" {
							panic(p)
						}
					}()
					reply, err := b.Do(t.Context(), ask(bedrock.OpConverseStream, "hi", 9))
					if err == nil && reply.Stream != nil {
						for range reply.Stream.Events() {
							continue
						}
					}
					return err
				}
				_ = once()
				good.Store(true)
				for range 3 {
					if err := once(); err != nil {
						t.Fatalf("the next call: %v", err)
					}
				}
			})
		}
	}
}

// TestTurnsRefuse: who has waited as long as it may is refused as Bedrock
// refuses, and the quota books do not take it for the service's answer.
func TestTurnsRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{slots: make(chan struct{}, 1), service: time.Minute}
		g, b := govern(t, takeTurns(t, e, governed.TurnsConfig{Concurrent: 1, MaxWait: 2 * time.Second}), governed.Config{Rules: rule(quota.PoolConfig{RequestsPerMinute: 600})})
		var first sync.WaitGroup
		first.Go(func() { _, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9)) })
		synctest.Wait()
		_, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9))
		if e := outcrop.AsError(err); e.Code != bedrock.CodeThrottling {
			t.Errorf("refused with %v", err)
		} else if want := "at the back-end at once (limits.concurrent): the call waited 2s for its turn, and may no longer (quotas.maxWait)."; !strings.HasSuffix(e.Message, want) {
			t.Errorf("refused with %q, want it to end with %q", e.Message, want)
		}
		if s := one(t, g).Stats; s.Throttled != 0 || s.Refused != 1 {
			t.Errorf("the books have %d throttles and %d refusals, want none and one", s.Throttled, s.Refused)
		}
		first.Wait()
	})
}

// guarding serves ApplyGuardrail, and embeds.
type guarding struct{ *service }

func (guarding) Serves(operation string) bool { return operation == "ApplyGuardrail" }

// TestAbilitiesPass: what a back-end can do besides Do, it can behind each of
// the decorators, and what it cannot, it does not seem to.
func TestAbilitiesPass(t *testing.T) {
	next := guarding{newService(says("ho", usage(1, 1), 0))}
	_, quoted := govern(t, next, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1})})
	for name, b := range map[string]outcrop.Backend{
		"quota": quoted, "turns": takeTurns(t, next, governed.TurnsConfig{Concurrent: 1}), "yield": governed.Yield(next),
	} {
		if s, ok := b.(outcrop.OperationServer); !ok || !s.Serves("ApplyGuardrail") || s.Serves("another") {
			t.Errorf("%s: it does not serve what the back-end serves", name)
		}
		e, ok := b.(outcrop.Embedder)
		if !ok {
			t.Errorf("%s: it does not embed", name)
			continue
		}
		for range 2 {
			if got, _, err := e.Embed(t.Context(), ask(bedrock.OpInvokeModel, "hi", 1), &native.EmbedRequest{}); err != nil || len(got.Vectors) != 1 {
				t.Errorf("%s: embedded %v, %v", name, got, err)
			}
		}
		if _, ok := b.(outcrop.ModelLister); ok {
			t.Errorf("%s: it seems to know models", name)
		}
	}
}
