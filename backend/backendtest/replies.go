package backendtest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func (s *suite) converse(t *testing.T) {
	r := ask(t, s.open(t), s.request(question))
	if strings.TrimSpace(r.Output.Message.Text()) == "" {
		t.Error("the reply has no text")
	}
	if r.StopReason != bedrock.StopReasonEndTurn && r.StopReason != bedrock.StopReasonMaxTokens {
		t.Errorf("stop reason %s", r.StopReason)
	}
	if r.Usage.OutputTokens > s.MaxTokens {
		t.Errorf("%d output tokens, %d were allowed", r.Usage.OutputTokens, s.MaxTokens)
	}
}

func (s *suite) streamIsTheReply(t *testing.T) {
	b := s.open(t)
	streamed := collect(t, stream(t, b, s.request(question)))
	whole := ask(t, b, s.request(question))
	if !s.can(Deterministic) {
		return
	}
	if diff := cmp.Diff(whole, streamed); diff != "" {
		t.Errorf("the collected stream is not the reply (-reply +stream):\n%s", diff)
	}
}

func (s *suite) equalReplies(t *testing.T) {
	b := s.open(t)
	if diff := cmp.Diff(body(t, b, s.request(question)), body(t, b, s.request(question))); diff != "" {
		t.Errorf("two equal requests, two replies:\n%s", diff)
	}
	if bytes.Equal(body(t, b, s.request(question)), body(t, b, s.request("Name three rivers of Europe."))) {
		t.Error("two different requests, one reply")
	}
}

// body is the reply's JSON.
func body(t *testing.T, b outcrop.Backend, req *bedrock.ConverseRequest) []byte {
	t.Helper()
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		t.Fatal(err)
	}
	text, err := reply.Body()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// concurrent makes the same call many times at once, by value and as streams:
// the race detector watches.
func (s *suite) concurrent(t *testing.T) {
	b := s.open(t)
	call := outcrop.NewConverseCall(bedrock.OpConverse, s.request(question))
	before, err := bedrock.Marshal(s.request(question))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := b.Do(t.Context(), call); err != nil {
				t.Errorf("Converse: %v", err)
			}
		})
		group.Go(func() {
			reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, s.request(question)))
			if err != nil {
				t.Errorf("ConverseStream: %v", err)
				return
			}
			if _, err := outcrop.Collect(reply.Stream); err != nil {
				t.Errorf("the stream: %v", err)
			}
		})
	}
	group.Wait()
	req, err := call.Converse()
	if err != nil {
		t.Fatal(err)
	}
	after, err := bedrock.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Errorf("the back-end changed the call:\n%s\n%s", before, after)
	}
}

func (s *suite) maxTokens(t *testing.T) {
	b := s.open(t)
	few := 5
	req := s.request("Write a long story about a lighthouse and the sea.")
	req.InferenceConfig.MaxTokens = &few
	for _, r := range []*bedrock.ConverseResponse{ask(t, b, req), collect(t, stream(t, b, req))} {
		if r.StopReason != bedrock.StopReasonMaxTokens {
			t.Errorf("stop reason %s, want max_tokens", r.StopReason)
		}
		if r.Usage.OutputTokens > few {
			t.Errorf("%d output tokens, %d were allowed", r.Usage.OutputTokens, few)
		}
	}
}

// stopSequences takes a word out of the middle of a reply and asks again with
// it as a stop sequence.
func (s *suite) stopSequences(t *testing.T) {
	b := s.open(t)
	req := s.request(question)
	full := ask(t, b, req).Output.Message.Text()
	words := strings.Fields(full)
	if len(words) < 4 {
		t.Skipf("the reply is too short to be stopped: %q", full)
	}
	word := words[len(words)/2]
	req = s.request(question)
	req.InferenceConfig.StopSequences = []string{word}
	for _, r := range []*bedrock.ConverseResponse{ask(t, b, req), collect(t, stream(t, b, req))} {
		text := r.Output.Message.Text()
		if r.StopReason != bedrock.StopReasonStopSequence {
			t.Errorf("stop reason %s, want stop_sequence", r.StopReason)
		}
		if len(text) >= len(full) || !strings.HasPrefix(full, strings.TrimSuffix(text, word)) {
			t.Errorf("stopped at %q, the reply is\n%q, not a beginning of\n%q", word, text, full)
		}
	}
}

// rawAndValue sends the same request as bytes and as a value.
func (s *suite) rawAndValue(t *testing.T) {
	b := s.open(t)
	raw, err := bedrock.Marshal(s.request(question))
	if err != nil {
		t.Fatal(err)
	}
	call := &outcrop.Call{Operation: bedrock.OpConverse, ModelID: s.ModelID, Raw: raw}
	reply, err := b.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	got, err := reply.Converse()
	if err != nil {
		t.Fatal(err)
	}
	checkResponse(t, got)
	if !s.can(Deterministic) {
		return
	}
	if diff := cmp.Diff(ask(t, b, s.request(question)), got); diff != "" {
		t.Errorf("the reply to bytes is another (-value +bytes):\n%s", diff)
	}
}

func (s *suite) countTokens(t *testing.T) {
	b := s.open(t)
	counter, ok := b.(outcrop.TokenCounter)
	if !ok {
		t.Skip("the back-end does not count tokens")
	}
	short := s.request(question)
	count := func(req *bedrock.ConverseRequest) outcrop.TokenCount {
		n, err := counter.CountTokens(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
		if err != nil {
			t.Fatalf("CountTokens: %v", err)
		}
		return n
	}
	n := count(short)
	// What came from a cache was counted too.
	usage := ask(t, b, short).Usage
	if used := usage.TotalTokens - usage.OutputTokens; n.InputTokens != used && s.can(Counts) {
		t.Errorf("%d tokens were counted, %d were used", n.InputTokens, used)
	}
	if long := count(s.request(strings.Repeat(question+" ", 20))); long.InputTokens < 5*n.InputTokens {
		t.Errorf("%d tokens for one question, %d for twenty", n.InputTokens, long.InputTokens)
	}
}

func (s *suite) models(t *testing.T) {
	lister, ok := s.open(t).(outcrop.ModelLister)
	if !ok {
		t.Skip("the back-end does not list models")
	}
	models, err := lister.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	seen := map[string]bool{}
	for _, m := range models {
		if m.ID == "" || m.Backend == "" || seen[m.ID] {
			t.Errorf("a model without id or back-end, or listed twice: %+v", m)
		}
		seen[m.ID] = true
		found = found || m.ID == s.ModelID
		for _, p := range m.Profiles {
			found = found || p.ID == s.ModelID
		}
	}
	if !found {
		t.Errorf("%s is not among the %d models listed", s.ModelID, len(models))
	}
}
