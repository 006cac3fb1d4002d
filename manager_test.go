package outcrop_test

import (
	"context"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// A call that names no model goes to the manager's own, body and all; without
// one it is refused, and the error names the field.
func TestDoWithoutAModel(t *testing.T) {
	var got *outcrop.Call
	backend := outcrop.BackendFunc(func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		got = call
		return outcrop.NewReply(outcrop.Meta{}, []byte("{}")), nil
	})
	for _, def := range []string{"", "my-model"} {
		m, err := outcrop.New(outcrop.Config{Backend: backend, ModelID: def})
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []*outcrop.Call{
			outcrop.NewInvokeCall(bedrock.OpInvokeModel, "", []byte(`{"prompt":"hi"}`)),
			outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("hi")}}),
		} {
			got = nil
			_, err := m.Do(t.Context(), call)
			if def == "" {
				if e := outcrop.AsError(err); err == nil || e.Field != "modelId" || got != nil {
					t.Errorf("%s without a default: error %v", call.Operation, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if body, err := got.Body(); got.ModelID != def || got.Operation != call.Operation || err != nil || !strings.Contains(string(body), "hi") {
				t.Errorf("%s went to %q with %s, error %v", call.Operation, got.ModelID, body, err)
			}
		}
	}
}
