package simulator_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

const haiku = "anthropic.claude-3-haiku-20240307-v1:0"

func TestStreamIsTheReplyInPieces(t *testing.T) {
	b, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	req := &bedrock.ConverseRequest{ModelID: haiku, Messages: []bedrock.Message{bedrock.UserText("What is quantum computing?")}}
	reply, err := b.Do(context.Background(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := reply.Converse()
	t.Log(whole.Output.Message.Text(), whole.Usage, whole.Metrics)
	reply, err = b.Do(context.Background(), outcrop.NewConverseCall(bedrock.OpConverseStream, req))
	if err != nil {
		t.Fatal(err)
	}
	collected, err := outcrop.Collect(reply.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, collected); diff != "" {
		t.Errorf("the collected stream differs from the reply (-reply +stream):\n%s", diff)
	}
}
