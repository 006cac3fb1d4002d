package simulator_test

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
)

// TestConformance runs the suite for one model of each native format.
func TestConformance(t *testing.T) {
	for _, modelID := range []string{
		haiku,
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		"amazon.nova-lite-v1:0",
		"amazon.titan-text-express-v1",
		"meta.llama3-1-8b-instruct-v1:0",
		"mistral.mistral-large-2402-v1:0",
		"cohere.command-r-v1:0",
		"ai21.jamba-1-5-mini-v1:0",
		"us.deepseek.r1-v1:0",
		"openai.gpt-oss-20b-1:0",
		"qwen.qwen3-32b-v1:0",
	} {
		t.Run(modelID, func(t *testing.T) {
			backendtest.Test(t, func(t *testing.T) outcrop.Backend { return simulate(t, simulator.Config{}) }, backendtest.Options{ModelID: modelID})
		})
	}
}

// TestConformancePaced runs the suite against a simulator that takes its
// time, though not much of it.
func TestConformancePaced(t *testing.T) {
	backendtest.Test(t, func(t *testing.T) outcrop.Backend {
		return simulate(t, simulator.Config{Pace: &simulator.Pace{FirstToken: time.Millisecond, TokensPerSecond: 20_000, Jitter: 0.5}})
	}, backendtest.Options{ModelID: haiku})
}

func simulate(t testing.TB, config simulator.Config) *simulator.Backend {
	t.Helper()
	b, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
