package compare

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/tokens"
)

// constructAttempts is how often Construct asks at most, by its default.
const constructAttempts = 3

// Work is what a comparison takes at most: a call by each method, and Construct
// may ask again.
func Work(modelID, prompt string, maxTokens int) estimate.Work {
	req := &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(prompt)}}
	if maxTokens > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &maxTokens}
	}
	once := estimate.Converse(modelID, req)
	work := once.Times(4)
	// The schema stands in every attempt, and what the one before wrote in the
	// next.
	attempt := once
	attempt.Input += 2 * tokens.Default().For(modelID).Text(answer)
	work.Add(attempt.Times(constructAttempts))
	work.Input += once.MaxOutput * (constructAttempts - 1) * constructAttempts / 2
	return work
}
