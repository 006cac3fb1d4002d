package governed_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const model = "amazon.nova-lite-v1:0" // burndown 1

// service is a model that answers as a test says, and notes what it was asked.
type service struct {
	outcrop.BackendFunc
	mu    sync.Mutex
	calls []*outcrop.Call
}

func (s *service) asked() []*outcrop.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*outcrop.Call(nil), s.calls...)
}

func (s *service) Embed(context.Context, *outcrop.Call, *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	return &native.Embeddings{Vectors: [][]float64{{1}}, InputTokens: 50}, outcrop.Meta{}, nil
}

func newService(answer outcrop.BackendFunc) *service {
	s := &service{}
	s.BackendFunc = func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		s.mu.Lock()
		s.calls = append(s.calls, call)
		s.mu.Unlock()
		return answer(ctx, call)
	}
	return s
}

// says answers with a text and usage, after a time.
func says(text string, usage bedrock.TokenUsage, after time.Duration) outcrop.BackendFunc {
	return func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if after > 0 {
			select {
			case <-time.After(after):
			case <-ctx.Done():
				return nil, outcrop.AsError(ctx.Err())
			}
		}
		if call.Streams() {
			return outcrop.NewStreamReply(outcrop.Meta{}, stream(text, usage, bedrock.StopReasonEndTurn)), nil
		}
		return outcrop.NewConverseReply(outcrop.Meta{}, response(text, usage, bedrock.StopReasonEndTurn)), nil
	}
}

func response(text string, usage bedrock.TokenUsage, stop bedrock.StopReason) *bedrock.ConverseResponse {
	return &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}},
		StopReason: stop, Usage: usage,
	}
}

// stream is a reply in pieces of eight bytes.
func stream(text string, usage bedrock.TokenUsage, stop bedrock.StopReason, end ...error) *outcrop.Stream {
	return outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
		send := func(out *bedrock.ConverseStreamOutput) bool { return yield(bedrock.NewEvent(out), nil) }
		if !send(&bedrock.ConverseStreamOutput{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}) {
			return
		}
		for rest := text; rest != ""; {
			n := min(8, len(rest))
			piece := rest[:n]
			rest = rest[n:]
			if !send(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &piece}}}) {
				return
			}
		}
		if len(end) > 0 {
			yield(bedrock.Event{}, end[0])
			return
		}
		_ = send(&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{}}) &&
			send(&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: stop}}) &&
			send(&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{Usage: usage}})
	}, nil)
}

func fails(code, message string) outcrop.BackendFunc {
	return func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return nil, outcrop.Errorf(code, "%s", message)
	}
}

func usage(input, output int) bedrock.TokenUsage {
	return bedrock.TokenUsage{InputTokens: input, OutputTokens: output, TotalTokens: input + output}
}

// ask is a Converse call; limit 0 sets none.
func ask(operation, text string, limit int) *outcrop.Call {
	req := &bedrock.ConverseRequest{ModelID: model, Messages: []bedrock.Message{bedrock.UserText(text)}}
	if limit > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	return outcrop.NewConverseCall(operation, req)
}

func govern(t *testing.T, next outcrop.Backend, c governed.Config) (*governed.Governor, outcrop.Backend) {
	t.Helper()
	g, err := governed.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g, g.Govern(next, governed.Lane{Name: "lane", Region: "us-east-1"})
}

func rule(pc quota.PoolConfig) []governed.Rule { return []governed.Rule{{Match: "*", Quota: pc}} }

func one(t *testing.T, g *governed.Governor) governed.PoolStatus {
	t.Helper()
	s := g.Status()
	if len(s.Pools) != 1 {
		t.Fatalf("%d pools, want 1: %+v", len(s.Pools), s.Pools)
	}
	return s.Pools[0]
}

