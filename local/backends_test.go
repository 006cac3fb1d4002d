package local_test

import (
	"context"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/local"
)

func settings(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("outcrop.yaml", []byte(text), config.Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, c *config.Config) (*local.Local, error) {
	t.Helper()
	m, err := local.Open(t.TempDir(), local.Config{Settings: c})
	if err == nil {
		t.Cleanup(func() {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return m, err
}

// TestTheSimulatorIsNotThereUnasked: it is opened where a call can reach it,
// and only there.
func TestTheSimulatorIsNotThereUnasked(t *testing.T) {
	const engine = "backends: {e: {kind: openai, baseUrl: 'http://127.0.0.1:1/v1'}}\n"
	for text, there := range map[string]bool{
		"": true, engine: false, engine + "models: [{match: x, backend: simulator}]\n": true, "backend: simulator\n" + engine: true,
	} {
		m, err := open(t, settings(t, text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if (m.Simulator() != nil) != there || strings.Contains(m.Notice(), "simulator") != there {
			t.Errorf("%q: simulator %v, want %v; %s", text, m.Simulator() != nil, there, m.Notice())
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	const unused = "backend: simulator\nbackends: {e: {kind: openai, baseUrl: 'http://127.0.0.1:1/v1', apiKeyEnv: KEY}}\n"
	if _, err := open(t, settings(t, unused)); err != nil {
		t.Errorf("nobody asks that back-end, and yet: %v", err)
	}
	_, err := open(t, settings(t, unused+"models: [{match: x, backend: e}]\n"))
	if err == nil || !strings.Contains(err.Error(), "back-end e: outcrop.yaml:2: backends.e.apiKeyEnv: the environment variable KEY is not set") {
		t.Errorf("got %v", err)
	}
	c := config.Default()
	c.Backends["new"] = config.Backend{Kind: "quantum"}
	c.Backend = "new"
	if _, err := open(t, c); err == nil || err.Error() != `back-end new: this program has no kind "quantum"; it has amazon, openai, simulator` {
		t.Errorf("got %v", err)
	}
}

func TestPlacesShowNoSecret(t *testing.T) {
	for _, p := range local.Places(settings(t, "backends: {e: {kind: openai, baseUrl: 'http://user:hush@127.0.0.1:1/v1?key=hush'}}")) {
		if p.Name != "e" || p.Kind != "openai" || strings.Contains(p.Where, "hush") || !strings.Contains(p.Where, "127.0.0.1:1/v1") {
			t.Errorf("%+v", p)
		}
	}
}
