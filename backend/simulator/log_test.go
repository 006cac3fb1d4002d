package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// noClock stands still and waits for nothing.
type noClock struct{}

func (noClock) Now() time.Time                                   { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }
func (noClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func TestRequestLog(t *testing.T) {
	b := simulate(t, simulator.Config{Clock: noClock{}, LogSize: 3})
	if got := b.Requests(); len(got) != 0 {
		t.Errorf("before any call: %+v", got)
	}
	call := outcrop.NewConverseCall(bedrock.OpConverseStream, ask("What is quantum computing?"))
	call.RequestID = "id-1"
	reply, err := b.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Stream.Close()
	bad := ask("Hi.")
	bad.Messages[0].Role = bedrock.ConversationRoleAssistant
	_ = refused(t, b, bad)
	native := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "us."+haiku, []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"What is quantum computing?"}]}`))
	if _, err := b.Do(t.Context(), native); err != nil {
		t.Fatal(err)
	}
	now := noClock{}.Now()
	want := []simulator.Request{
		{Time: now, RequestID: "id-1", Operation: "ConverseStream", AskedModel: haiku, ModelID: haiku, Turn: 1, StopReason: "end_turn", Usage: bedrock.TokenUsage{InputTokens: 15, OutputTokens: 48, TotalTokens: 63}},
		{Time: now, Operation: "Converse", AskedModel: haiku, ModelID: haiku, ErrorCode: "ValidationException", Field: "messages.0.role"},
		{Time: now, Operation: "InvokeModel", AskedModel: "us." + haiku, ModelID: haiku, Turn: 1, StopReason: "end_turn", Usage: bedrock.TokenUsage{InputTokens: 15, OutputTokens: 48, TotalTokens: 63}},
	}
	if diff := cmp.Diff(want, b.Requests()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	unknown := ask("Hi.")
	unknown.ModelID = "none.such"
	_ = refused(t, b, unknown)
	got := b.Requests()
	if len(got) != 3 || got[0].ErrorCode == "" || got[2].AskedModel != "none.such" || got[2].ModelID != "" {
		t.Errorf("the ring holds %+v", got)
	}
	b.ForgetRequests()
	if got := b.Requests(); len(got) != 0 {
		t.Errorf("after ForgetRequests: %+v", got)
	}
}

func TestPromptsAreLoggedOnlyOnRequest(t *testing.T) {
	for _, on := range []bool{false, true} {
		b := simulate(t, simulator.Config{LogPrompts: on})
		converse(t, b, ask("my secret"))
		if got := strings.Contains(fmt.Sprint(b.Requests()), "my secret"); got != on {
			t.Errorf("LogPrompts %v: logged %v", on, got)
		}
	}
	off := simulate(t, simulator.Config{LogSize: -1})
	converse(t, off, ask("Hi."))
	if got := off.Requests(); len(got) != 0 {
		t.Errorf("a log of no size holds %+v", got)
	}
}

func TestRequestLogUnderConcurrency(t *testing.T) {
	b := simulate(t, simulator.Config{LogSize: 10})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				converse(t, b, ask("Hi."))
				b.Requests()
			}
		})
	}
	group.Wait()
	if n := len(b.Requests()); n != 10 {
		t.Errorf("the log holds %d", n)
	}
}

// The seed document's own InvokeModel body, answered in Anthropic's format,
// and the same bytes each time, ids included.
func TestInvokeModel(t *testing.T) {
	b := simulate(t, simulator.Config{})
	const body = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"What is quantum computing?"}]}`
	var replies []string
	for range 2 {
		call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "anthropic.claude-3-sonnet-20240229-v1:0", []byte(body))
		call.RequestID = fmt.Sprint("door-", len(replies))
		reply, err := b.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		text, err := reply.Body()
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, string(text))
	}
	if replies[0] != replies[1] {
		t.Errorf("two replies:\n%s\n%s", replies[0], replies[1])
	}
	var message struct {
		ID, Type, Role string
		Content        []struct{ Type, Text string }
		StopReason     string `json:"stop_reason"`
		Usage          struct {
			In  int `json:"input_tokens"`
			Out int `json:"output_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(replies[0]), &message); err != nil {
		t.Fatal(err)
	}
	if message.Type != "message" || message.StopReason != "end_turn" || message.Usage.In != 15 || !strings.Contains(message.Content[0].Text, "quantum") {
		t.Errorf("%+v", message)
	}
}

func TestEmbeddings(t *testing.T) {
	b := simulate(t, simulator.Config{})
	embed := func(text string) []float64 {
		body, _ := json.Marshal(map[string]any{"inputText": text, "dimensions": 256, "normalize": true})
		reply, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, "amazon.titan-embed-text-v2:0", body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := reply.Body()
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Embedding []float64 `json:"embedding"`
			Tokens    int       `json:"inputTextTokenCount"`
		}
		if err := json.Unmarshal(answer, &read); err != nil || len(read.Embedding) != 256 || read.Tokens < 1 {
			t.Fatalf("%v: %d numbers, %d tokens", err, len(read.Embedding), read.Tokens)
		}
		return read.Embedding
	}
	dot := func(a, b []float64) (sum float64) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	river, again, rivers, bread := embed("Rivers flow to the sea."), embed("Rivers flow to the sea."), embed("A river flows into a sea"), embed("Bread is baked in ovens.")
	if n := dot(river, river); math.Abs(n-1) > 1e-6 {
		t.Errorf("the vector has length %v", math.Sqrt(n))
	}
	if cmp.Diff(river, again) != "" {
		t.Error("one text, two vectors")
	}
	if near, far := dot(river, rivers), dot(river, bread); near < 0.5 || far > near/2 {
		t.Errorf("texts of the same words are %.2f alike, of others %.2f", near, far)
	}
}

// A format that tells when it was made tells the same in equal replies.
func TestNativeRepliesDoNotFollowTheClock(t *testing.T) {
	b := simulate(t, simulator.Config{})
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "openai.gpt-oss-20b-1:0", []byte(`{"messages":[{"role":"user","content":"Hi"}]}`))
	reply, err := b.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	body, err := reply.Body()
	if err != nil || !strings.Contains(string(body), `"created":1767225600`) {
		t.Errorf("%s, %v", body, err)
	}
}
