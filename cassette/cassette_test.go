package cassette_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/cassette"
)

const modelID = "anthropic.claude-sonnet-4-5-20250929-v1:0"

const (
	hello       = `{"messages":[{"role":"user","content":[{"text":"hello there"}]}],"inferenceConfig":{"temperature":0.5}}`
	nativeHello = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":60,"messages":[{"role":"user","content":"hello"}]}`
)

func call(operation, body string) *outcrop.Call {
	return outcrop.NewInvokeCall(operation, modelID, []byte(body))
}

func simulate(t testing.TB, config simulator.Config) *simulator.Backend {
	t.Helper()
	b, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is all bytes of a reply: its body, or its frames.
func answer(t testing.TB, b outcrop.Backend, c *outcrop.Call) ([]byte, error) {
	t.Helper()
	reply, err := b.Do(t.Context(), c)
	if err != nil {
		return nil, err
	}
	if reply.Stream == nil {
		return reply.Body()
	}
	defer reply.Stream.Close()
	var frames []byte
	for event, err := range reply.Stream.Events() {
		if err != nil {
			return frames, err
		}
		if frames, err = event.AppendFrame(frames); err != nil {
			t.Fatal(err)
		}
	}
	return frames, nil
}

func record(t testing.TB, next outcrop.Backend, dir string, config cassette.Config) *cassette.Recorder {
	t.Helper()
	r, err := cassette.NewRecorder(next, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func play(t testing.TB, dir string, config cassette.Config) *cassette.Player {
	t.Helper()
	p, err := cassette.Open(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReplay: what was recorded comes back byte for byte, replies, streams and
// errors, however the request's JSON is written.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	r := record(t, simulate(t, simulator.Config{}), dir, cassette.Config{})
	calls := []*outcrop.Call{
		call(bedrock.OpConverse, hello),
		call(bedrock.OpConverseStream, hello),
		call(bedrock.OpInvokeModel, nativeHello),
		call(bedrock.OpInvokeModelWithResponseStream, nativeHello),
		call(bedrock.OpConverse, `{"messages":[]}`), // is refused
	}
	var want [][]byte
	var wantErr []error
	for _, c := range calls {
		text, err := answer(t, r, c)
		want, wantErr = append(want, text), append(wantErr, err)
	}
	p := play(t, dir, cassette.Config{})
	for i, c := range calls {
		// Another spelling of the same request, with metadata that does not count.
		body := strings.Replace(strings.ReplaceAll(string(c.Raw), ",", " ,\n "), "{", `{"requestMetadata":{"run":"17"},`, 1)
		got, err := answer(t, p, call(c.Operation, body))
		if !bytes.Equal(got, want[i]) {
			t.Errorf("%s: %q, want %q", c.Operation, got, want[i])
		}
		if (err == nil) != (wantErr[i] == nil) || err != nil && err.Error() != wantErr[i].Error() {
			t.Errorf("%s: error %v, want %v", c.Operation, err, wantErr[i])
		}
	}
	reply, err := p.Do(t.Context(), calls[2])
	if err != nil || reply.Meta.Usage == nil || reply.Meta.Usage.OutputTokens == 0 || reply.Meta.Backend != cassette.Name || reply.Meta.Latency == 0 {
		t.Errorf("meta %+v, %v", reply.Meta, err)
	}
}

// TestGolden holds the format: a change of it shows in this file, and needs a
// new version.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	clock := time.Unix(0, 0)
	r := record(t, simulate(t, simulator.Config{}), dir, cassette.Config{Now: func() time.Time {
		clock = clock.Add(20 * time.Millisecond)
		return clock
	}})
	body := `{"messages":[{"role":"user","content":[{"text":"Say: hello\nthere, AKIAABCDEFGHIJKLMNOP"}]}],"inferenceConfig":{"maxTokens":40}}`
	if _, err := answer(t, r, call(bedrock.OpConverseStream, body)); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files %v, %v", names, err)
	}
	got, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", filepath.Base(names[0]))
	if os.Getenv("OUTCROP_UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	if _, err := answer(t, play(t, "testdata", cassette.Config{}), call(bedrock.OpConverseStream, body)); err != nil {
		t.Error(err)
	}
}

// TestMissing: the error names the nearest recording and what differs, and
// repeats no prompt.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	r := record(t, simulate(t, simulator.Config{}), dir, cassette.Config{})
	for _, body := range []string{hello, strings.Replace(hello, "hello there", "a wholly different question", 1)} {
		if _, err := answer(t, r, call(bedrock.OpConverse, body)); err != nil {
			t.Fatal(err)
		}
	}
	asked := strings.Replace(strings.Replace(hello, "hello there", "hello secret", 1), "0.5", "0.7", 1)
	_, err := answer(t, play(t, dir, cassette.Config{}), call(bedrock.OpConverse, asked))
	e := outcrop.AsError(err)
	for _, want := range []string{
		"nearest is converse-", "inferenceConfig.temperature: recorded 0.5, asked 0.7",
		"messages.0.content.0.text: recorded a string of", "differ from byte",
	} {
		if !strings.Contains(e.Message, want) {
			t.Errorf("%q is not in %s", want, e.Message)
		}
	}
	if e.Code != bedrock.CodeResourceNotFound || strings.Contains(e.Message, "secret") {
		t.Errorf("%+v", e)
	}
}

// TestSecrets: no header but the operations' own, no caller, and nothing that
// looks like a key gets into a file.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	r := record(t, simulate(t, simulator.Config{}), dir, cassette.Config{Redact: func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte("mallory"), []byte("[name]"))
	}})
	secrets := []string{"AKIAABCDEFGHIJKLMNOP", "ABSKQmVkcm9ja0FQSUtleS1hYmNkZWZnaGlqa2xtbm9w", "sk-" + strings.Repeat("a1", 15), "mallory", "the-tenant", "the-header"}
	body := strings.Replace(hello, "hello there", strings.Join(secrets[:4], " "), 1)
	for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
		c := call(operation, body)
		c.Caller.Tenant, c.Header = "the-tenant", map[string]string{"Authorization": "the-header"}
		if _, err := answer(t, r, c); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Fatalf("files %v", names)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
	}
	_, err := answer(t, play(t, dir, cassette.Config{Redact: func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte("mallory"), []byte("[name]"))
	}}), call(bedrock.OpConverse, body))
	if err != nil {
		t.Errorf("a redacted request is not found: %v", err)
	}
}

