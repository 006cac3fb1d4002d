package price

import (
	"fmt"
	"math"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// perMillion is how many tokens the prices are for.
const perMillion = 1e6

// Price is what the tokens of a model cost, in USD per million. A nil member
// is not known, which is not the same as free.
type Price struct {
	Input        *float64 `json:"input"`
	Output       *float64 `json:"output"`
	CacheRead    *float64 `json:"cacheRead"`
	CacheWrite   *float64 `json:"cacheWrite"`   // kept for five minutes
	CacheWrite1h *float64 `json:"cacheWrite1h"` // kept for an hour

	// Batch is what all of these are multiplied with in a batch job of AWS.
	Batch *float64 `json:"batch"`
}

// Cost is what the tokens of a call come to, in USD. It is known when every
// kind of token that was used has a price; and in a batch job, when the model
// has a batch price.
//
// Tokens read from and written to a cache are not among InputTokens: that is
// how Converse counts.
func (p Price) Cost(usage bedrock.TokenUsage, batch bool) (usd float64, known bool) {
	writes, hourly := valueOf(usage.CacheWriteInputTokens), 0
	for _, d := range usage.CacheDetails {
		if d.TTL == bedrock.CacheTTL1h {
			hourly += d.InputTokens
		}
	}
	hourly = min(hourly, writes)
	for _, part := range []struct {
		tokens int
		price  *float64
	}{
		{usage.InputTokens, p.Input},
		{usage.OutputTokens, p.Output},
		{valueOf(usage.CacheReadInputTokens), p.CacheRead},
		{writes - hourly, p.CacheWrite},
		{hourly, p.CacheWrite1h},
	} {
		switch {
		case part.tokens == 0:
		case part.price == nil:
			return 0, false
		default:
			usd += float64(part.tokens) * *part.price / perMillion
		}
	}
	if batch {
		if p.Batch == nil {
			return 0, false
		}
		usd *= *p.Batch
	}
	return usd, true
}

func valueOf(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// check refuses what is no price.
func (p Price) check() error {
	for _, part := range []struct {
		name  string
		value *float64
	}{
		{"input", p.Input},
		{"output", p.Output},
		{"cacheRead", p.CacheRead},
		{"cacheWrite", p.CacheWrite},
		{"cacheWrite1h", p.CacheWrite1h},
		{"batch", p.Batch},
	} {
		if v := part.value; v != nil && (*v < 0 || math.IsNaN(*v) || math.IsInf(*v, 0)) {
			return fmt.Errorf("%s: expected a number that is not negative", part.name)
		}
	}
	return nil
}