// TestWhatAReplyCosts: every method settles by what the reply says, and what
// says nothing by estimate. The pool is a window, which shows what was used.
func TestWhatAReplyCosts(t *testing.T) {
	cached := usage(100, 20)
	cached.CacheReadInputTokens, cached.CacheWriteInputTokens = new(1000), new(30)
	broken := outcrop.Errorf(bedrock.CodeModelStreamError, "broken")
	text := strings.Repeat("a few words ", 200)
	nativeBody := []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":100}}`)
	chunk := []byte(`{"metadata":{},"amazon-bedrock-invocationMetrics":{"inputTokenCount":7,"outputTokenCount":8,"invocationLatency":1,"firstByteLatency":1}}`)
	for name, c := range map[string]struct {
		call   *outcrop.Call
		answer outcrop.BackendFunc
		read   int // events of a stream that are read; -1 all
		low    int64
		high   int64
	}{
		"Converse":           {ask(bedrock.OpConverse, "hi", 100), says("ho", usage(100, 20), 0), -1, 120, 120},
		"cache writes count": {ask(bedrock.OpConverse, "hi", 100), says("ho", cached, 0), -1, 150, 150},
		"ConverseStream":     {ask(bedrock.OpConverseStream, "hi", 100), says("ho", usage(100, 20), 0), -1, 120, 120},
		"InvokeModel by body": {outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, nativeBody), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewReply(outcrop.Meta{}, []byte(`{"usage":{"inputTokens":5,"outputTokens":6}}`)), nil
		}, -1, 11, 11},
		"InvokeModel by header": {outcrop.NewInvokeCall(bedrock.OpInvokeModel, "meta.llama3-8b-instruct-v1:0", []byte(`{"prompt":"hi","max_gen_len":9}`)), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewReply(outcrop.Meta{Header: map[string]string{"X-Amzn-Bedrock-Input-Token-Count": "3", "X-Amzn-Bedrock-Output-Token-Count": "4"}}, []byte(`{"generation":"ho"}`)), nil
		}, -1, 7, 7},
		"a stream of chunks": {outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, model, nativeBody), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) { yield(bedrock.NewChunk(chunk), nil) }, nil)), nil
		}, -1, 15, 15},
		"a reply without usage": {outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, nativeBody), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewReply(outcrop.Meta{}, []byte(`{"output":{"message":{"content":[{"text":"`+text+`"}]}}}`)), nil
		}, -1, 500, 1500},
		"a stream that is left": {ask(bedrock.OpConverseStream, "hi", 100), says(text, usage(9999, 9999), 0), 200, 300, 1000},
		"a stream nobody read":  {ask(bedrock.OpConverseStream, "hi", 100), says(text, usage(9999, 9999), 0), 0, 10, 40},
		"a stream that fails": {ask(bedrock.OpConverseStream, "hi", 100), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewStreamReply(outcrop.Meta{}, stream(text, usage(1, 1), "", broken)), nil
		}, -1, 500, 1500},
		"a stream throttled in band": {ask(bedrock.OpConverseStream, "hi", 100), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewStreamReply(outcrop.Meta{}, stream("", usage(1, 1), "", outcrop.Errorf(bedrock.CodeThrottling, "Too many tokens"))), nil
		}, -1, 0, 0},
		"refused by the model": {ask(bedrock.OpConverse, "hi", 100), fails(bedrock.CodeValidation, "no"), -1, 0, 0},
		"throttled":            {ask(bedrock.OpConverse, "hi", 100), fails(bedrock.CodeThrottling, "Too many requests, please wait before trying again."), -1, 0, 0},
		"no capacity":          {ask(bedrock.OpConverse, "hi", 100), fails(bedrock.CodeServiceUnavailable, "busy"), -1, 0, 0},
		"the model failed":     {ask(bedrock.OpConverse, "hi", 100), fails(bedrock.CodeModelError, "oh"), -1, 10, 40},
		"a failure with a price": {ask(bedrock.OpConverse, "hi", 100), func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			e := outcrop.Errorf(bedrock.CodeModelError, "oh")
			e.Usage = &bedrock.TokenUsage{InputTokens: 70, OutputTokens: 7}
			return nil, e
		}, -1, 77, 77},
	} {
		t.Run(name, func(t *testing.T) {
			g, b := govern(t, newService(c.answer), governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1_000_000, Accounting: quota.Window})})
			reply, err := b.Do(context.Background(), c.call)
			if err == nil && reply.Stream != nil {
				if n := c.read; n != 0 {
					for range reply.Stream.Events() {
						if n--; n == 0 {
							break
						}
					}
				}
				reply.Stream.Close()
				reply.Stream.Close()
			}
			s := one(t, g)
			if s.Tokens.Used < c.low || s.Tokens.Used > c.high || s.Tokens.Held != 0 || s.Inflight != 0 {
				t.Errorf("used %d, held %d, in flight %d; want %d to %d used and nothing held", s.Tokens.Used, s.Tokens.Held, s.Inflight, c.low, c.high)
			}
		})
	}
}

