package native

import (
	"errors"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// novaMessages is Amazon Nova's format, which is nearly Converse's own.
var novaMessages = &Family{
	name:    "amazon-nova",
	request: novaToConverse,
	reply:   novaReply,
	encoder: newNovaEncoder,
	usage:   novaReplyUsage,
	limits:  []string{"inferenceConfig.maxTokens", "inferenceConfig.max_new_tokens"},
	sampled: novaSampling,
	ask:     askNova,
}

func askNova(q Question) any {
	body := map[string]any{
		"schemaVersion": "messages-v1",
		"messages":      []bedrock.Message{bedrock.UserText(q.Prompt)},
	}
	if q.System != "" {
		body["system"] = []bedrock.SystemContentBlock{{Text: &q.System}}
	}
	if q.MaxTokens > 0 {
		body["inferenceConfig"] = map[string]int{"maxTokens": q.MaxTokens}
	}
	return body
}

type novaRequest struct {
	SchemaVersion string                       `json:"schemaVersion"`
	Messages      []bedrock.Message            `json:"messages"`
	System        []bedrock.SystemContentBlock `json:"system"`
	ToolConfig    *bedrock.ToolConfiguration   `json:"toolConfig"`
	Inference     *novaInference               `json:"inferenceConfig"`

	Unknown bedrock.Document `json:",embed"`
}

// novaInference has two names for some settings, of two editions of the
// format.
type novaInference struct {
	MaxTokens     *int     `json:"maxTokens"`
	MaxNewTokens  *int     `json:"max_new_tokens"`
	Temperature   *float64 `json:"temperature"`
	TopP          *float64 `json:"topP"`
	TopPOld       *float64 `json:"top_p"`
	StopSequences []string `json:"stopSequences"`

	Unknown bedrock.Document `json:",embed"` // topK, reasoningConfig
}

func novaToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in novaRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	if len(in.Messages) == 0 {
		return nil, missing("", "messages")
	}
	if in.SchemaVersion != "" && in.SchemaVersion != "messages-v1" {
		return nil, bad("schemaVersion", "expected \"messages-v1\"")
	}
	for i := range in.Messages {
		for j := range in.Messages[i].Content {
			block := &in.Messages[i].Content[j]
			at := "messages." + string(appendInt(nil, i)) + ".content." + string(appendInt(nil, j))
			if err := only(block.Unknown, at); err != nil {
				return nil, err
			}
		}
	}
	req := &bedrock.ConverseRequest{Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig}
	extra := objectOf(in.Unknown)
	if c := in.Inference; c != nil {
		limit, topP := c.MaxTokens, c.TopP
		if limit == nil {
			limit = c.MaxNewTokens
		}
		if topP == nil {
			topP = c.TopPOld
		}
		req.InferenceConfig = inference(limit, c.Temperature, topP, c.StopSequences, extra)
		if len(c.Unknown) > 0 {
			extra.set("inferenceConfig", c.Unknown) // where Converse takes Nova's topK
		}
	}
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

type novaUsage struct {
	InputTokens               int  `json:"inputTokens"`
	OutputTokens              int  `json:"outputTokens"`
	TotalTokens               int  `json:"totalTokens,omitzero"`
	CacheReadInputTokenCount  *int `json:"cacheReadInputTokenCount,omitzero"`
	CacheWriteInputTokenCount *int `json:"cacheWriteInputTokenCount,omitzero"`
}

func novaUsageOf(u *bedrock.TokenUsage) *novaUsage {
	return &novaUsage{
		InputTokens: u.InputTokens, OutputTokens: u.OutputTokens, TotalTokens: u.TotalTokens,
		CacheReadInputTokenCount: u.CacheReadInputTokens, CacheWriteInputTokenCount: u.CacheWriteInputTokens,
	}
}

func novaReply(_ *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	return bedrock.Marshal(&struct {
		Output          bedrock.ConverseOutput `json:"output"`
		StopReason      bedrock.StopReason     `json:"stopReason"`
		Usage           *novaUsage             `json:"usage"`
		GuardrailAction string                 `json:"amazon-bedrock-guardrailAction,omitzero"`
	}{res.Output, res.StopReason, novaUsageOf(&res.Usage), guardrailAction(res.StopReason)})
}

func novaReplyUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply struct {
		Usage *novaUsage `json:"usage"`
	}
	if bedrock.Unmarshal(body, &reply) != nil || reply.Usage == nil {
		return bedrock.TokenUsage{}, false
	}
	u := reply.Usage
	return tokenUsage(u.InputTokens, u.OutputTokens, u.CacheReadInputTokenCount, u.CacheWriteInputTokenCount), true
}

// novaEncoder writes Converse's events with their names inside.
type novaEncoder struct{ chunks [1][]byte }

func newNovaEncoder(*Info) Encoder { return new(novaEncoder) }

func (e *novaEncoder) Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error) {
	var err error
	switch {
	case out.ContentBlockDelta != nil && out.ContentBlockDelta.Delta.Text != nil:
		text := *out.ContentBlockDelta.Delta.Text
		chunk := append(make([]byte, 0, len(text)+80), `{"contentBlockDelta":{"delta":{"text":`...)
		chunk = append(bedrock.AppendString(chunk, text), `},"contentBlockIndex":`...)
		e.chunks[0] = append(appendInt(chunk, out.ContentBlockDelta.ContentBlockIndex), `}}`...)
	case out.Metadata != nil:
		metadata := object{}
		metadata.set("usage", novaUsageOf(&out.Metadata.Usage))
		metadata.set("metrics", object{})
		metadata.set("trace", object{})
		last := object{}
		last.set("metadata", metadata)
		last.set(metricsName, metricsOf(out.Metadata, firstByte))
		e.chunks[0] = last.document()
	default:
		e.chunks[0], err = bedrock.Marshal(out)
	}
	return e.chunks[:], err
}
