package estimate_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/price"
)

const (
	haiku = "anthropic.claude-3-haiku-20240307-v1:0"
	micro = "us.amazon.nova-micro-v1:0"
)

func ask(text string, limit int) *bedrock.ConverseRequest {
	req := &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(text)}}
	if limit > 0 {
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
	}
	return req
}

func TestOutputLimits(t *testing.T) {
	for _, c := range []struct {
		name, model       string
		limit             int
		output, unlimited int
	}{
		{"the request's", haiku, 7, 7, 0},
		{"else the model's", haiku, 0, 4096, 0},
		{"of a profile too", micro, 0, 10_000, 0},
		{"else none is known", "nobody.knows-it", 0, 0, 1},
	} {
		w := estimate.Converse(c.model, ask("How many?", c.limit))
		if w.MaxOutput != c.output || w.Unlimited != c.unlimited || w.Calls != 1 || w.Input < 5 || w.Input > 40 {
			t.Errorf("%s: %+v", c.name, w)
		}
	}
}

// TestNativeIsConverse: the same question in the model's own format.
func TestNativeIsConverse(t *testing.T) {
	native := estimate.Native(haiku, []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":7,"messages":[{"role":"user","content":"How many?"}]}`))
	if converse := estimate.Converse(haiku, ask("How many?", 7)); native != converse {
		t.Errorf("%+v, want %+v", native, converse)
	}
	if w := estimate.Native("amazon.titan-embed-text-v2:0", []byte(`{"inputText":"How many?"}`)); w.Unlimited != 0 || w.MaxOutput != 0 || w.Input == 0 {
		t.Errorf("an embedding: %+v", w)
	}
}

func TestRecords(t *testing.T) {
	const input = "\xef\xbb\xbf" + `{"recordId":"a","modelInput":{"inferenceConfig":{"maxTokens":100},"messages":[{"role":"user","content":[{"text":"one"}]}]}}

{"recordId":"b","modelInput":{"inferenceConfig":{"maxTokens":200},"messages":[{"role":"user","content":[{"text":"two"}]}]}}
{"recordId":"c","modelInput":
{"recordId":"d"}
`
	w, err := estimate.Records(strings.NewReader(input), micro, true)
	if err != nil {
		t.Fatal(err)
	}
	if w.Calls != 4 || w.MaxOutput != 300 || w.Unread != 2 || w.Unlimited != 0 {
		t.Errorf("%+v", w)
	}
	full, known := w.Cost(price.Default(), micro, false)
	half, knownToo := w.Cost(price.Default(), micro, true)
	if !known || !knownToo || full <= 300*0.14/1e6 || full > 400*0.14/1e6 || math.Abs(full-2*half) > 1e-12 {
		t.Errorf("costs %g, in a batch job %g (known %v, %v)", full, half, known, knownToo)
	}
}

func TestUnlimitedHasNoCost(t *testing.T) {
	w := estimate.Work{Calls: 1, Input: 10, Unlimited: 1}
	if usd, known := w.Cost(price.Default(), micro, false); known || usd != 0 {
		t.Errorf("%g (known %v), want unknown", usd, known)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(`{"modelInput":{"messages":[]}}`, true)
	f.Add(`{"modelInput":{"max_tokens":-5,"messages":[{"role":"user","content":"x"}]}}`, false)
	f.Fuzz(func(t *testing.T, input string, converse bool) {
		w, err := estimate.Records(strings.NewReader(input), haiku, converse)
		if err == nil && (w.Input < 0 || w.MaxOutput < 0 || w.Unread > w.Calls) {
			t.Errorf("%q: %+v", input, w)
		}
	})
}

// TestTimesIsAdd: n times the work is n works together.
func TestTimesIsAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := estimate.Converse(micro, ask(rapid.String().Draw(t, "text"), rapid.IntRange(0, 1000).Draw(t, "limit")))
		n := rapid.IntRange(0, 5).Draw(t, "n")
		var sum estimate.Work
		for range n {
			sum.Add(w)
		}
		if sum != w.Times(n) {
			t.Errorf("%+v, want %+v", w.Times(n), sum)
		}
	})
}
