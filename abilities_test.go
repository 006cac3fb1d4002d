package outcrop_test

import (
	"context"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestAbilities: a decorator that embeds them can what its back-end can.
func TestAbilities(t *testing.T) {
	simulated, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	call := outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{
		ModelID: "amazon.nova-lite-v1:0", Messages: []bedrock.Message{bedrock.UserText("hello")},
	})
	able := outcrop.Abilities{Next: simulated}
	if count, err := able.CountTokens(t.Context(), call); err != nil || count.InputTokens == 0 {
		t.Errorf("%+v, %v", count, err)
	}
	if models, err := able.Models(t.Context()); err != nil || len(models) == 0 {
		t.Errorf("%d models, %v", len(models), err)
	}
	if able.SchemaProfile(call.ModelID) == "" {
		t.Error("no schema profile")
	}
	unable := outcrop.Abilities{Next: outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) { return nil, nil })}
	if _, err := unable.CountTokens(t.Context(), call); outcrop.AsError(err).Code != bedrock.CodeValidation {
		t.Errorf("error %v", err)
	}
	if models, err := unable.Models(t.Context()); err != nil || models != nil || unable.SchemaProfile("x") != "" {
		t.Errorf("%v, %v", models, err)
	}
}
