package outcrop

import (
	"context"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// InvokeRequest is one request with a body in the model's own format.
type InvokeRequest struct {
	ModelID string            // the manager's default when empty
	Body    []byte            // model-native JSON; kept, not changed
	Header  map[string]string // as X-Amzn-Bedrock-Trace; by canonical name
}

// InvokeResponse is the reply, in the model's own format.
type InvokeResponse struct {
	Body        []byte
	ContentType string
	Meta        Meta
}

// Invoke runs a model once and returns the whole reply (InvokeModel).
func (m *Manager) Invoke(ctx context.Context, req *InvokeRequest) (*InvokeResponse, error) {
	reply, err := m.Do(ctx, m.invokeCall(ctx, bedrock.OpInvokeModel, req))
	if err != nil {
		return nil, err
	}
	body, err := reply.Body()
	if err != nil {
		return nil, AsError(err)
	}
	return &InvokeResponse{Body: body, ContentType: reply.Meta.ContentType, Meta: reply.Meta}, nil
}

// Stream runs a model and returns its reply as it is generated
// (InvokeModelWithResponseStream). Each event is a chunk of model-native JSON.
// The caller must close the stream.
func (m *Manager) Stream(ctx context.Context, req *InvokeRequest) (*Stream, error) {
	reply, err := m.Do(ctx, m.invokeCall(ctx, bedrock.OpInvokeModelWithResponseStream, req))
	if err != nil {
		return nil, err
	}
	return reply.Stream, nil
}

func (m *Manager) invokeCall(ctx context.Context, operation string, req *InvokeRequest) *Call {
	call := stamp(ctx, NewInvokeCall(operation, m.model(req.ModelID), req.Body))
	call.Header = req.Header
	return call
}
