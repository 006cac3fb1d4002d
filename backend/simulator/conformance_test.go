package simulator_test

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
)

func TestConformance(t *testing.T) {
	for _, modelID := range []string{
		haiku,
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
		"meta.llama3-1-8b-instruct-v1:0",
	} {
		t.Run(modelID, func(t *testing.T) {
			options := backendtest.Options{ModelID: modelID}
			if modelID == "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0" {
				options.ModelID = "amazon.nova-lite-v1:0"
			}
			backendtest.Test(t, func(t *testing.T) outcrop.Backend { return simulate(t, simulator.Config{}) }, options)
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
