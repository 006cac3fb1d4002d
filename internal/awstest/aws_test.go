package awstest

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/compare"
	"github.com/outcrop-ai/outcrop/config"
	"github.com/outcrop-ai/outcrop/doctor"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/price"
)

const (
	cheap     = "us.amazon.nova-micro-v1:0"
	question  = "In one short sentence: what is basalt?"
	maxTokens = 60
)

// run is one run on an account, with what it has spent.
type run struct {
	*testing.T
	local  *local.Local
	prices *price.Table
	used   bedrock.TokenUsage
	calls  int
}

// spent is what the run has cost so far, in USD.
func (r *run) spent() float64 {
	usd, known := r.prices.Cost(r.local.ModelID(), r.used, false)
	if !known {
		r.Fatalf("the price of %s is not known", r.local.ModelID())
	}
	return usd
}

// pay books a call. It ends the run when the budget is used up.
func (r *run) pay(what string, usage bedrock.TokenUsage) {
	r.Helper()
	r.calls++
	r.used.Add(usage)
	if usage.InputTokens == 0 || usage.OutputTokens == 0 {
		r.Errorf("%s: a reply without usage: %+v", what, usage)
	}
	if r.spent() > Budget {
		r.Fatalf("%s: $%.4f is spent, more than the budget of $%.2f", what, r.spent(), Budget)
	}
	r.Logf("%-14s %4d input + %3d output tokens", what, usage.InputTokens, usage.OutputTokens)
}

// TestAWS runs the methods once each.
func TestAWS(t *testing.T) {
	if os.Getenv("OUTCROP_TEST_AWS") != "1" {
		t.Skip("asks Amazon Bedrock on your account and costs money: make test-aws")
	}
	model := cmp.Or(os.Getenv("OUTCROP_TEST_AWS_MODEL"), cheap)
	settings, err := config.Load(config.Sources{File: config.NoFile, Flags: []config.Assignment{
		{Path: "backend", Value: "amazon", Flag: "test-aws"}, {Path: "model", Value: model, Flag: "test-aws"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	prices, err := settings.PriceTable()
	if err != nil {
		t.Fatal(err)
	}
	// As many calls as compare makes: four, and one by Construct, which may ask
	// three times. CountTokens is free.
	work := compare.Work(model, question, maxTokens)
	atMost, known := work.Cost(prices, model, false)
	if !known || atMost > Budget {
		t.Fatalf("%s may cost $%.4f (known: %v); the budget is $%.2f, and nothing was sent", model, atMost, known, Budget)
	}
	t.Logf("at most %d calls: $%.4f at most, by the list prices of %s", work.Calls, atMost, price.Default().AsOf())

	healthy(t, settings)
	l, err := local.Open(t.TempDir(), local.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	r := &run{T: t, local: l, prices: prices}
	defer func() {
		t.Logf("spent: %d calls, %d input and %d output tokens, $%.6f by the list prices of %s", r.calls, r.used.InputTokens, r.used.OutputTokens, r.spent(), price.Default().AsOf())
	}()
	r.methods()
}

// healthy ends the test with what to do when the account cannot be used.
func healthy(t *testing.T, settings *config.Config) {
	t.Helper()
	opened, closeAll := local.OpenEach(settings)
	defer func() { _ = closeAll() }()
	for _, f := range doctor.Examine(t.Context(), opened, doctor.Options{Timeout: 30 * time.Second}) {
		t.Logf("%-4s %-10s %s %s", f.Status, f.Check, f.Detail, f.Advice)
		if f.Status == doctor.Fail {
			t.Errorf("%s: %s: %s", f.Check, f.Detail, f.Advice)
		}
	}
	if t.Failed() {
		t.Fatal("the account cannot be used as it is; nothing was spent")
	}
}

func (r *run) methods() {
	ctx := r.Context()
	ask := outcrop.InferRequest{Prompt: question, MaxTokens: maxTokens}
	for _, method := range []outcrop.Method{outcrop.MethodSync, outcrop.MethodConverse, outcrop.MethodConstruct} {
		req := ask
		req.Method = string(method)
		if method == outcrop.MethodConstruct {
			req.Schema = []byte(`{"type":"object","required":["rock"],"additionalProperties":false,"properties":{"rock":{"type":"boolean","description":"whether it is a rock"}}}`)
		}
		result, err := r.local.Infer(ctx, req)
		if err != nil {
			r.Fatalf("%s: %v", method, err)
		}
		usage, err := result.Usage()
		if err != nil {
			r.Fatal(err)
		}
		r.pay(string(method), usage)
		if text, err := result.Text(); err != nil || strings.TrimSpace(text) == "" {
			r.Errorf("%s: the text is %q, %v", method, text, err)
		}
	}
	r.stream(ctx, ask)
	r.converseStream(ctx)
	r.count(ctx)
}

func (r *run) stream(ctx context.Context, req outcrop.InferRequest) {
	req.Method = string(outcrop.MethodStream)
	result, err := r.local.Infer(ctx, req)
	if err != nil {
		r.Fatal(err)
	}
	defer result.Stream.Close()
	var reader outcrop.ChunkReader
	var text strings.Builder
	for event, err := range result.Stream.Events() {
		if err != nil {
			r.Fatal(err)
		}
		chunk, err := event.Chunk()
		if err != nil {
			r.Fatal(err)
		}
		part, err := reader.Text(chunk)
		if err != nil {
			r.Fatal(err)
		}
		text.WriteString(part)
	}
	r.pay("stream", reader.Usage())
	if text.Len() == 0 {
		r.Error("stream: no text")
	}
}

func (r *run) converseStream(ctx context.Context) {
	stream, err := r.local.ConverseStream(ctx, hello())
	if err != nil {
		r.Fatal(err)
	}
	response, err := outcrop.Collect(stream)
	if err != nil {
		r.Fatal(err)
	}
	r.pay("converseStream", response.Usage)
}

// count compares the service's count with what the estimate takes for it.
func (r *run) count(ctx context.Context) {
	req := hello()
	req.ModelID = r.local.ModelID()
	n, err := r.local.CountTokens(ctx, outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		r.Logf("CountTokens: %v", err) // not every model has it
		return
	}
	r.Logf("CountTokens says %d, the estimate %d", n.InputTokens, estimate.Converse(req.ModelID, req).Input)
}

func hello() *bedrock.ConverseRequest {
	limit := maxTokens
	return &bedrock.ConverseRequest{
		Messages:        []bedrock.Message{bedrock.UserText(question)},
		InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &limit},
	}
}
