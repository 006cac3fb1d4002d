package strict_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/backend/simulator/strict"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const model = "amazon.nova-lite-v1:0" // 10,000 output tokens at most

// backend is a strict simulator with a clock that stands until it is moved.
func backend(t *testing.T, grants string) (*strict.Backend, *time.Time) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := strict.Parse("grants.yaml", []byte(grants))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	b, err := strict.New(strict.Config{Simulator: sim, Grants: g, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return b, &now
}

func ask(operation, id string, limit int) *outcrop.Call {
	req := &bedrock.ConverseRequest{ModelID: id, Messages: []bedrock.Message{bedrock.UserText("Say something about rocks.")}}
	if limit > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	return outcrop.NewConverseCall(operation, req)
}

// do asks, reads a stream to its end, and says what it came to.
func do(t *testing.T, b outcrop.Backend, call *outcrop.Call) string {
	t.Helper()
	reply, err := b.Do(t.Context(), call)
	if err == nil && reply.Stream != nil {
		_, err = outcrop.Collect(reply.Stream)
	}
	if err == nil {
		return "ok"
	}
	e := outcrop.AsError(err)
	return e.Code + ": " + e.Message
}

const (
	tooManyTokens   = "ThrottlingException: Too many tokens, please wait before trying again."
	tooManyRequests = "ThrottlingException: Too many requests, please wait before trying again."
	tooManyPerDay   = "ThrottlingException: Too many tokens per day, please wait before trying again."
)

// TestEachLimitRefuses: alone, in Bedrock's words, and no longer once it has
// passed.
func TestEachLimitRefuses(t *testing.T) {
	for _, c := range []struct {
		grant string
		limit int
		want  string
		after time.Duration
	}{
		{"rpm: 1", 10, tooManyRequests, time.Minute},
		{"rpm: 1, policy: fixed-window", 10, tooManyRequests, time.Minute},
		{"rpm: 1, policy: strict", 10, tooManyRequests, time.Minute},
		{"rpm: 60, window: 1s", 10, tooManyRequests, time.Second},
		{"tpm: 60, policy: strict", 30, tooManyTokens, time.Minute},
		{"tpm: 60", 40, tooManyTokens, time.Minute},
		{"tokensPerDay: 60", 30, tooManyPerDay, 12 * time.Hour},
	} {
		for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
			b, now := backend(t, "grants: [{match: 'amazon.*', "+c.grant+"}]")
			call := ask(operation, model, c.limit)
			if got := do(t, b, call); got != "ok" {
				t.Errorf("%s: the first call: %s", c.grant, got)
			}
			if got := do(t, b, call); got != c.want {
				t.Errorf("%s: the second call: %s, want %s", c.grant, got, c.want)
			}
			*now = now.Add(c.after)
			if got := do(t, b, call); got != "ok" {
				t.Errorf("%s: after %s: %s", c.grant, c.after, got)
			}
		}
	}
}

