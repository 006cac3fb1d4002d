package bedrock_test

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// question and answer are of the size of a short exchange with a model.
const question = `{"messages":[{"role":"user","content":[{"text":"Explain in two or three sentences why the sky is blue during the day and red in the evening."}]}],` +
	`"inferenceConfig":{"maxTokens":512,"temperature":0.5},"system":[{"text":"You are brief."}]}`

func answer() *bedrock.ConverseResponse {
	text := strings.Repeat("Sunlight is scattered by the air. ", 32)
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
	return &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: bedrock.StopReasonEndTurn,
		Usage: bedrock.TokenUsage{InputTokens: 43, OutputTokens: 256, TotalTokens: 299}, Metrics: bedrock.ConverseMetrics{LatencyMs: 10},
	}
}

func BenchmarkUnmarshalRequest(b *testing.B) {
	bodies := map[string]string{
		"generated":  question,
		"reflection": strings.Replace(question, `"system"`, `"\u0073ystem"`, 1), // an escaped name is irregular
	}
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := bedrock.Unmarshal([]byte(body), new(bedrock.ConverseRequest)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMarshalResponse(b *testing.B) {
	response := answer()
	forms := map[string]any{
		"generated":  response,
		"reflection": *response, // only pointers have the generated methods
	}
	for name, form := range forms {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text, err := bedrock.Marshal(form)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(text)))
			}
		})
	}
}
