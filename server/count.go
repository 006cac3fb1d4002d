package server

import (
	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// countTokens answers CountTokens, for any kind of model identifier.
func (x *exchange) countTokens() error {
	x.model = x.labels[0]
	var req bedrock.CountTokensRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	call := countedCall(&req)
	call.Caller, call.RequestID, call.Class = x.caller, x.id, x.class
	count, err := x.server.manager.CountTokens(x.context(), call)
	if err != nil {
		return err
	}
	if count.Estimated {
		x.w.Header()["X-Outcrop-Usage"] = estimated
	}
	x.usage = &bedrock.TokenUsage{InputTokens: count.InputTokens}
	return x.sendValue(&bedrock.CountTokensResponse{InputTokens: count.InputTokens})
}

// countedCall is the call whose tokens are to be counted.
func countedCall(req *bedrock.CountTokensRequest) *outcrop.Call {
	if in := req.Input.InvokeModel; in != nil {
		body := in.Body
		if body == nil {
			body = []byte{}
		}
		return outcrop.NewInvokeCall(bedrock.OpInvokeModel, req.ModelID, body)
	}
	in := req.Input.Converse
	return outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{
		ModelID: req.ModelID, Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig,
		AdditionalModelRequestFields: in.AdditionalModelRequestFields, Unknown: in.Unknown,
	})
}