// TestUnsetLimitsReserveTheModelsMaximum: as with Bedrock.
func TestUnsetLimitsReserveTheModelsMaximum(t *testing.T) {
	b, _ := backend(t, "grants: [{match: '*', tpm: 9000}]")
	if got := do(t, b, ask(bedrock.OpConverse, model, 0)); got != tooManyTokens {
		t.Errorf("unset: %s", got)
	}
	if got := do(t, b, ask(bedrock.OpConverse, model, 500)); got != "ok" {
		t.Errorf("500: %s", got)
	}
	native := outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`))
	if got := do(t, b, native); got != tooManyTokens {
		t.Errorf("native, unset: %s", got)
	}
}

// TestWhoseQuota: accounts, Regions and scopes have their own; methods share.
func TestWhoseQuota(t *testing.T) {
	b, _ := backend(t, "grants: [{match: 'amazon.*', scope: global, rpm: 2}, {match: 'amazon.*', rpm: 1}]")
	call := func(operation, id, account string) *outcrop.Call {
		c := ask(operation, id, 10)
		c.Caller.Account = account
		return c
	}
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":9}}`)
	for i, step := range []struct {
		call *outcrop.Call
		want string
	}{
		{call(bedrock.OpConverse, model, "1"), "ok"},
		{outcrop.NewInvokeCall(bedrock.OpInvokeModel, model, body), "ok"}, // of no account
		{call(bedrock.OpConverse, model, ""), tooManyRequests},
		{call(bedrock.OpConverseStream, model, "1"), tooManyRequests},
		{call(bedrock.OpConverse, model, "2"), "ok"},
		{call(bedrock.OpConverse, "us."+model, "1"), "ok"},
		{call(bedrock.OpConverse, "eu."+model, "1"), tooManyRequests},
		{call(bedrock.OpConverse, "amazon.nova-micro-v1:0", "1"), "ok"},
		{call(bedrock.OpConverse, "amazon.nova-micro-v1:0", "1"), tooManyRequests},
		{call(bedrock.OpConverse, "global.amazon.nova-2-lite-v1:0", "1"), "ok"},
		{call(bedrock.OpConverse, "global.amazon.nova-2-lite-v1:0", "1"), "ok"},
		{call(bedrock.OpConverse, "global.amazon.nova-2-lite-v1:0", "1"), tooManyRequests},
		{call(bedrock.OpConverse, "meta.llama3-8b-instruct-v1:0", "1"), "ok"},
		{call(bedrock.OpConverse, "meta.llama3-8b-instruct-v1:0", "1"), "ok"},
	} {
		if got := do(t, b, step.call); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

// TestSettlement: S = input + b × output, and what was not used returns.
func TestSettlement(t *testing.T) {
	b, _ := backend(t, "grants: [{match: '*', tpm: 100000, burndown: 5}]")
	reply, err := b.Do(t.Context(), ask(bedrock.OpConverse, model, 5000))
	if err != nil {
		t.Fatal(err)
	}
	u := reply.Usage()
	want := float64(u.InputTokens + 5*u.OutputTokens)
	if got := b.Counts()[0]; got.Spent != want || got.Accepted != 1 {
		t.Errorf("counted %+v, want %v spent", got, want)
	}
	stream, err := b.Do(t.Context(), ask(bedrock.OpConverseStream, model, 5000))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range stream.Stream.Events() {
		if n++; n == 4 {
			break
		}
	}
	if got := b.Counts()[0].Spent - want; got <= float64(u.InputTokens) || got >= want {
		t.Errorf("a stream that was left cost %v; whole ones cost %v", got, want)
	}
}

// TestHiddenLoadAndBursts: others use the quota too, and capacity runs out.
func TestHiddenLoadAndBursts(t *testing.T) {
	b, now := backend(t, "grants: [{match: '*', rpm: 60, window: 10s, foreign: {rpm: 60, from: 30s, until: 60s}}]")
	answers := func() (ok int) {
		for range 30 {
			*now = now.Add(time.Second)
			if do(t, b, ask(bedrock.OpConverse, model, 10)) == "ok" {
				ok++
			}
		}
		return ok
	}
	if got := answers(); got != 30 {
		t.Errorf("before others came: %d of 30", got)
	}
	if got := answers(); got > 15 {
		t.Errorf("while others take it all: %d of 30", got)
	}
	if got := answers(); got < 25 {
		t.Errorf("after they have gone: %d of 30", got)
	}

	b, now = backend(t, "grants: [{match: '*', unavailable: {every: 1m, lasts: 10s, above: 1}}]")
	first, err := b.Do(t.Context(), ask(bedrock.OpConverseStream, model, 10))
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(55 * time.Second)
	if got := do(t, b, ask(bedrock.OpConverse, model, 10)); !strings.HasPrefix(got, bedrock.CodeServiceUnavailable) {
		t.Errorf("in the burst: %s", got)
	}
	first.Stream.Close()
	if got := do(t, b, ask(bedrock.OpConverse, model, 10)); got != "ok" {
		t.Errorf("in the burst, with nothing under way: %s", got)
	}
}

// TestItIsTheSimulatorOtherwise: with room enough it passes what every
// back-end passes.
func TestItIsTheSimulatorOtherwise(t *testing.T) {
	backendtest.Test(t, func(t *testing.T) outcrop.Backend {
		b, _ := backend(t, "grants: [{match: '*', tpm: 1000000000, rpm: 1000000}]")
		return b
	}, backendtest.Options{ModelID: model})
}

func TestBadGrantsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "there are no grants",
		"quotas: {models: []}":                     "grants.yaml:1",
		"grants: [{rpm: 1}]":                       "grants[0].match",
		"grants: [{match: a, scope: moon}]":        "grants[0].scope",
		"grants: [{match: a, policy: kind}]":       "grants[0].policy: expected bucket",
		"grants: [{match: a, tpm: -1}]":            "tokensPerMinute",
		"grants: [{match: a, window: soon}]":       "expected a time",
		"grants: [{match: a, foreign: {tpm: -1}}]": "grants[0].foreign",
		"grants: [{match: a, foreign: {tpm: 1, from: 2s, until: 1s}}]": "grants[0].foreign.until",
		"grants: [{match: a, unavailable: {every: 1s, lasts: 2s}}]":    "grants[0].unavailable.lasts",
		"grants:\n  - match: a\n    tpn: 1":                            "grants.yaml:3",
	} {
		if _, err := strict.Parse("grants.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want it to name %s", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "grants.yaml")
	if err := os.WriteFile(path, []byte("grants: [{match: a, rpm: 5}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g, err := strict.Load(path); err != nil || g.Of("a", "geo").Throttle.RequestsPerMinute != 5 || g.Of("b", "geo") != nil {
		t.Errorf("read %+v, %v", g, err)
	}
}

// FuzzParse: whatever is in the file, what is accepted can be enforced.
func FuzzParse(f *testing.F) {
	f.Add([]byte("grants: [{match: '*', tpm: 100, policy: strict, window: 1s, foreign: {tpm: 5}, unavailable: {every: 1m, lasts: 1s}}]"))
	f.Add([]byte("grants:\n  - match: a\n    grain: 1ms\n"))
	sim, err := simulator.New(simulator.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		grants, err := strict.Parse("f", text)
		if err != nil {
			return
		}
		if _, err := strict.New(strict.Config{Simulator: sim, Grants: grants}); err != nil {
			t.Errorf("accepted, and then: %v", err)
		}
	})
}
