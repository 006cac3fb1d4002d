package usage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/metrics"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/usage"
)

const (
	claude  = "anthropic.claude-3-sonnet-20240229-v1:0"
	mistral = "mistral.mistral-large-2407-v1:0"
)

// prices are a dollar for each token of output.
type prices struct{}

func (prices) Cost(modelID string, u bedrock.TokenUsage, _ bool) (float64, bool) {
	if catalog.FromARN(modelID) != claude {
		return 0, false
	}
	return float64(u.OutputTokens), true
}

// records are an Observer that remembers.
type records struct {
	mu   sync.Mutex
	list []usage.Record
}

func (r *records) Observe(one *usage.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, *one)
}

// take are the records since it was called last.
func (r *records) take() []usage.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// gate is a Gate that admits what it is told to, and remembers its tickets.
type gate struct {
	mu      sync.Mutex
	refuse  error
	grown   int64
	ended   []usage.Record
	ledger  *usage.Ledger
	inTime  bool // the ledger knew of the cost when the ticket ended
	blocked string
}

func (g *gate) Admit(context.Context, *outcrop.Call) (usage.Ticket, error) {
	if g.refuse != nil {
		return nil, g.refuse
	}
	return g, nil
}

func (g *gate) Check(_ outcrop.Caller, modelID string) error {
	if modelID == g.blocked {
		return outcrop.Errorf(bedrock.CodeAccessDenied, "no")
	}
	return nil
}

func (g *gate) Grow(output int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.grown = output
}

func (g *gate) End(r *usage.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = append(g.ended, *r)
	day, _ := g.ledger.Spent(r.Tenant, r.Time)
	g.inTime = day >= r.USD
}

// metered is a manager on the simulator behind a Meter.
func metered(t *testing.T, next outcrop.Backend) (*outcrop.Manager, *records, *gate) {
	t.Helper()
	m, seen, g, _ := meteredOn(t, next)
	return m, seen, g
}

