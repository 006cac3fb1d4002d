package simulator_test

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestCachePointsAreChargedAsACacheWould: a first turn writes what lies before
// its last cache point, the next one reads that and writes what came on top.
func TestCachePointsAreChargedAsACacheWould(t *testing.T) {
	b := simulate(t, simulator.Config{})
	point := &bedrock.CachePointBlock{Type: bedrock.CachePointTypeDefault}
	long := strings.Repeat("Tell the customer what the warehouse has in stock. ", 200)
	user := func(text string) bedrock.Message {
		m := bedrock.UserText(text)
		m.Content = append(m.Content, bedrock.ContentBlock{CachePoint: point})
		return m
	}
	req := ask("")
	req.System = []bedrock.SystemContentBlock{{Text: &long}, {CachePoint: point}}
	req.Messages = []bedrock.Message{user("What is there?")}
	first := converse(t, b, req)
	u := first.Usage
	if u.CacheReadInputTokens == nil || *u.CacheReadInputTokens != 0 || *u.CacheWriteInputTokens < 1024 || u.InputTokens != 0 {
		t.Fatalf("first turn: %+v", u)
	}
	written := *u.CacheWriteInputTokens

	req.Messages = append(req.Messages, *first.Output.Message, user("And tomorrow?"))
	second := converse(t, b, req).Usage
	if *second.CacheReadInputTokens != written || *second.CacheWriteInputTokens == 0 || second.InputTokens != 0 {
		t.Errorf("second turn reads %d, writes %d, of %d written before; %d uncached", *second.CacheReadInputTokens, *second.CacheWriteInputTokens, written, second.InputTokens)
	}
	count, err := b.CountTokens(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		t.Fatal(err)
	}
	if sum := second.InputTokens + *second.CacheReadInputTokens + *second.CacheWriteInputTokens; count.InputTokens != sum || second.TotalTokens != sum+second.OutputTokens {
		t.Errorf("counted %d, charged %d in all; total %d", count.InputTokens, sum, second.TotalTokens)
	}

	short := ask("Hello.")
	short.Messages = []bedrock.Message{user("Hello.")}
	if u := converse(t, b, short).Usage; *u.CacheWriteInputTokens != 0 || *u.CacheReadInputTokens != 0 || u.InputTokens == 0 {
		t.Errorf("a prefix too short for a cache: %+v", u)
	}
	if u := converse(t, b, ask("Hello.")).Usage; u.CacheWriteInputTokens != nil || u.CacheReadInputTokens != nil {
		t.Errorf("no cache point: %+v", u)
	}
}

// TestARuleBreaksOffAToolsInput: a stream ends in the middle of the input's
// JSON; without a stream there is only the stop reason.
func TestARuleBreaksOffAToolsInput(t *testing.T) {
	b := scripted(t, "rules:\n  - reply: {toolUse: {name: get_weather, input: {city: Paris}}, malformed: toolJSON}\n")
	if r := converse(t, b, ask("Weather?")); r.StopReason != bedrock.StopReasonMalformedToolUse || len(r.Output.Message.Content) != 0 {
		t.Errorf("got %s, %+v", r.StopReason, r.Output.Message.Content)
	}
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, ask("Weather?")))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	input, stop := "", bedrock.StopReason("")
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out, err := event.Output()
		if err != nil {
			t.Fatal(err)
		}
		if d := out.ContentBlockDelta; d != nil && d.Delta.ToolUse != nil {
			input += d.Delta.ToolUse.Input
		}
		if out.MessageStop != nil {
			stop = out.MessageStop.StopReason
		}
	}
	if !strings.HasPrefix(input, `{"city`) || bedrock.Document(input).IsValid() || stop != bedrock.StopReasonMalformedToolUse {
		t.Errorf("input %q, stop reason %s", input, stop)
	}
}
