package native

import (
	"errors"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// titanText is Amazon Titan Text's format.
var titanText = &Family{
	name:    "titan-text",
	request: titanToConverse,
	reply:   titanReply,
	encoder: newTitanEncoder,
	usage:   titanUsage,
	limits:  []string{"textGenerationConfig.maxTokenCount"},
	sampled: titanSampling,
	ask:     askTitan,
}

// askTitan puts the system's words before the prompt: Titan has no place of
// its own for them.
func askTitan(q Question) any {
	body := map[string]any{"inputText": before(q.System, q.Prompt)}
	if q.MaxTokens > 0 {
		body["textGenerationConfig"] = map[string]int{"maxTokenCount": q.MaxTokens}
	}
	return body
}

type titanRequest struct {
	InputText string `json:"inputText"`
	Config    struct {
		MaxTokenCount *int     `json:"maxTokenCount"`
		Temperature   *float64 `json:"temperature"`
		TopP          *float64 `json:"topP"`
		StopSequences []string `json:"stopSequences"`

		Unknown bedrock.Document `json:",embed"`
	} `json:"textGenerationConfig"`

	Unknown bedrock.Document `json:",embed"`
}

// titanTemplate is how Titan's documentation writes a conversation.
var titanTemplate = &promptTemplate{begin: "\n", turns: []turnMark{{"\nUser:", roleUser}, {"\nBot:", roleAssistant}}}

func titanToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in titanRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	if err := only(in.Unknown, ""); err != nil {
		return nil, err
	}
	if err := only(in.Config.Unknown, "textGenerationConfig"); err != nil {
		return nil, err
	}
	req, err := promptRequest(in.InputText, titanTemplate)
	if err != nil {
		return nil, missing("", "inputText")
	}
	extra := object{}
	req.InferenceConfig = inference(in.Config.MaxTokenCount, in.Config.Temperature, in.Config.TopP, in.Config.StopSequences, extra)
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

type titanResponse struct {
	InputTextTokenCount int           `json:"inputTextTokenCount"`
	Results             []titanResult `json:"results"`
	GuardrailAction     string        `json:"amazon-bedrock-guardrailAction,omitzero"`
}

type titanResult struct {
	TokenCount       int    `json:"tokenCount"`
	OutputText       string `json:"outputText"`
	CompletionReason string `json:"completionReason"`
}

// titanReason is Titan's name of a stop reason; its streams say FINISH where
// its replies say FINISHED.
func titanReason(reason bedrock.StopReason, finished string) string {
	switch reason {
	case bedrock.StopReasonMaxTokens, bedrock.StopReasonModelContextWindowExceeded:
		return "LENGTH"
	case bedrock.StopReasonStopSequence:
		return "STOP_CRITERIA_MET"
	case bedrock.StopReasonContentFiltered, bedrock.StopReasonGuardrailIntervened:
		return "CONTENT_FILTERED"
	}
	return finished
}

func titanReply(_ *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	return bedrock.Marshal(&titanResponse{
		InputTextTokenCount: res.Usage.InputTokens,
		Results: []titanResult{{
			TokenCount: res.Usage.OutputTokens, OutputText: res.Output.Message.Text(), CompletionReason: titanReason(res.StopReason, "FINISHED"),
		}},
		GuardrailAction: guardrailAction(res.StopReason),
	})
}

func titanUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply titanResponse
	if bedrock.Unmarshal(body, &reply) != nil || len(reply.Results) == 0 {
		return bedrock.TokenUsage{}, false
	}
	output := 0
	for _, r := range reply.Results {
		output += r.TokenCount
	}
	return tokenUsage(reply.InputTextTokenCount, output, nil, nil), true
}

type titanChunk struct {
	OutputText                string             `json:"outputText"`
	Index                     int                `json:"index"`
	TotalOutputTextTokenCount *int               `json:"totalOutputTextTokenCount"`
	CompletionReason          *string            `json:"completionReason"`
	InputTextTokenCount       *int               `json:"inputTextTokenCount"`
	GuardrailAction           string             `json:"amazon-bedrock-guardrailAction,omitzero"`
	Metrics                   *invocationMetrics `json:"amazon-bedrock-invocationMetrics,omitzero"`
}

func newTitanEncoder(*Info) Encoder {
	return &textEncoder{
		chunk: func(text string) []byte {
			chunk := append(make([]byte, 0, len(text)+128), `{"outputText":`...)
			return append(bedrock.AppendString(chunk, text), `,"index":0,"totalOutputTextTokenCount":null,"completionReason":null,"inputTextTokenCount":null}`...)
		},
		last: func(stop bedrock.StopReason, m *bedrock.ConverseStreamMetadataEvent, metrics *invocationMetrics) ([]byte, error) {
			return bedrock.Marshal(&titanChunk{
				TotalOutputTextTokenCount: &m.Usage.OutputTokens, InputTextTokenCount: &m.Usage.InputTokens,
				CompletionReason: pointer(titanReason(stop, "FINISH")), GuardrailAction: guardrailAction(stop), Metrics: metrics,
			})
		},
	}
}
