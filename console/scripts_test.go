package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// TestScripts runs the tests of what the page computes: testdata/*.test.js. The
// stream that they read is written by the package whose frames the server sends.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: install Node.js 20 or later, as with apt-get install nodejs")
	}
	dir := t.TempDir()
	stream := filepath.Join(dir, "stream")
	if err := os.WriteFile(stream, testStream(), 0o600); err != nil {
		t.Fatal(err)
	}
	// Beside a package.json, node takes the browser's modules for modules.
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"static", "testdata"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(part)); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := filepath.Glob(filepath.Join(dir, "testdata/*.test.js"))
	if err != nil || len(tests) == 0 {
		t.Fatal("no tests: ", err)
	}
	for _, path := range tests {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".test.js"), func(t *testing.T) {
			cmd := exec.Command(node, "--test", path)
			cmd.Env = append(os.Environ(), "CONSOLE_STREAM="+stream)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// testStream is a reply that breaks off with an exception.
func testStream() []byte {
	const kind = "application/json"
	b := eventstream.AppendEvent(nil, "messageStart", kind, []byte(`{"role":"assistant"}`))
	b = eventstream.AppendEvent(b, "contentBlockDelta", kind, []byte(`{"delta":{"text":"Grüße, 世界 🌍"},"contentBlockIndex":0}`))
	b = eventstream.AppendEvent(b, "messageStop", kind, []byte(`{"stopReason":"end_turn"}`))
	return eventstream.AppendException(b, "throttlingException", kind, []byte(`{"message":"slow down"}`))
}