// TestEmbeddingsWait: and say so, as other replies do.
func TestEmbeddingsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := govern(t, newService(says("ho", usage(1, 1), time.Second)), governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1})})
		call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "amazon.nova-lite-v1:0", []byte(`{"inputText":"hi"}`))
		var first sync.WaitGroup
		first.Go(func() { _, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 9)) })
		synctest.Wait()
		_, meta, err := b.(outcrop.Embedder).Embed(t.Context(), call, &native.EmbedRequest{Texts: []string{"hi"}})
		if err != nil || meta.Header[governed.HeaderQueued] != "1000" {
			t.Errorf("the reply's header is %v, %v", meta.Header, err)
		}
		first.Wait()
	})
}

// TestEmbeddingsCount: they come in by a way of their own.
func TestEmbeddingsCount(t *testing.T) {
	g, b := govern(t, newService(nil), governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1000, Accounting: quota.Window})})
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "amazon.titan-embed-text-v2:0", []byte(`{"inputText":"hi"}`))
	if _, _, err := b.(outcrop.Embedder).Embed(t.Context(), call, &native.EmbedRequest{Texts: []string{"hi"}}); err != nil {
		t.Fatal(err)
	}
	if s := one(t, g); s.Tokens.Used != 50 || s.Inflight != 0 {
		t.Errorf("booked %+v", s)
	}
}

// TestEachLimitBindsAlone: with one limit set, the calls beyond it wait, and
// the report names it.
func TestEachLimitBindsAlone(t *testing.T) {
	const service = 10 * time.Second
	for name, c := range map[string]struct {
		pool    quota.PoolConfig
		days    []quota.DayConfig
		limit   string
		message string
	}{
		"tokens":      {quota.PoolConfig{TokensPerMinute: 1000}, nil, "tokens", "Too many tokens, please wait before trying again."},
		"requests":    {quota.PoolConfig{RequestsPerMinute: 1}, nil, "requests", "Too many requests, please wait before trying again."},
		"own day":     {quota.PoolConfig{TokensPerDay: 1000}, nil, "tokens-per-day", "Too many tokens per day, please wait before trying again."},
		"account day": {quota.PoolConfig{}, []quota.DayConfig{{Account: "lane", Region: "us-east-1", TokensPerDay: 1000}}, "tokens-per-day", "Too many tokens per day, please wait before trying again."},
		"concurrency": {quota.PoolConfig{Concurrent: 1}, nil, "concurrency", "Too many requests, please wait before trying again."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, b := govern(t, newService(says("ho", usage(500, 300), service)), governed.Config{
					Rules: rule(c.pool), Days: c.days, MaxWait: 25 * time.Hour,
				})
				begun := time.Now()
				results := make(chan error, 2)
				for range 2 {
					go func() {
						_, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 900))
						results <- err
					}()
				}
				synctest.Wait()
				time.Sleep(time.Second) // virtual
				s := one(t, g)
				if s.Inflight != 1 || s.Queued.Interactive != 1 || s.Binds != c.limit {
					t.Errorf("%d in flight, %d waiting for %s; want %s", s.Inflight, s.Queued.Interactive, s.Binds, c.limit)
				}
				first, second := <-results, <-results
				if took := time.Since(begun); first != nil || second != nil || took <= service {
					t.Errorf("done after %s with %v and %v", took, first, second)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				// Who does not wait is refused in Bedrock's words, is told whose
				// refusal it is, and may come again.
				_, b := govern(t, newService(says("ho", usage(500, 300), service)), governed.Config{Rules: rule(c.pool), Days: c.days, MaxWait: -1})
				go b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 900))
				synctest.Wait()
				_, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 900))
				e := outcrop.AsError(err)
				if err == nil || e.Code != bedrock.CodeThrottling || e.Message != c.message+" Outcrop's own quota books say so, not the service: its turn is later than calls may wait (quotas.maxWait)." || !e.Retryable {
					t.Errorf("refused with %v", err)
				}
				time.Sleep(2 * service)
			})
		})
	}
}

