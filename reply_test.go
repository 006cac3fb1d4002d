package outcrop_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestReplyUsage: the usage is found wherever the reply has it.
func TestReplyUsage(t *testing.T) {
	u := bedrock.TokenUsage{InputTokens: 1, OutputTokens: 2, TotalTokens: 3}
	for name, r := range map[string]*outcrop.Reply{
		"meta":     outcrop.NewReply(outcrop.Meta{Usage: &u}, []byte(`{}`)),
		"response": outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{Usage: u}),
		"body":     outcrop.NewReply(outcrop.Meta{}, []byte(`{"output":{"usage":9},"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"x":[]}`)),
	} {
		if got := r.Usage(); got == nil || got.InputTokens != 1 || got.OutputTokens != 2 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, r := range map[string]*outcrop.Reply{
		"a body without":      outcrop.NewReply(outcrop.Meta{}, []byte(`{"completion":"x"}`)),
		"a body that is none": outcrop.NewReply(outcrop.Meta{}, []byte(`[1]`)),
		"a stream":            outcrop.NewStreamReply(outcrop.Meta{}, nil),
	} {
		if got := r.Usage(); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
