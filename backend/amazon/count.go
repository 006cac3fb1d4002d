package amazon

import (
	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
)

// countBody is the request that counts the input tokens of a call.
func countBody(call *outcrop.Call) ([]byte, error) {
	var req bedrock.CountTokensRequest
	if call.Native() {
		req.Input.InvokeModel = &bedrock.InvokeModelTokensRequest{Body: call.Raw}
		return bedrock.Marshal(&req)
	}
	in, err := call.Converse()
	if err != nil {
		return nil, err
	}
	req.Input.Converse = &bedrock.ConverseTokensRequest{
		Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig,
		AdditionalModelRequestFields: in.AdditionalModelRequestFields,
	}
	return bedrock.Marshal(&req)
}

// baseModel is the id of the model behind a profile's id or an ARN.
func baseModel(id string) string {
	if match, ok := catalog.Default().Resolve(id); ok {
		return match.Model.ID
	}
	return catalog.FromARN(id)
}
