package bedrock

// Add adds the tokens of another call.
func (u *TokenUsage) Add(other TokenUsage) {
	u.InputTokens += other.InputTokens
	u.OutputTokens += other.OutputTokens
	u.TotalTokens += other.TotalTokens
	u.CacheReadInputTokens = sum(u.CacheReadInputTokens, other.CacheReadInputTokens)
	u.CacheWriteInputTokens = sum(u.CacheWriteInputTokens, other.CacheWriteInputTokens)
}

// sum adds two counts that may be absent; it is absent when both are.
func sum(a, b *int) *int {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return new(*a + *b)
}