// TestNobodyWaitsInVain: a call whose turn the books know to be later than it may
// wait is refused at once, or as soon as they know, by a message that names the
// quota, what the call needs of it, when it could come, and who says how long it
// may wait.
func TestNobodyWaitsInVain(t *testing.T) {
	for name, c := range map[string]struct {
		pool   quota.PoolConfig
		class  outcrop.Class
		spare  bool
		leaves time.Duration
		after  time.Duration
		want   string
	}{
		"requests": {
			quota.PoolConfig{RequestsPerMinute: 1},
			outcrop.Interactive, false, 0, 0,
			`Too many requests, please wait before trying again. Outcrop's own quota books say so, not the service: the call needs one of "On-demand model inference requests per minute for amazon.nova-lite-v1:0", which cannot be before another 55.72s, and may wait for 30s (quotas.maxWait).`,
		},
		"tokens, with another back-end": {
			quota.PoolConfig{TokensPerMinute: 1000},
			outcrop.Interactive, true, 0, 0,
			`the call needs 977 of "On-demand model inference tokens per minute for amazon.nova-lite-v1:0", which cannot be before another 56.08s, and may wait for 2s (quotas.spareWait).`,
		},
		"a day": {
			quota.PoolConfig{TokensPerDay: 1000},
			outcrop.Batch, false, 0, 0,
			`the call needs 977 of the tokens per day for amazon.nova-lite-v1:0, which cannot be before another 23h59m55s, and may wait for 10m0s (quotas.batchMaxWait).`,
		},
		"its caller's time": {
			quota.PoolConfig{RequestsPerMinute: 1},
			outcrop.Interactive, false, 10 * time.Second, 0,
			`and may wait for 10s (its caller's deadline).`,
		},
		"known later": { // the first ends after a second
			quota.PoolConfig{TokensPerMinute: 1000},
			outcrop.Interactive, false, 0, time.Second,
			`the call needs 914 of "On-demand model inference tokens per minute for amazon.nova-lite-v1:0", which cannot be before another 1m0.08s, and may wait for 30s (quotas.maxWait).`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.pool.Burndown = 1
				g, b := govern(t, newService(says("ho", usage(500, 300), time.Second)), governed.Config{Rules: rule(c.pool)})
				ctx := t.Context()
				if c.spare {
					ctx = outcrop.WithSpare(ctx)
				}
				var first sync.WaitGroup
				first.Go(func() { _, _ = b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 900)) })
				synctest.Wait()
				if c.after == 0 {
					time.Sleep(5 * time.Second)
				}
				if c.leaves > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.leaves)
					defer cancel()
				}
				call := ask(bedrock.OpConverse, "hi", 900)
				call.Class = c.class
				begun := time.Now()
				_, err := b.Do(ctx, call)
				e := outcrop.AsError(err)
				if after := time.Since(begun); after != c.after || e.Code != bedrock.CodeThrottling || !strings.HasSuffix(e.Message, c.want) {
					t.Errorf("after %s refused with %s %q, want after %s %q", after, e.Code, e.Message, c.after, c.want)
				}
				if _, waited := errors.AsType[*governed.WaitedError](err); waited != (c.after > 0) {
					t.Errorf("the cause is %T", e.Cause)
				}
				if late, ok := errors.AsType[*quota.RefusedError](err); !ok || !late.Late() || e.RetryAfter <= c.after {
					t.Errorf("the refusal is %v, to be tried again after %s", late, e.RetryAfter)
				}
				first.Wait()
				if s := one(t, g); s.Inflight != 0 || s.Queued.Interactive != 0 || s.Tokens.Held != 0 || s.Stats.Refused != 1 {
					t.Errorf("left over: %+v", s)
				}
			})
		})
	}
}

