package cassette_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/cassette"
)

// TestConformance: what is recorded, and what is replayed of it, keep to what
// every back-end keeps to.
func TestConformance(t *testing.T) {
	dir := t.TempDir()
	options := backendtest.Options{ModelID: "anthropic.claude-sonnet-4-5-20250929-v1:0"}
	t.Run("recorded", func(t *testing.T) {
		backendtest.Test(t, func(t *testing.T) outcrop.Backend {
			b, err := simulator.New(simulator.Config{LogSize: -1})
			if err != nil {
				t.Fatal(err)
			}
			recorder, err := cassette.NewRecorder(b, dir, cassette.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return recorder
		}, options)
	})
	t.Run("replayed", func(t *testing.T) {
		backendtest.Test(t, func(t *testing.T) outcrop.Backend {
			player, err := cassette.Open(dir, cassette.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return player
		}, backendtest.Options{ModelID: options.ModelID, Without: []backendtest.Feature{backendtest.Counts}}) // which are not recorded
	})
}
