package governed_test

import (
	"context"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/governed"
	"github.com/outcrop-ai/outcrop/quota"
)

// writer is a model that says a text of so many words, one token each, as far
// as the limit lets it, and goes on when it is asked to.
func writer(words int) *service {
	return newService(func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		req, err := call.Converse()
		if err != nil {
			return nil, err
		}
		from := 0
		if n := len(req.Messages); n >= 3 {
			from = len(strings.Fields(*req.Messages[n-2].Content[0].Text))
		}
		n, stop := words-from, bedrock.StopReasonEndTurn
		if limit := *req.InferenceConfig.MaxTokens; n > limit {
			n, stop = limit, bedrock.StopReasonMaxTokens
		}
		text := ""
		for i := range n {
			text += string(rune('a'+(from+i)%26)) + " "
		}
		if call.Streams() {
			return outcrop.NewStreamReply(outcrop.Meta{}, stream(text, usage(10, n), stop)), nil
		}
		return outcrop.NewConverseReply(outcrop.Meta{}, response(text, usage(10, n), stop)), nil
	})
}

// TestShorterLimits: once replies are known, the limit that is sent is what
// they need; a longer one is continued, and comes back as one reply.
func TestShorterLimits(t *testing.T) {
	const usual, long = 40, 300
	for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
		for name, asked := range map[string]int{"unset": 0, "set": 2000, "set, and too low": 200} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				s := writer(usual)
				g, b := govern(t, s, governed.Config{Rules: []governed.Rule{{Match: "*", Shorten: true, Quota: quota.PoolConfig{TokensPerMinute: 1_000_000_000, Accounting: quota.Window}}}})
				say := func() (*bedrock.ConverseResponse, outcrop.Meta) {
					reply, err := b.Do(t.Context(), ask(operation, "hi", asked))
					if err != nil {
						t.Fatal(err)
					}
					var r *bedrock.ConverseResponse
					if reply.Stream != nil {
						r, err = outcrop.Collect(reply.Stream)
					} else {
						r, err = reply.Converse()
					}
					if err != nil {
						t.Fatal(err)
					}
					return r, reply.Meta
				}
				for range 200 {
					say()
				}
				before := len(s.asked())
				_, meta := say()
				sent := s.asked()[before]
				req, err := sent.Converse()
				if err != nil {
					t.Fatal(err)
				}
				limit := *req.InferenceConfig.MaxTokens
				if limit < usual || limit > usual*3/2 || !strings.HasPrefix(meta.Header[governed.HeaderMaxTokens], "5") {
					t.Fatalf("sent the limit %d, told %q; replies have %d tokens", limit, meta.Header[governed.HeaderMaxTokens], usual)
				}
				s.BackendFunc = writer(long).BackendFunc
				used := one(t, g).Tokens.Used
				response, meta := say()
				want, stop, calls := long, bedrock.StopReasonEndTurn, int64(2)
				if asked > 0 && asked < long {
					want, stop = asked, bedrock.StopReasonMaxTokens
				}
				blocks := response.Output.Message.Content
				if len(blocks) != 1 || len(strings.Fields(*blocks[0].Text)) != want || response.StopReason != stop {
					t.Fatalf("%d blocks, %s; want one of %d words, %s", len(blocks), response.StopReason, want, stop)
				}
				for i, word := range strings.Fields(*blocks[0].Text) {
					if word != string(rune('a'+i%26)) {
						t.Fatalf("word %d is %q", i, word)
					}
				}
				if u := response.Usage; u.OutputTokens != want || u.InputTokens != 20 {
					t.Errorf("told the usage %+v", u)
				}
				p := one(t, g)
				if p.Tokens.Used-used != int64(20+want) || p.Tokens.Held != 0 || p.Stats.Continued != 1 || p.Stats.Admitted != 201+calls {
					t.Errorf("booked %d for it, held %d, %+v", p.Tokens.Used-used, p.Tokens.Held, p.Stats)
				}
				if operation == bedrock.OpConverse && meta.Header[governed.HeaderContinued] != "1" {
					t.Errorf("the reply's header is %v", meta.Header)
				}
			})
		}
	}
}