// TestWaitingEnds: at the maximum wait, at the context's deadline, when the
// caller goes away, when the books close.
func TestWaitingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		maxWait time.Duration
		leave   func(context.Context, *governed.Governor) (context.Context, context.CancelFunc)
		after   time.Duration
		code    string
		waited  bool
	}{
		"the maximum wait": {0, nil, governed.DefaultMaxWait, bedrock.CodeThrottling, true},
		"a shorter one":    {3 * time.Second, nil, 3 * time.Second, bedrock.CodeThrottling, true},
		"the caller's deadline": {0, func(ctx context.Context, _ *governed.Governor) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 2*time.Second)
		}, 2 * time.Second, "", false},
		"the caller goes away": {0, func(ctx context.Context, _ *governed.Governor) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Second, bedrock.CodeModelTimeout, false},
		"the books close": {0, func(ctx context.Context, g *governed.Governor) (context.Context, context.CancelFunc) {
			time.AfterFunc(time.Second, func() { g.Close() })
			return context.WithCancel(ctx)
		}, time.Second, bedrock.CodeServiceUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, b := govern(t, newService(says("ho", usage(1, 1), time.Hour)), governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1}), MaxWait: c.maxWait})
				busy, done := context.WithCancel(t.Context())
				go b.Do(busy, ask(bedrock.OpConverse, "hi", 9))
				synctest.Wait()
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if c.leave != nil {
					ctx, cancel = c.leave(ctx, g)
				}
				defer cancel()
				begun := time.Now()
				_, err := b.Do(ctx, ask(bedrock.OpConverse, "hi", 9))
				e := outcrop.AsError(err)
				if after := time.Since(begun); after != c.after || c.code != "" && e.Code != c.code {
					t.Errorf("ended after %s with %v; want %s after %s", after, err, c.code, c.after)
				}
				if _, waited := errors.AsType[*governed.WaitedError](err); c.code != "" && waited != c.waited {
					t.Errorf("the cause is %T", e.Cause)
				}
				if want := "Outcrop's own quota books say so, not the service: the call waited " + c.after.String(); c.waited && !strings.Contains(e.Message, want) {
					t.Errorf("it says %q, and not %q", e.Message, want)
				}
				done()
				synctest.Wait()
				if s := one(t, g); s.Inflight != 0 || s.Queued.Interactive != 0 || s.Tokens.Held != 0 {
					t.Errorf("left over: %+v", s)
				}
			})
		})
	}
}

// TestClassesAndTenants: interactive calls pass batch ones that came before.
func TestInteractiveCallsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(says("ho", usage(1, 1), time.Second))
		_, b := govern(t, s, governed.Config{Rules: rule(quota.PoolConfig{Concurrent: 1})})
		var wg sync.WaitGroup
		for i, class := range []outcrop.Class{outcrop.Interactive, outcrop.Batch, outcrop.Interactive} {
			call := ask(bedrock.OpConverse, "hi", 9)
			call.Class, call.RequestID = class, string(rune('a'+i))
			wg.Go(func() { b.Do(t.Context(), call) })
			synctest.Wait()
		}
		wg.Wait()
		order := ""
		for _, call := range s.asked() {
			order += call.RequestID
		}
		if order != "acb" {
			t.Errorf("asked in the order %s, want acb", order)
		}
	})
}

