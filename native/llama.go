package native

import (
	"errors"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// llamaText is Meta's format: a prompt in Llama's chat template.
var llamaText = &Family{
	name:    "meta-llama",
	request: llamaToConverse,
	reply:   llamaReply,
	encoder: newLlamaEncoder,
	usage:   llamaUsage,
	limits:  []string{"max_gen_len"},
	sampled: llamaSampling,
	ask:     askLlama,
}

// askLlama writes Llama 3's template.
func askLlama(q Question) any {
	turn := func(role, text string) string {
		return "<|start_header_id|>" + role + "<|end_header_id|>\n\n" + text
	}
	prompt := "<|begin_of_text|>"
	if q.System != "" {
		prompt += turn("system", q.System) + "<|eot_id|>"
	}
	prompt += turn("user", q.Prompt) + "<|eot_id|>" + turn("assistant", "")
	return withLimit(map[string]any{"prompt": prompt}, "max_gen_len", q)
}

type llamaRequest struct {
	Prompt      string   `json:"prompt"`
	Images      []string `json:"images"` // base64; they come before the text
	MaxGenLen   *int     `json:"max_gen_len"`
	Temperature *float64 `json:"temperature"`
	TopP        *float64 `json:"top_p"`

	Unknown bedrock.Document `json:",embed"`
}

var llama3Template = &promptTemplate{
	turns: []turnMark{
		{"<|start_header_id|>system<|end_header_id|>", roleSystem},
		{"<|start_header_id|>user<|end_header_id|>", roleUser},
		{"<|start_header_id|>assistant<|end_header_id|>", roleAssistant},
		{"<|start_header_id|>ipython<|end_header_id|>", roleUser}, // the result of a tool
	},
	noise: []string{"<|begin_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|image|>"},
}

var llama4Template = &promptTemplate{
	turns: []turnMark{
		{"<|header_start|>system<|header_end|>", roleSystem},
		{"<|header_start|>user<|header_end|>", roleUser},
		{"<|header_start|>assistant<|header_end|>", roleAssistant},
		{"<|header_start|>ipython<|header_end|>", roleUser},
	},
	noise: []string{"<|begin_of_text|>", "<|eot|>", "<|eom|>", "<|image|>"},
}

func llamaToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in llamaRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	if err := only(in.Unknown, ""); err != nil {
		return nil, err
	}
	req, err := promptRequest(in.Prompt, llama3Template, llama4Template, instTemplate)
	if err != nil {
		return nil, err
	}
	if err := in.addImages(req); err != nil {
		return nil, err
	}
	extra := object{}
	req.InferenceConfig = inference(in.MaxGenLen, in.Temperature, in.TopP, nil, extra)
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

// addImages puts the images before the text of the last user's turn.
func (in *llamaRequest) addImages(req *bedrock.ConverseRequest) error {
	var blocks []bedrock.ContentBlock
	for i, encoded := range in.Images {
		image, err := sniffedImage(encoded, join("images", string(appendInt(nil, i))))
		if err != nil {
			return err
		}
		blocks = append(blocks, bedrock.ContentBlock{Image: image})
	}
	for i := len(req.Messages) - 1; i >= 0 && len(blocks) > 0; i-- {
		if m := &req.Messages[i]; m.Role == roleUser {
			m.Content = append(blocks, m.Content...)
			return nil
		}
	}
	return nil
}

type llamaResponse struct {
	Generation           string             `json:"generation"`
	PromptTokenCount     *int               `json:"prompt_token_count"`
	GenerationTokenCount *int               `json:"generation_token_count"`
	StopReason           *string            `json:"stop_reason"`
	GuardrailAction      string             `json:"amazon-bedrock-guardrailAction,omitzero"`
	Metrics              *invocationMetrics `json:"amazon-bedrock-invocationMetrics,omitzero"`
}

func llamaReply(_ *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	return bedrock.Marshal(&llamaResponse{
		Generation:           res.Output.Message.Text(),
		PromptTokenCount:     &res.Usage.InputTokens,
		GenerationTokenCount: &res.Usage.OutputTokens,
		StopReason:           pointer(lengthOrStop(res.StopReason)),
		GuardrailAction:      guardrailAction(res.StopReason),
	})
}

func llamaUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply llamaResponse
	if bedrock.Unmarshal(body, &reply) != nil || reply.PromptTokenCount == nil || reply.GenerationTokenCount == nil {
		return bedrock.TokenUsage{}, false
	}
	return tokenUsage(*reply.PromptTokenCount, *reply.GenerationTokenCount, nil, nil), true
}

func newLlamaEncoder(*Info) Encoder {
	return &textEncoder{
		chunk: func(text string) []byte {
			chunk := append(make([]byte, 0, len(text)+96), `{"generation":`...)
			return append(bedrock.AppendString(chunk, text), `,"prompt_token_count":null,"generation_token_count":null,"stop_reason":null}`...)
		},
		last: func(stop bedrock.StopReason, m *bedrock.ConverseStreamMetadataEvent, metrics *invocationMetrics) ([]byte, error) {
			return bedrock.Marshal(&llamaResponse{
				PromptTokenCount: &m.Usage.InputTokens, GenerationTokenCount: &m.Usage.OutputTokens,
				StopReason: pointer(lengthOrStop(stop)), GuardrailAction: guardrailAction(stop), Metrics: metrics,
			})
		},
	}
}