// TestAReplyIsNotLostForItsContinuation: where that fails, or cannot be read, the
// caller gets what there was, and why it is no more.
func TestAReplyIsNotLostForItsContinuation(t *testing.T) {
	for name, c := range map[string]struct {
		second outcrop.BackendFunc
		told   string
	}{
		"throttled": {fails(bedrock.CodeThrottling, "Too many tokens, please wait before trying again."), "no: " + bedrock.CodeThrottling},
		"unreadable": {func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
			return outcrop.NewReply(outcrop.Meta{}, []byte("<html>")), nil
		}, "no: " + bedrock.CodeModelError},
	} {
		t.Run(name, func(t *testing.T) {
			s := writer(40)
			g, b := govern(t, s, governed.Config{Rules: []governed.Rule{{Match: "*", Shorten: true, Quota: quota.PoolConfig{TokensPerMinute: 1_000_000_000}}}})
			for range 200 {
				if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 0)); err != nil {
					t.Fatal(err)
				}
			}
			long := writer(300).BackendFunc
			s.BackendFunc = func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				if req, err := call.Converse(); err == nil && len(req.Messages) > 1 {
					return c.second(ctx, call)
				}
				return long(ctx, call)
			}
			reply, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 0))
			if err != nil {
				t.Fatal(err)
			}
			response, err := reply.Converse()
			if err != nil || response.StopReason != bedrock.StopReasonMaxTokens || len(*response.Output.Message.Content[0].Text) < 40 {
				t.Errorf("got %+v, %v", response, err)
			}
			if told := reply.Meta.Header[governed.HeaderContinued]; told != c.told {
				t.Errorf("told %q, want %q", told, c.told)
			}
			if p := one(t, g); p.Inflight != 0 || p.Tokens.Held != 0 {
				t.Errorf("left over: %+v", p)
			}
		})
	}
}

// TestWhatCannotBeContinuedIsNotShortened: a tool's input, a constrained value,
// a train of thought, a native body.
func TestWhatCannotBeContinuedIsNotShortened(t *testing.T) {
	for name, change := range map[string]func(*bedrock.ConverseRequest){
		"tools": func(r *bedrock.ConverseRequest) { r.ToolConfig = &bedrock.ToolConfiguration{} },
		"schema": func(r *bedrock.ConverseRequest) {
			r.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{}}
		},
		"thinking": func(r *bedrock.ConverseRequest) { r.AdditionalModelRequestFields = bedrock.Document(`{"thinking":{}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := writer(10)
			_, b := govern(t, s, governed.Config{Rules: []governed.Rule{{Match: "*", Shorten: true}}})
			for range 201 {
				call := ask(bedrock.OpConverse, "hi", 1000)
				req, err := call.Converse()
				if err != nil {
					t.Fatal(err)
				}
				change(req)
				reply, err := b.Do(t.Context(), call)
				if err != nil {
					t.Fatal(err)
				}
				if h := reply.Meta.Header; h[governed.HeaderMaxTokens] != "" || h[governed.HeaderContinued] != "" {
					t.Fatalf("the reply's header is %v", h)
				}
			}
			calls := s.asked()
			if req, err := calls[200].Converse(); err != nil || *req.InferenceConfig.MaxTokens != 1000 {
				t.Errorf("sent %d", *req.InferenceConfig.MaxTokens)
			}
		})
	}
}

// TestAStreamThatIsLeftAtTheSeam closes both of its streams.
func TestAStreamThatIsLeftAtTheSeam(t *testing.T) {
	s := writer(40)
	g, b := govern(t, s, governed.Config{Rules: []governed.Rule{{Match: "*", Shorten: true, Quota: quota.PoolConfig{TokensPerMinute: 1_000_000_000}}}})
	for range 200 {
		if _, err := b.Do(t.Context(), ask(bedrock.OpConverse, "hi", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	s.BackendFunc = writer(300).BackendFunc
	for stop := range 60 {
		reply, err := b.Do(t.Context(), ask(bedrock.OpConverseStream, "hi", 1000))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range reply.Stream.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n > stop {
				break
			}
		}
		reply.Stream.Close()
		if p := one(t, g); p.Inflight != 0 || p.Tokens.Held != 0 {
			t.Fatalf("left after %d events: %d in flight", stop, p.Inflight)
		}
	}
}
