package outcrop

import (
	"context"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Batch accepts a job over many records and returns before it runs
// (CreateModelInvocationJob). Follow it with [Manager.Jobs].
func (m *Manager) Batch(ctx context.Context, req *bedrock.CreateModelInvocationJobRequest) (*bedrock.CreateModelInvocationJobResponse, error) {
	jobs, err := m.Jobs()
	if err != nil {
		return nil, err
	}
	if req.ModelID == "" {
		copied := *req
		copied.ModelID = m.config.ModelID
		req = &copied
	}
	caller := OriginOf(ctx).Caller
	if checker, ok := m.config.Backend.(CallerChecker); ok {
		if err := checker.CheckCaller(caller, req.ModelID); err != nil {
			return nil, err
		}
	}
	return jobs.Create(ctx, caller, req)
}