// TestSpread: a secret that a stream spells over several events is struck out,
// and what is around it stays.
func TestSpread(t *testing.T) {
	dir := t.TempDir()
	pieces := []string{"a \"key\": ", "AKIAABCD", "EFGHIJKL", "MNOP, and ", "AKIAABCDEFGHIJKLM", "NOP."}
	next := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for _, piece := range pieces {
				if !yield(bedrock.NewEvent(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{
					Delta: bedrock.ContentBlockDelta{Text: &piece},
				}}), nil) {
					return
				}
			}
		}, nil)), nil
	})
	c := call(bedrock.OpConverseStream, hello)
	if _, err := answer(t, record(t, next, dir, cassette.Config{}), c); err != nil {
		t.Fatal(err)
	}
	reply, err := play(t, dir, cassette.Config{}).Do(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	var text string
	n := 0
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out, err := event.Output()
		if err != nil {
			t.Fatal(err)
		}
		text += *out.ContentBlockDelta.Delta.Text
		n++
	}
	if text != "a \"key\": [redacted], and [redacted]." || n != len(pieces) {
		t.Errorf("%d events: %s", n, text)
	}
}

// TestOrder: equal requests are answered in the order of their recordings, the
// last one for ever; a new recorder begins anew.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	n := 0
	counting := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		n++
		return outcrop.NewReply(outcrop.Meta{}, []byte{'"', byte('a' + n), '"'}), nil
	})
	c := call(bedrock.OpInvokeModel, `{}`)
	replay := func(recordings, asked int) string {
		r := record(t, counting, dir, cassette.Config{})
		for range recordings {
			if _, err := answer(t, r, c); err != nil {
				t.Fatal(err)
			}
		}
		p := play(t, dir, cassette.Config{})
		var got []byte
		for range asked {
			text, err := answer(t, p, c)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, text[1])
		}
		return string(got)
	}
	if got := replay(12, 14); got != "bcdefghijklmmm" {
		t.Errorf("replayed %s", got)
	}
	if got := replay(1, 2); got != "nn" {
		t.Errorf("replayed %s", got)
	}
}

