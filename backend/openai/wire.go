package openai

import (
	"github.com/outcrop-ai/outcrop/bedrock"
)

// completion is a whole reply, or one chunk of a stream: a chunk has deltas
// where a reply has messages. Members that nobody reads are left out.
type completion struct {
	ID      string           `json:"id"`
	Model   string           `json:"model"`
	Choices []choice         `json:"choices"`
	Usage   *usage           `json:"usage"`
	Error   bedrock.Document `json:"error"`
}

type choice struct {
	Index        int              `json:"index"`
	Delta        message          `json:"delta"`
	Message      message          `json:"message"`
	FinishReason string           `json:"finish_reason"`
	StopReason   bedrock.Document `json:"stop_reason"`  // vLLM: the stop sequence, or a token's number
	MatchedStop  bedrock.Document `json:"matched_stop"` // SGLang: the same
}

type message struct {
	Content          string     `json:"content"`
	ReasoningContent string     `json:"reasoning_content"`
	Reasoning        string     `json:"reasoning"`
	Refusal          string     `json:"refusal"`
	ToolCalls        []toolCall `json:"tool_calls"`
}

// thoughts is the reasoning, under either of its names.
func (m *message) thoughts() string {
	if m.ReasoningContent != "" {
		return m.ReasoningContent
	}
	return m.Reasoning
}

type toolCall struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	Details          *struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

// converse is the usage as Converse counts it: what came from a cache is no
// input.
func (u *usage) converse() bedrock.TokenUsage {
	out := bedrock.TokenUsage{
		InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens, TotalTokens: u.PromptTokens + u.CompletionTokens,
	}
	if u.Details != nil && u.Details.CachedTokens > 0 {
		cached := min(u.Details.CachedTokens, u.PromptTokens)
		out.InputTokens -= cached
		out.CacheReadInputTokens = &cached
	}
	return out
}

// matchedStop is the stop sequence that ended a choice, when the server says
// so and it is one that was asked for.
func (c *choice) matchedStop(req *bedrock.ConverseRequest) string {
	if req.InferenceConfig == nil {
		return ""
	}
	for _, doc := range []bedrock.Document{c.StopReason, c.MatchedStop} {
		var s string
		if len(doc) == 0 || doc[0] != '"' || bedrock.Unmarshal(doc, &s) != nil {
			continue
		}
		for _, asked := range req.InferenceConfig.StopSequences {
			if s == asked {
				return s
			}
		}
	}
	return ""
}
