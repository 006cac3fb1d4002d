package outcrop

import (
	"context"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Converse sends messages to a model and returns its reply.
func (m *Manager) Converse(ctx context.Context, req *bedrock.ConverseRequest) (*bedrock.ConverseResponse, error) {
	reply, err := m.Do(ctx, m.converseCall(ctx, bedrock.OpConverse, req))
	if err != nil {
		return nil, err
	}
	return reply.Converse()
}

// ConverseStream sends messages to a model and returns its reply as it is
// generated. The caller must close the stream.
func (m *Manager) ConverseStream(ctx context.Context, req *bedrock.ConverseRequest) (*Stream, error) {
	reply, err := m.Do(ctx, m.converseCall(ctx, bedrock.OpConverseStream, req))
	if err != nil {
		return nil, err
	}
	return reply.Stream, nil
}

func (m *Manager) converseCall(ctx context.Context, operation string, req *bedrock.ConverseRequest) *Call {
	if req.ModelID == "" {
		copied := *req
		copied.ModelID = m.config.ModelID
		req = &copied
	}
	return stamp(ctx, NewConverseCall(operation, req))
}
