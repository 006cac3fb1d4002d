package amazon_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	modelID  = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	region   = "eu-central-1"
	testKey  = "AKIDEXAMPLE"
	testPass = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// isolate hides the developer's own AWS configuration from a test, and gives
// it these two files.
func isolate(t testing.TB, configFile, credentialsFile string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it is restored
			os.Unsetenv(name)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"config": configFile, "credentials": credentialsFile} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// signedIn isolates a test with an access key in its environment.
func signedIn(t testing.TB) {
	t.Helper()
	isolate(t, "", "")
	t.Setenv("AWS_ACCESS_KEY_ID", testKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testPass)
}

// open makes a back-end that asks url, with the environment of the test.
func open(t testing.TB, url string, change ...func(*amazon.Config)) *amazon.Backend {
	t.Helper()
	config := amazon.Config{Flag: amazon.Choice{Region: region, Endpoint: url}}
	for _, c := range change {
		c(&config)
	}
	b, err := amazon.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// limits sets limits that are short enough to be waited for.
func limits(l amazon.Limits) func(*amazon.Config) {
	return func(c *amazon.Config) { c.Limits = l }
}

// upstream serves a handler until the test ends, and then cuts what is left.
// The handler gets the request with its body read: only then does a server
// notice that a client has gone.
func upstream(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(readFirst(t, handler))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func readFirst(t testing.TB, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, r)
	}
}

// seen is a request as the service got it.
type seen struct {
	method, uri string
	header      http.Header
	body        string
}

func see(t testing.TB, r *http.Request) seen {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return seen{r.Method, r.RequestURI, r.Header.Clone(), string(body)}
}

// converseCall is a call as a door makes it, with the bytes as they came.
func converseCall(operation, body string) *outcrop.Call {
	return outcrop.NewInvokeCall(operation, modelID, []byte(body))
}

const hello = `{"messages":[{"role":"user","content":[{"text":"hello"}]}]}`

// frame is an event as the service sends it.
func frame(event, payload string) []byte {
	return eventstream.AppendEvent(nil, event, "application/json", []byte(payload))
}

func exception(name, payload string) []byte {
	return eventstream.AppendException(nil, name, "application/json", []byte(payload))
}

// helloFrames are the frames of a whole Converse stream.
func helloFrames() [][]byte {
	return [][]byte{
		frame("messageStart", `{"p":"abc","role":"assistant"}`),
		frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hel"},"p":"abcdef"}`),
		frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"lo."}}`),
		frame("contentBlockStop", `{"contentBlockIndex":0}`),
		frame("messageStop", `{"stopReason":"end_turn"}`),
		frame("metadata", `{"metrics":{"latencyMs":7},"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}`),
	}
}

// sendFrames writes frames, each flushed.
func sendFrames(w http.ResponseWriter, frames ...[]byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", eventstream.ContentType)
		w.Header().Set("X-Amzn-Requestid", "upstream-id")
	}
	for _, f := range frames {
		_, _ = w.Write(f)
		_ = http.NewResponseController(w).Flush()
	}
}

// collect reads a stream to its end, and returns its frames, one after the
// other, and the error that it ended with.
func collect(t testing.TB, s *outcrop.Stream) (frames []byte, n int, err error) {
	t.Helper()
	defer s.Close()
	for event, e := range s.Events() {
		if e != nil {
			return frames, n, e
		}
		n++
		if frames, err = event.AppendFrame(frames); err != nil {
			t.Fatal(err)
		}
	}
	return frames, n, nil
}

// partialText is the text in the partial reply of an error.
func partialText(t testing.TB, e *outcrop.Error) string {
	t.Helper()
	if e.Partial == nil {
		return ""
	}
	var message bedrock.Message
	if err := bedrock.Unmarshal(e.Partial, &message); err != nil {
		t.Fatalf("the partial reply %s: %v", e.Partial, err)
	}
	return message.Text()
}

// short are limits for tests of what never comes.
var short = amazon.Limits{
	Dial: time.Second, TLS: time.Second,
	Accept: 60 * time.Millisecond, Answer: 60 * time.Millisecond, Idle: 60 * time.Millisecond, Linger: 20 * time.Millisecond,
}

// shortPauses are short limits for what comes behind the first event, which a
// busy machine may be late with.
var shortPauses = amazon.Limits{Dial: short.Dial, TLS: short.TLS, Accept: 20 * time.Second, Answer: short.Answer, Idle: short.Idle, Linger: short.Linger}

// quiet takes what a server logs about what a test provokes.
var quiet = log.New(io.Discard, "", 0)

// certificateFile writes a certificate as a CA bundle.
func certificateFile(t testing.TB, c tls.Certificate) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