func meteredOn(t *testing.T, next outcrop.Backend) (*outcrop.Manager, *records, *gate, *objects.Directory) {
	t.Helper()
	if next == nil {
		var err error
		if next, err = simulator.New(simulator.Config{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := &records{}
	b := openBooks(t, "", epoch, nil)
	g := &gate{ledger: b.Ledger}
	meter := usage.NewMeter(next, usage.MeterConfig{
		Ledger: b.Ledger, Prices: prices{}, Gate: g, Observers: []usage.Observer{seen}, Aliases: map[string]string{"fast": claude},
	})
	store, err := objects.NewDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	store.CreateBuckets = true
	jobs, err := batch.New(batch.Config{Backend: meter, Objects: store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(jobs.Close(context.Background()), store.Close()); err != nil {
			t.Error(err)
		}
	})
	m, err := outcrop.New(outcrop.Config{ModelID: claude, Backend: meter, Jobs: jobs})
	if err != nil {
		t.Fatal(err)
	}
	return m, seen, g, store
}

func origin() context.Context {
	return outcrop.WithOrigin(context.Background(), outcrop.Origin{
		Caller: outcrop.Caller{Tenant: "team-a", Account: "123456789012", Region: "us-east-1"}, RequestID: "r",
	})
}

func drain(t *testing.T, s *outcrop.Stream, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range s.Events() {
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close()
}

const body = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Say something."}]}`

func ask(text string) *bedrock.ConverseRequest {
	return &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(text)}}
}

// TestEveryMethodCountsOnce: each of the methods, and each of its variants, is
// booked with the tokens that its reply tells.
func TestEveryMethodCountsOnce(t *testing.T) {
	m, seen, g, store := meteredOn(t, nil)
	ctx := origin()
	want := func(method string, calls int, input, output int) {
		t.Helper()
		list := seen.take()
		if len(list) != calls {
			t.Fatalf("%s: %d records: %+v", method, len(list), list)
		}
		var got usage.Tokens
		var usd float64
		for _, r := range list {
			got.Input += r.Tokens.Input
			got.Output += r.Tokens.Output
			usd += r.USD
			if r.Tenant != "team-a" || r.Method != method || r.Model != claude || r.Code != "" || r.Time.IsZero() {
				t.Errorf("%s: %+v", method, r)
			}
		}
		if got.Output == 0 || input >= 0 && (got.Input != int64(input) || got.Output != int64(output)) || usd != float64(got.Output) {
			t.Errorf("%s: %+v for %v USD, want %d and %d", method, got, usd, input, output)
		}
		if len(g.ended) != calls || !g.inTime {
			t.Errorf("%s: %d tickets ended, after the books: %v", method, len(g.ended), g.inTime)
		}
		g.ended = nil
	}

	invoked, err := m.Invoke(ctx, &outcrop.InvokeRequest{Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	want("sync", 1, invoked.Meta.Usage.InputTokens, invoked.Meta.Usage.OutputTokens)

	s, err := m.Stream(ctx, &outcrop.InvokeRequest{Body: []byte(body)})
	drain(t, s, err)
	want("stream", 1, invoked.Meta.Usage.InputTokens, invoked.Meta.Usage.OutputTokens)

	response, err := m.Converse(ctx, ask("Say something."))
	if err != nil {
		t.Fatal(err)
	}
	want("converse", 1, response.Usage.InputTokens, response.Usage.OutputTokens)

	s, err = m.ConverseStream(ctx, ask("Say something."))
	drain(t, s, err)
	want("converse", 1, response.Usage.InputTokens, response.Usage.OutputTokens)

	constructed, err := m.Construct(ctx, &bedrock.ConstructRequest{Prompt: "John is 42", Schema: bedrock.Document(`{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	want("construct", len(constructed.Trace.Attempts), constructed.Usage.InputTokens, constructed.Usage.OutputTokens)

	const records = 5
	var input strings.Builder
	for i := range records {
		fmt.Fprintf(&input, `{"recordId":"%d","modelInput":%s}`+"\n", i, body)
	}
	out, err := store.Create(ctx, "s3://bucket/in.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, input.String()); err != nil || out.Commit() != nil {
		t.Fatal(err)
	}
	out.Close()
	jobs, err := m.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	job, err := m.Batch(ctx, &bedrock.CreateModelInvocationJobRequest{
		JobName: "job", RoleARN: "arn:aws:iam::123456789012:role/r",
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://bucket/in.jsonl"}},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://bucket/out/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for state, err := range jobs.Watch(ctx, outcrop.OriginOf(ctx).Caller, job.JobARN) {
		if err != nil || state.Status == bedrock.ModelInvocationJobStatusFailed {
			t.Fatalf("%+v, %v", state, err)
		}
	}
	want("async", records, records*invoked.Meta.Usage.InputTokens, records*invoked.Meta.Usage.OutputTokens)
}

// TestAStreamThatIsLeft is booked by estimate: whoever closes every stream
// before it tells its tokens would otherwise pay nothing.
func TestAStreamThatIsLeft(t *testing.T) {
	m, seen, g := metered(t, nil)
	for name, leave := range map[string]func(s *outcrop.Stream) int{
		"unread": func(*outcrop.Stream) int { return 0 },
		"after a few words": func(s *outcrop.Stream) int {
			words := 0
			for event := range s.Events() {
				if event.Type() != "messageStart" && event.Type() != "contentBlockStart" {
					if words++; words == 5 {
						break
					}
				}
			}
			return words
		},
	} {
		for kind, begin := range map[string]func() (*outcrop.Stream, error){
			"converse": func() (*outcrop.Stream, error) { return m.ConverseStream(origin(), ask("Say something long.")) },
			"stream":   func() (*outcrop.Stream, error) { return m.Stream(origin(), &outcrop.InvokeRequest{Body: []byte(body)}) },
		} {
			s, err := begin()
			if err != nil {
				t.Fatal(err)
			}
			words := leave(s)
			_ = s.Close()
			_ = s.Close()
			list := seen.take()
			if len(list) != 1 || len(g.ended) != 1 {
				t.Fatalf("%s %s: %+v", kind, name, list)
			}
			g.ended = nil
			if r := list[0]; r.Code != usage.Cancelled || !r.Estimated || r.Tokens.Input == 0 || r.Tokens.Output < int64(words)/2 || r.Method != kind {
				t.Errorf("%s %s: %+v", kind, name, r)
			}
		}
	}
	// One that is left after its last event is whole.
	s, err := m.ConverseStream(origin(), ask("hi"))
	if err != nil {
		t.Fatal(err)
	}
	for event := range s.Events() {
		if event.Type() == "metadata" {
			break
		}
	}
	if r := seen.take()[0]; r.Code != "" || r.Tokens.Output == 0 || g.grown == 0 {
		t.Errorf("%+v", r)
	}
}

func TestErrorsAreBookedByCode(t *testing.T) {
	cost := &bedrock.TokenUsage{InputTokens: 3, OutputTokens: 4}
	failing := outcrop.BackendFunc(func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		e := outcrop.Errorf(bedrock.CodeModelError, "no")
		e.Usage = cost
		return nil, e
	})
	m, seen, g := metered(t, failing)
	if _, err := m.Converse(origin(), ask("hi")); err == nil {
		t.Fatal("no error")
	}
	if r := seen.take()[0]; r.Code != bedrock.CodeModelError || r.Refused || r.Tokens.Output != 4 || r.USD != 4 || len(g.ended) != 1 {
		t.Errorf("%+v", r)
	}
	g.refuse = outcrop.Errorf(bedrock.CodeThrottling, "later")
	if _, err := m.Converse(origin(), ask("hi")); !errors.Is(err, g.refuse) {
		t.Fatalf("%v", err)
	}
	if r := seen.take()[0]; r.Code != bedrock.CodeThrottling || !r.Refused || r.Tokens != (usage.Tokens{}) || len(g.ended) != 1 {
		t.Errorf("%+v", r)
	}
}

// A server that tells of fewer tokens than none gives nobody anything back, and
// does not end the program's counters, which only rise.
func TestUsageBelowNothing(t *testing.T) {
	less := -7
	odd := bedrock.TokenUsage{InputTokens: -3, OutputTokens: -4, TotalTokens: -7, CacheReadInputTokens: &less, CacheWriteInputTokens: &less}
	b := openBooks(t, "", epoch, nil)
	seen, counters := &records{}, metrics.New(metrics.Config{})
	meter := usage.NewMeter(outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{Usage: odd}), nil
	}), usage.MeterConfig{Ledger: b.Ledger, Prices: prices{}, Observers: []usage.Observer{seen, counters}})
	reply, err := meter.Do(origin(), outcrop.NewConverseCall(bedrock.OpConverse, ask("hi")))
	if err != nil {
		t.Fatal(err)
	}
	if list := seen.take(); len(list) != 1 || list[0].Tokens != (usage.Tokens{}) || list[0].USD != 0 {
		t.Errorf("booked: %+v", list)
	}
	if got := reply.Usage(); got.InputTokens != -3 || *got.CacheReadInputTokens != -7 {
		t.Errorf("the reply's usage was changed: %+v", got)
	}
}

// A back-end that panics is booked too, and its caller's ticket is ended.
func TestPanicsAreBooked(t *testing.T) {
	b := openBooks(t, "", epoch, nil)
	seen, g := &records{}, &gate{ledger: b.Ledger}
	meter := usage.NewMeter(outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) { panic("a bug") }),
		usage.MeterConfig{Ledger: b.Ledger, Gate: g, Observers: []usage.Observer{seen}})
	func() {
		defer func() {
			if p := recover(); p != "a bug" {
				t.Errorf("it panicked with %v", p)
			}
		}()
		_, _ = meter.Do(origin(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, claude, []byte("{}")))
	}()
	if list := seen.take(); len(list) != 1 || list[0].Code != bedrock.CodeInternalServer {
		t.Errorf("booked: %+v", list)
	}
	if len(g.ended) != 1 {
		t.Errorf("%d tickets were ended, want 1", len(g.ended))
	}
}

// TestModelNames: aliases and ARNs are booked under the model's id, and names
// that nobody knows under one.
func TestModelNames(t *testing.T) {
	m, seen, _ := metered(t, outcrop.BackendFunc(func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if strings.HasPrefix(call.ModelID, "none") {
			return nil, outcrop.Errorf(bedrock.CodeValidation, "The provided model identifier is invalid.")
		}
		return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{Usage: bedrock.TokenUsage{InputTokens: 1, OutputTokens: 1}}), nil
	}))
	for asked, want := range map[string]string{
		"fast": claude, claude: claude, "arn:aws:bedrock:us-east-1::foundation-model/" + claude: claude,
		"us." + claude: "us." + claude, "llama3.2": "llama3.2", "none-1": usage.Unknown, "none-2": usage.Unknown,
	} {
		req := ask("hi")
		req.ModelID = asked
		_, _ = m.Converse(origin(), req)
		if r := seen.take()[0]; r.Model != want || r.Unpriced != (want != claude && !strings.HasPrefix(asked, "none")) {
			t.Errorf("%s: %+v", asked, r)
		}
	}
}

func TestJobsOfModelsThatACallerMayNotUse(t *testing.T) {
	m, _, g := metered(t, nil)
	g.blocked = mistral
	_, err := m.Batch(origin(), &bedrock.CreateModelInvocationJobRequest{ModelID: mistral})
	if e := outcrop.AsError(err); e.Code != bedrock.CodeAccessDenied {
		t.Errorf("%v", err)
	}
	_, err = m.CountTokens(origin(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, mistral, []byte(body)))
	if e := outcrop.AsError(err); e.Code != bedrock.CodeAccessDenied {
		t.Errorf("%v", err)
	}
}

// TestEstimates are near what the simulator counts, in every form of a request.
func TestEstimates(t *testing.T) {
	native := outcrop.NewInvokeCall(bedrock.OpInvokeModel, claude, []byte(body))
	if n := usage.EstimateInput(native); n < 4 || n > 40 {
		t.Errorf("%d tokens", n)
	}
	if limit, explicit := usage.OutputLimit(native); limit != 100 || !explicit {
		t.Errorf("%d, %v", limit, explicit)
	}
	req := ask("hi")
	req.ModelID = claude
	call := outcrop.NewConverseCall(bedrock.OpConverse, req)
	if limit, explicit := usage.OutputLimit(call); limit != 4096 || explicit {
		t.Errorf("%d, %v", limit, explicit)
	}
	picture := ask("hi")
	picture.Messages[0].Content = append(picture.Messages[0].Content, bedrock.ContentBlock{Image: &bedrock.ImageBlock{
		Format: "png", Source: bedrock.ImageSource{Bytes: make([]byte, 1<<20)},
	}})
	if n := usage.EstimateInput(outcrop.NewConverseCall(bedrock.OpConverse, picture)); n > 10_000 {
		t.Errorf("a picture of a megabyte is %d tokens", n)
	}
	if n := usage.EstimateInput(outcrop.NewInvokeCall(bedrock.OpInvokeModel, "x", []byte("no json"))); n == 0 {
		t.Error("a body that nobody can read costs nothing")
	}
}

// BenchmarkMeter is what a Meter adds to a call.
func BenchmarkMeter(b *testing.B) {
	reply := &bedrock.ConverseResponse{Usage: bedrock.TokenUsage{InputTokens: 1, OutputTokens: 1}}
	var next outcrop.Backend = outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewConverseReply(outcrop.Meta{}, reply), nil
	})
	l := openBooks(b, "", time.Now(), nil)
	req := ask("hi")
	req.ModelID = claude
	call := outcrop.NewConverseCall(bedrock.OpConverse, req)
	for name, backend := range map[string]outcrop.Backend{"without": next, "with": usage.NewMeter(next, usage.MeterConfig{Ledger: l.Ledger, Prices: prices{}})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := backend.Do(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMeterStream is what a Meter adds to a stream of 200 events.
func BenchmarkMeterStream(b *testing.B) {
	events := make([]bedrock.Event, 0, 200)
	for range 199 {
		events = append(events, bedrock.NewEvent(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: textOf("word ")}}}))
	}
	events = append(events, bedrock.NewEvent(&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{Usage: bedrock.TokenUsage{OutputTokens: 199}}}))
	var next outcrop.Backend = outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}, nil)), nil
	})
	l := openBooks(b, "", time.Now(), nil)
	req := ask("hi")
	req.ModelID = claude
	call := outcrop.NewConverseCall(bedrock.OpConverseStream, req)
	for name, backend := range map[string]outcrop.Backend{"without": next, "with": usage.NewMeter(next, usage.MeterConfig{Ledger: l.Ledger, Prices: prices{}})} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				reply, err := backend.Do(b.Context(), call)
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range reply.Stream.Events() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func textOf(s string) *string { return &s }
