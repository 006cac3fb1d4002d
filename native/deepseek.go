package native

import (
	"errors"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// deepseekText is DeepSeek's format with a prompt. The reply's text begins
// with the reasoning, which "</think>" ends.
var deepseekText = &Family{
	name:    "deepseek-text",
	request: deepseekToConverse,
	reply:   deepseekReply,
	encoder: newDeepseekEncoder,
	limits:  []string{"max_tokens"},
	sampled: chatSampling,
	chat:    deepseekChat,
	ask:     askDeepseek,
}

// deepseekChat is DeepSeek's format with messages: Chat Completions.
var deepseekChat = chatFamily("deepseek-chat", chatStyle{finish: "finish_reason", delta: "delta"})

const thinkEnd = "\n</think>\n\n"

var deepseekTemplate = &promptTemplate{
	turns: []turnMark{{"<｜begin▁of▁sentence｜>", roleSystem}, {"<｜User｜>", roleUser}, {"<｜Assistant｜>", roleAssistant}},
	noise: []string{"<｜end▁of▁sentence｜>", "<think>"},
}

func askDeepseek(q Question) any {
	prompt := "<｜begin▁of▁sentence｜>" + q.System + "<｜User｜>" + q.Prompt + "<｜Assistant｜><think>\n"
	return withLimit(map[string]any{"prompt": prompt}, "max_tokens", q)
}

func deepseekToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in mistralRequest // the same members
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	req, err := promptRequest(in.Prompt, deepseekTemplate)
	if err != nil {
		return nil, err
	}
	extra := objectOf(in.Unknown)
	req.InferenceConfig = inference(in.MaxTokens, in.Temperature, in.TopP, in.Stop, extra)
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

type deepseekResponse struct {
	Choices         []deepseekChoice   `json:"choices"`
	GuardrailAction string             `json:"amazon-bedrock-guardrailAction,omitzero"`
	Metrics         *invocationMetrics `json:"amazon-bedrock-invocationMetrics,omitzero"`
}

type deepseekChoice struct {
	Text       string  `json:"text"`
	StopReason *string `json:"stop_reason"`
}

func deepseekReply(_ *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	text := res.Output.Message.Text()
	if reasoning := reasoningText(res.Output.Message); reasoning != "" {
		text = reasoning + thinkEnd + text
	}
	return bedrock.Marshal(&deepseekResponse{
		Choices:         []deepseekChoice{{Text: text, StopReason: pointer(lengthOrStop(res.StopReason))}},
		GuardrailAction: guardrailAction(res.StopReason),
	})
}

func newDeepseekEncoder(*Info) Encoder {
	return &textEncoder{
		after: thinkEnd,
		chunk: func(text string) []byte {
			chunk := append(make([]byte, 0, len(text)+64), `{"choices":[{"text":`...)
			return append(bedrock.AppendString(chunk, text), `,"stop_reason":null}]}`...)
		},
		last: func(stop bedrock.StopReason, _ *bedrock.ConverseStreamMetadataEvent, metrics *invocationMetrics) ([]byte, error) {
			return bedrock.Marshal(&deepseekResponse{
				Choices:         []deepseekChoice{{StopReason: pointer(lengthOrStop(stop))}},
				GuardrailAction: guardrailAction(stop), Metrics: metrics,
			})
		},
	}
}
