package openai

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// estimated marks a usage that the server did not tell. Clients of Amazon
// Bedrock pass the member over.
var estimated = bedrock.Document(`{"estimated":true}`)

// estimatedUsage is the usage of a reply whose server tells none.
func estimatedUsage(a *ask, m *bedrock.Message) bedrock.TokenUsage {
	counter := tokens.Default().For(a.model)
	u := bedrock.TokenUsage{InputTokens: counter.Input(a.request).Total, Unknown: estimated}
	for i := range m.Content {
		u.OutputTokens += counter.Block(&m.Content[i])
	}
	u.TotalTokens = u.InputTokens + u.OutputTokens
	return u
}
