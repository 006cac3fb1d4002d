package native

import (
	"errors"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// mistralText is Mistral's format with a prompt, written in its [INST]
// template.
var mistralText = &Family{
	name:    "mistral-text",
	request: mistralToConverse,
	reply:   mistralReply,
	encoder: newMistralEncoder,
	limits:  []string{"max_tokens"},
	sampled: chatSampling,
	chat:    mistralChat,
	ask:     askMistral,
}

// mistralChat is the chat format of Mistral Large and Small on Bedrock: Chat
// Completions but for the replies' stop_reason and what stands around them.
var mistralChat = chatFamily("mistral-chat", chatStyle{bare: true, finish: "stop_reason", delta: "message"})

// askMistral writes one instruction, the system's words first.
func askMistral(q Question) any {
	prompt := "<s>[INST] " + before(q.System, q.Prompt) + " [/INST]"
	return withLimit(map[string]any{"prompt": prompt}, "max_tokens", q)
}

type mistralRequest struct {
	Prompt      string   `json:"prompt"`
	MaxTokens   *int     `json:"max_tokens"`
	Temperature *float64 `json:"temperature"`
	TopP        *float64 `json:"top_p"`
	Stop        []string `json:"stop"`

	Unknown bedrock.Document `json:",embed"` // top_k
}

func mistralToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in mistralRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	req, err := promptRequest(in.Prompt, instTemplate)
	if err != nil {
		return nil, err
	}
	extra := objectOf(in.Unknown)
	req.InferenceConfig = inference(in.MaxTokens, in.Temperature, in.TopP, in.Stop, extra)
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

type mistralResponse struct {
	Outputs         []mistralOutput    `json:"outputs"`
	GuardrailAction string             `json:"amazon-bedrock-guardrailAction,omitzero"`
	Metrics         *invocationMetrics `json:"amazon-bedrock-invocationMetrics,omitzero"`
}

type mistralOutput struct {
	Text       string  `json:"text"`
	StopReason *string `json:"stop_reason"`
}

func mistralReply(_ *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	return bedrock.Marshal(&mistralResponse{
		Outputs:         []mistralOutput{{Text: res.Output.Message.Text(), StopReason: pointer(lengthOrStop(res.StopReason))}},
		GuardrailAction: guardrailAction(res.StopReason),
	})
}

func newMistralEncoder(*Info) Encoder {
	return &textEncoder{
		chunk: func(text string) []byte {
			chunk := append(make([]byte, 0, len(text)+64), `{"outputs":[{"text":`...)
			return append(bedrock.AppendString(chunk, text), `,"stop_reason":null}]}`...)
		},
		last: func(stop bedrock.StopReason, _ *bedrock.ConverseStreamMetadataEvent, metrics *invocationMetrics) ([]byte, error) {
			return bedrock.Marshal(&mistralResponse{
				Outputs:         []mistralOutput{{StopReason: pointer(lengthOrStop(stop))}},
				GuardrailAction: guardrailAction(stop), Metrics: metrics,
			})
		},
	}
}
