package outcrop_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

const claude = "us.anthropic.claude-sonnet-4-20250514-v1:0"

// echoing is a back-end that speaks Converse only: it says a text in two
// deltas and remembers what it was asked.
type echoing struct {
	asked *outcrop.Call
	fails error
}

func (b *echoing) Do(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	b.asked = call
	text := func(s string) *bedrock.ConverseStreamOutput {
		return &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &s}}}
	}
	events := []*bedrock.ConverseStreamOutput{
		{MessageStart: &bedrock.MessageStartEvent{Role: "assistant"}},
		text("Hel"), text("lo \"you\""),
		{ContentBlockStop: &bedrock.ContentBlockStopEvent{}},
		{MessageStop: &bedrock.MessageStopEvent{StopReason: "end_turn"}},
		{Metadata: &bedrock.ConverseStreamMetadataEvent{
			Usage:   bedrock.TokenUsage{InputTokens: 5, OutputTokens: 2, TotalTokens: 7},
			Metrics: bedrock.ConverseStreamMetrics{LatencyMs: 40},
		}},
	}
	seq := func(yield func(bedrock.Event, error) bool) {
		for i, e := range events {
			if b.fails != nil && i == 2 {
				yield(bedrock.Event{}, b.fails)
				return
			}
			if !yield(bedrock.NewEvent(e), nil) {
				return
			}
		}
	}
	meta := outcrop.Meta{Backend: "echoing", FirstByte: 7 * time.Millisecond}
	stream := outcrop.NewStream(iter.Seq2[bedrock.Event, error](seq), nil)
	if call.Streams() {
		return outcrop.NewStreamReply(meta, stream), nil
	}
	response, err := outcrop.Collect(stream)
	if err != nil {
		return nil, err
	}
	return outcrop.NewConverseReply(meta, response), nil
}

const claudeBody = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`

func TestAnswerNative(t *testing.T) {
	backend := new(echoing)
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, claude, []byte(claudeBody))
	call.RequestID = "r1"
	call.Header = map[string]string{
		"X-Amzn-Bedrock-Guardrailidentifier": "g", "X-Amzn-Bedrock-GuardrailVersion": "1",
		"X-Amzn-Bedrock-Request-Metadata": `{"team":"a"}`,
	}
	reply, err := outcrop.AnswerNative(t.Context(), call, backend)
	if err != nil {
		t.Fatal(err)
	}
	body, err := reply.Body()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"` + claude + `","id":"msg_bdrk_r1","type":"message","role":"assistant","content":[{"type":"text","text":"Hello \"you\""}],` +
		`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2}}`
	if string(body) != want {
		t.Errorf("body:\n got %s\nwant %s", body, want)
	}
	if reply.Meta.ContentType != "application/json" || reply.Meta.Usage == nil || reply.Meta.Usage.InputTokens != 5 || reply.Meta.Latency != 40*time.Millisecond {
		t.Errorf("meta is %+v", reply.Meta)
	}
	asked, err := backend.asked.Converse()
	if err != nil {
		t.Fatal(err)
	}
	if backend.asked.Operation != bedrock.OpConverse || backend.asked.RequestID != "r1" || asked.ModelID != claude {
		t.Errorf("asked %s %s for %s", backend.asked.Operation, backend.asked.RequestID, asked.ModelID)
	}
	if g := asked.GuardrailConfig; g == nil || g.GuardrailIdentifier != "g" || g.GuardrailVersion != "1" || asked.RequestMetadata["team"] != "a" {
		t.Errorf("the headers did not reach the request: %+v %v", asked.GuardrailConfig, asked.RequestMetadata)
	}
}

func TestAnswerNativeStream(t *testing.T) {
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, claude, []byte(claudeBody))
	reply, err := outcrop.AnswerNative(t.Context(), call, new(echoing))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var chunks []string
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		chunk, err := event.Chunk()
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, string(chunk))
	}
	want := []string{
		`{"message":{"model":"` + claude + `","id":"msg_bdrk_","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}},"type":"message_start"}`,
		`{"content_block":{"type":"text","text":""},"index":0,"type":"content_block_start"}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo \"you\""}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"delta":{"stop_reason":"end_turn","stop_sequence":null},"type":"message_delta","usage":{"input_tokens":5,"output_tokens":2}}`,
		`{"amazon-bedrock-invocationMetrics":{"inputTokenCount":5,"outputTokenCount":2,"invocationLatency":40,"firstByteLatency":7},"type":"message_stop"}`,
	}
	if !slices.Equal(chunks, want) {
		t.Errorf("chunks:\n%s\nwant:\n%s", strings.Join(chunks, "\n"), strings.Join(want, "\n"))
	}
	usage, ok := native.ChunkUsage([]byte(chunks[len(chunks)-1]))
	if !ok || usage.InputTokens != 5 || usage.OutputTokens != 2 {
		t.Errorf("the last chunk's usage reads as %+v, %v", usage, ok)
	}
}

func TestAnswerNativeErrors(t *testing.T) {
	for _, c := range []struct{ name, model, body, field string }{
		{"a bad body", claude, `{"anthropic_version":"x","max_tokens":1,"messages":[{"role":"user","content":7}]}`, "messages.0.content"},
		{"no known format", "house-model", `{"x":1}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := outcrop.AnswerNative(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, c.model, []byte(c.body)), new(echoing))
			var e *outcrop.Error
			if !errors.As(err, &e) || e.Code != bedrock.CodeValidation || e.Field != c.field {
				t.Errorf("error is %+v, want a ValidationException about %q", err, c.field)
			}
		})
	}
}

func TestAnswerNativeKeepsTheStreamsError(t *testing.T) {
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, claude, []byte(claudeBody))
	broken := outcrop.Errorf(bedrock.CodeModelStreamError, "cut")
	reply, err := outcrop.AnswerNative(t.Context(), call, &echoing{fails: broken})
	if err != nil {
		t.Fatal(err)
	}
	var settled error
	reply.Stream.OnEnd(func(err error) { settled = err })
	var last error
	for _, err := range reply.Stream.Events() {
		last = err
	}
	if !errors.Is(last, broken) || !errors.Is(settled, broken) {
		t.Errorf("the stream ended with %v and settled with %v, want %v", last, settled, broken)
	}
}
