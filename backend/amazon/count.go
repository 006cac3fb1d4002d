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

// countedModel is the id that CountTokens takes for a model: the service
// refuses inference profiles and ARNs there.
func countedModel(id string) string {
	if match, ok := catalog.Default().Resolve(id); ok {
		return match.Model.ID
	}
	return catalog.FromARN(id)
}
