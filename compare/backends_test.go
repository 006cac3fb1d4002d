package compare_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/internal/testengine"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/server"
)

// configured compares the methods on the back-end of a configuration, on a real
// clock.
func configured(t *testing.T, modelID, text string) map[outcrop.Method]compare.Row {
	t.Helper()
	environment := map[string]string{"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
	for name, value := range environment {
		t.Setenv(name, value)
	}
	settings, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := local.Open(t.TempDir(), local.Config{ModelID: modelID, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	rows := map[outcrop.Method]compare.Row{}
	for _, r := range compare.Run(t.Context(), m.Manager, compare.Options{Prompt: "John Doe is 42 years old.", MaxTokens: 60, Objects: m.Objects()}) {
		rows[r.Method] = r
		t.Logf("%s %s %s: first %d ms, all %d ms, %d + %d tokens", r.Method, r.Status, r.Message, r.TimeToFirstTokenMs, r.TotalMs, r.Usage.InputTokens, r.Usage.OutputTokens)
	}
	return rows
}

// measured asserts what holds of every row on every back-end.
func measured(t *testing.T, rows map[outcrop.Method]compare.Row, methods ...outcrop.Method) {
	t.Helper()
	for _, method := range methods {
		r := rows[method]
		if r.Status != "ok" || r.Usage.InputTokens+r.Usage.OutputTokens == 0 || r.TimeToFirstTokenMs > r.TotalMs {
			t.Errorf("%s: %+v", method, r)
		}
		if minute := method != outcrop.MethodAsync; minute != (r.QuotaRequests == 1) {
			t.Errorf("%s counts %d requests", method, r.QuotaRequests)
		}
	}
}

// TestAmazon: all five methods through the amazon back-end, asking an Outcrop
// in AWS's place.
func TestAmazon(t *testing.T) {
	s, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := outcrop.New(outcrop.Config{Backend: s})
	if err != nil {
		t.Fatal(err)
	}
	door, err := server.New(server.Config{Manager: m})
	if err != nil {
		t.Fatal(err)
	}
	there := httptest.NewServer(door.Handler())
	t.Cleanup(there.Close)
	rows := configured(t, "amazon.nova-pro-v1:0", fmt.Sprintf("backend: there\nbackends:\n  there: {kind: amazon, region: us-east-1, endpoint: %q}\n", there.URL))
	measured(t, rows, outcrop.Methods...)
	if sync, stream := rows[outcrop.MethodSync], rows[outcrop.MethodStream]; sync.Usage.TotalTokens != stream.Usage.TotalTokens || sync.QuotaTokens != stream.QuotaTokens {
		t.Errorf("sync %+v, stream %+v", sync, stream)
	}
}

// TestLlamaServer: a real engine. Its model's weights are random, so no two
// replies are alike, and a text within a schema may not end in time.
func TestLlamaServer(t *testing.T) {
	engine := testengine.Start(t)
	rows := configured(t, engine.Model, fmt.Sprintf("backend: engine\nbackends:\n  engine: {kind: openai, engine: llama.cpp, baseUrl: %q}\n", engine.URL+"/v1"))
	measured(t, rows, outcrop.MethodSync, outcrop.MethodStream, outcrop.MethodAsync, outcrop.MethodConverse)
	if c := rows[outcrop.MethodConstruct]; !slices.Contains([]string{"ok", bedrock.CodeSchemaValidation}, c.Status) {
		t.Errorf("construct: %+v", c)
	}
}
