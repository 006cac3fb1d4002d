package estimate

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/price"
)

// margin is what the upper bound adds to estimated input tokens: the estimator
// was up to 21 % off on dense code in its own tests.
const margin = 1.25

// Work is what calls to one model take.
type Work struct {
	Calls     int
	Input     int // tokens, estimated
	MaxOutput int // tokens, at most
	Unlimited int // calls whose output has no known limit; MaxOutput leaves them out
	Unread    int // calls whose body could not be read; the model will refuse them
}

// Add adds other calls to the same model.
func (w *Work) Add(other Work) {
	w.Calls += other.Calls
	w.Input += other.Input
	w.MaxOutput += other.MaxOutput
	w.Unlimited += other.Unlimited
	w.Unread += other.Unread
}

// Times is the work done n times.
func (w Work) Times(n int) Work {
	return Work{Calls: n * w.Calls, Input: n * w.Input, MaxOutput: n * w.MaxOutput, Unlimited: n * w.Unlimited, Unread: n * w.Unread}
}

// Cost is what the work costs at most, in USD. It is not known when the model
// has no price, or a call no limit of its output. Prompt caches only make it
// less, but for what is written to them.
func (w Work) Cost(table *price.Table, modelID string, batch bool) (usd float64, known bool) {
	if w.Unlimited > 0 {
		return 0, false
	}
	input := int(margin * float64(w.Input))
	return table.Cost(modelID, bedrock.TokenUsage{InputTokens: input, OutputTokens: w.MaxOutput, TotalTokens: input + w.MaxOutput}, batch)
}
