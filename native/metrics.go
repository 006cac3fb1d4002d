package native

import (
	"bytes"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// metricsName is the member of a stream's last chunk that says what the
// stream cost.
const metricsName = "amazon-bedrock-invocationMetrics"

// invocationMetrics is the value of that member.
type invocationMetrics struct {
	InputTokenCount           int  `json:"inputTokenCount"`
	OutputTokenCount          int  `json:"outputTokenCount"`
	InvocationLatency         int  `json:"invocationLatency"` // milliseconds
	FirstByteLatency          int  `json:"firstByteLatency"`  // milliseconds
	CacheReadInputTokenCount  *int `json:"cacheReadInputTokenCount,omitzero"`
	CacheWriteInputTokenCount *int `json:"cacheWriteInputTokenCount,omitzero"`
}

func metricsOf(m *bedrock.ConverseStreamMetadataEvent, firstByte time.Duration) *invocationMetrics {
	return &invocationMetrics{
		InputTokenCount:           m.Usage.InputTokens,
		OutputTokenCount:          m.Usage.OutputTokens,
		InvocationLatency:         m.Metrics.LatencyMs,
		FirstByteLatency:          int(firstByte.Milliseconds()),
		CacheReadInputTokenCount:  m.Usage.CacheReadInputTokens,
		CacheWriteInputTokenCount: m.Usage.CacheWriteInputTokens,
	}
}

// ChunkUsage reads the token usage of a native stream's last chunk, whatever
// its family. For every other chunk ok is false; telling them apart costs one
// search through the chunk.
func ChunkUsage(chunk []byte) (usage bedrock.TokenUsage, ok bool) {
	if !bytes.Contains(chunk, []byte(metricsName)) {
		return usage, false
	}
	var last struct {
		Metrics *invocationMetrics `json:"amazon-bedrock-invocationMetrics"`
	}
	if bedrock.Unmarshal(chunk, &last) != nil || last.Metrics == nil {
		return usage, false
	}
	m := last.Metrics
	return tokenUsage(m.InputTokenCount, m.OutputTokenCount, m.CacheReadInputTokenCount, m.CacheWriteInputTokenCount), true
}

// tokenUsage puts counts together. The input of Bedrock's formats leaves
// cached tokens out; the total has them.
func tokenUsage(input, output int, read, write *int) bedrock.TokenUsage {
	u := bedrock.TokenUsage{
		InputTokens: input, OutputTokens: output, TotalTokens: input + output,
		CacheReadInputTokens: read, CacheWriteInputTokens: write,
	}
	for _, cached := range []*int{read, write} {
		if cached != nil {
			u.TotalTokens += *cached
		}
	}
	return u
}