// TestPace: at once by default, at the recorded pace when asked for.
func TestPace(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := record(t, simulate(t, simulator.Config{Pace: &simulator.Pace{}}), dir, cassette.Config{})
		begun := time.Now()
		if _, err := answer(t, r, call(bedrock.OpConverseStream, hello)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		for paced, want := range map[bool]time.Duration{false: 0, true: took} {
			begun := time.Now()
			if _, err := answer(t, play(t, dir, cassette.Config{Paced: paced}), call(bedrock.OpConverseStream, hello)); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(begun); (got-want).Abs() > time.Millisecond || took == 0 {
				t.Errorf("paced %v: %v, want %v", paced, got, want)
			}
		}
	})
}

// TestUnfinished: a stream that its reader leaves is not a recording; one that
// fails is, with its error.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	r := record(t, simulate(t, simulator.Config{}), dir, cassette.Config{})
	reply, err := r.Do(t.Context(), call(bedrock.OpConverseStream, hello))
	if err != nil {
		t.Fatal(err)
	}
	for range reply.Stream.Events() {
		break
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 0 {
		t.Errorf("files %v", names)
	}
	failing := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			if yield(bedrock.NewChunk([]byte(`{"x":1}`)), nil) {
				e := outcrop.Errorf(bedrock.CodeModelStreamError, "broken: off")
				e.Partial = bedrock.Document(`{"role":"assistant","content":[]}`)
				yield(bedrock.Event{}, e)
			}
		}, nil)), nil
	})
	c := call(bedrock.OpInvokeModelWithResponseStream, nativeHello)
	if _, err := answer(t, record(t, failing, dir, cassette.Config{}), c); err == nil {
		t.Fatal("no error")
	}
	_, err = answer(t, play(t, dir, cassette.Config{}), c)
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Code != bedrock.CodeModelStreamError || e.Message != "broken: off" || string(e.Partial) != `{"role":"assistant","content":[]}` {
		t.Errorf("%+v", err)
	}
}

// TestOpenErrors: a directory that cannot be played is refused by name.
func TestOpenErrors(t *testing.T) {
	const head = "format: outcrop-cassette/1\nrequest:\n  operation: Converse\n"
	for want, text := range map[string]string{
		"no recordings":                "",
		"this version reads":           "format: outcrop-cassette/9\nrequest:\n  operation: Converse\nerror:\n  code: x\n",
		"a.yaml: line 1":               "format: [\n",
		"line 4":                       head + "   error: x\n",
		"is there twice":               head + "request:\n  operation: Converse\n",
		"request.operation is missing": "format: outcrop-cassette/1\nrequest:\n  model: m\nerror:\n  code: x\n",
		"neither a reply nor an error": head,
		"error.code is missing":        head + "error:\n  message: x\n",
		"reply.body":                   head + "reply:\n  body: |\n    {\n",
		"reply.base64":                 head + "reply:\n  base64: \"%\"\n",
		"reply.events: event 2":        head + "reply:\n  stream: true\n  events: |\n    0s a {}\n    soon b {}\n",
		"reply.latency":                head + "reply:\n  latency: long\n",
		"reply.stream":                 head + "reply:\n  stream: maybe\n",
		"without stream: true":         head + "reply:\n  events: |\n    0s a {}\n",
		"reply.oops: there is no":      head + "reply:\n  oops: x\n",
		"error.partial":                head + "error:\n  code: x\n  partial: no\n",
	} {
		dir := t.TempDir()
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := cassette.Open(dir, cassette.Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