// TestOutputLimits: an unset one is filled in, and told; one that is set stays,
// with every byte of the call.
func TestOutputLimits(t *testing.T) {
	raw := []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":77}}`)
	thinking := ask(bedrock.OpConverse, "hi", 0)
	if req, err := thinking.Converse(); err != nil {
		t.Fatal(err)
	} else {
		req.AdditionalModelRequestFields = bedrock.Document(`{"thinking":{"type":"enabled","budget_tokens":2000}}`)
	}
	converse := outcrop.NewInvokeCall(bedrock.OpConverse, model, raw)
	for name, c := range map[string]struct {
		call  *outcrop.Call
		rule  governed.Rule
		limit int
		told  string
		same  bool
	}{
		"unset":               {ask(bedrock.OpConverse, "hi", 0), governed.Rule{}, 4096, "4096; asked=unset", false},
		"unset, with thought": {thinking, governed.Rule{}, 6096, "6096; asked=unset", false},
		"as the rule says":    {ask(bedrock.OpConverse, "hi", 0), governed.Rule{MaxTokens: 500}, 500, "500; asked=unset", false},
		"the model's maximum": {ask(bedrock.OpConverse, "hi", 0), governed.Rule{MaxTokens: 50_000}, 10_000, "10000; asked=unset", false},
		"set":                 {converse, governed.Rule{}, 77, "", true},
		"native, set":         {outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, raw), governed.Rule{}, 77, "", true},
		"native, unset":       {outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`)), governed.Rule{}, 4096, "4096; asked=unset", false},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Match, c.rule.Quota.TokensPerMinute = "*", 100_000
			s := newService(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
				return outcrop.NewReply(outcrop.Meta{Header: map[string]string{"X": "y"}}, []byte(`{"usage":{"inputTokens":1,"outputTokens":1}}`)), nil
			})
			_, b := govern(t, s, governed.Config{Rules: []governed.Rule{c.rule}})
			reply, err := b.Do(t.Context(), c.call)
			if err != nil {
				t.Fatal(err)
			}
			if told := reply.Meta.Header[governed.HeaderMaxTokens]; told != c.told || reply.Meta.Header["X"] != "y" {
				t.Errorf("told %q, want %q", told, c.told)
			}
			sent := s.asked()[0]
			if (sent == c.call) != c.same {
				t.Errorf("the same call: %v, want %v", sent == c.call, c.same)
			}
			limit := 0
			if sent.Native() {
				limit, _, err = native.ByModel(model).OutputLimit(sent.Raw)
			} else if req, e := sent.Converse(); e == nil {
				limit, err = *req.InferenceConfig.MaxTokens, nil
			}
			if err != nil || limit != c.limit {
				t.Errorf("sent with the limit %d, %v; want %d", limit, err, c.limit)
			}
		})
	}
}

// TestObserve: nothing waits and nothing changes, and the report tells what
// would have.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(says("ho", usage(400, 400), time.Second))
		g, b := govern(t, s, governed.Config{Observe: true, Rules: rule(quota.PoolConfig{TokensPerMinute: 1000, RequestsPerMinute: 1})})
		begun := time.Now()
		for range 3 {
			call := ask(bedrock.OpConverse, "hi", 0)
			reply, err := b.Do(t.Context(), call)
			if err != nil || len(reply.Meta.Header) != 0 || s.asked()[0] == nil {
				t.Fatalf("%v, %v", reply, err)
			}
		}
		for _, call := range s.asked() {
			if req, err := call.Converse(); err != nil || req.InferenceConfig != nil {
				t.Error("the call was changed")
			}
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("took %s: something waited", took)
		}
		if p := one(t, g); p.Stats.Admitted != 3 || p.Stats.Waited != 2 || p.Tokens.Used < 2000 || !g.Status().Observe {
			t.Errorf("%+v", p)
		}
	})
}

// TestUpstreamErrorsTeach: a throttle holds the next call back, a lack of
// capacity lowers what goes at once, and the rates stay.
func TestUpstreamErrorsTeach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := fails(bedrock.CodeThrottling, "Too many tokens, please wait before trying again.")
		s := newService(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) { return answer(ctx, call) })
		pc := quota.PoolConfig{TokensPerMinute: 60_000, Adaptive: quota.Adaptive{On: true}}
		g, b := govern(t, s, governed.Config{Rules: rule(pc)})
		before := 0.5 // where adaptation begins
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 100)); err == nil {
			t.Fatal("no throttle")
		}
		p := one(t, g)
		if p.Share >= before || p.Stats.Throttled != 1 {
			t.Errorf("share %v after a throttle, %+v", p.Share, p.Stats)
		}
		answer = says("ho", usage(1, 1), 0)
		begun := time.Now()
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 1000)); err != nil || time.Since(begun) == 0 {
			t.Errorf("after a throttle: %v, waited %s", err, time.Since(begun))
		}
		share := one(t, g).Share
		answer = fails(bedrock.CodeServiceUnavailable, "busy")
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 10)); err == nil {
			t.Fatal("no error")
		}
		if p := one(t, g); p.Share < share || p.Concurrent != 1 || p.Stats.Unavailable != 1 {
			t.Errorf("after a 503: share %v (was %v), concurrency %d", p.Share, share, p.Concurrent)
		}
	})
}

// TestLongStreamsRaiseTheirHold: what outgrows its hold counts before it ends.
func TestLongStreamsRaiseTheirHold(t *testing.T) {
	text := strings.Repeat("many small words ", 2000)
	g, b := govern(t, newService(says(text, usage(10, 8000), 0)), governed.Config{Rules: rule(quota.PoolConfig{TokensPerMinute: 1_000_000, Accounting: quota.Window, Burndown: 5})})
	reply, err := b.Do(t.Context(), ask(bedrock.OpConverseStream, "hi", 2000))
	if err != nil {
		t.Fatal(err)
	}
	first := one(t, g).Tokens.Held
	last := first
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if event.Type() == "contentBlockStop" {
			last = one(t, g).Tokens.Held
		}
	}
	if last <= 4*first || last < 5*5000 {
		t.Errorf("held %d at first and %d at the end", first, last)
	}
	if s := one(t, g); s.Tokens.Used != 10+5*8000 || s.Tokens.Held != 0 {
		t.Errorf("settled %+v", s.Tokens)
	}
}
