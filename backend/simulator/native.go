package simulator

import (
	"context"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// native answers InvokeModel and its stream, whose bodies are the model's own.
//
// TODO(native): outcrop.AnswerNative around Converse, once it is there.
func (b *Backend) native(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	return nil, outcrop.Errorf(bedrock.CodeValidation, "%s: model-native bodies are not answered yet; use Converse", call.Operation)
}
