package outcrop_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// said is one reply of a model that is told what to say.
type said struct {
	text string
	tool string // the input of the forced tool, in the place of text
	stop bedrock.StopReason
	err  error // before anything; with text, after half of a stream
}

// told is a back-end that gives its replies in turn, streamed in pieces of a
// few bytes where a stream is asked for. Each costs 10 and 5 tokens.
type told struct {
	replies []said
	profile string
	calls   []*outcrop.Call
}

func (b *told) SchemaProfile(string) string { return b.profile }

func (b *told) Do(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	b.calls = append(b.calls, call)
	r := b.replies[min(len(b.calls), len(b.replies))-1]
	if r.err != nil && (r.text == "" || !call.Streams()) {
		return nil, r.err
	}
	if r.stop == "" {
		r.stop = bedrock.StopReasonEndTurn
	}
	usage := bedrock.TokenUsage{InputTokens: 10, OutputTokens: 5, TotalTokens: 15}
	if call.Streams() {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(r.events(usage), nil)), nil
	}
	block := bedrock.ContentBlock{Text: &r.text}
	if r.tool != "" {
		block = bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: "t1", Name: "construct_output", Input: bedrock.Document(r.tool)}}
	}
	return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{block}}},
		StopReason: r.stop, Usage: usage,
	}), nil
}

func (r said) events(usage bedrock.TokenUsage) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		say := func(out *bedrock.ConverseStreamOutput) bool { return yield(bedrock.NewEvent(out), nil) }
		if !say(&bedrock.ConverseStreamOutput{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}) {
			return
		}
		whole := r.text + r.tool
		if r.tool != "" && !say(&bedrock.ConverseStreamOutput{ContentBlockStart: &bedrock.ContentBlockStartEvent{
			Start: bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: "t1", Name: "construct_output"}},
		}}) {
			return
		}
		for rest := whole; rest != ""; {
			n := min(4, len(rest))
			piece := rest[:n]
			rest = rest[n:]
			delta := bedrock.ContentBlockDelta{Text: &piece}
			if r.tool != "" {
				delta = bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: piece}}
			}
			if !say(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: delta}}) {
				return
			}
			if r.err != nil && len(rest) < len(whole)/2 {
				yield(bedrock.Event{}, r.err)
				return
			}
		}
		_ = say(&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{}}) &&
			say(&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: r.stop}}) &&
			say(&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{Usage: usage}})
	}
}

// asked is the request of a call.
func (b *told) asked(t *testing.T, i int) *bedrock.ConverseRequest {
	t.Helper()
	if i >= len(b.calls) {
		t.Fatalf("%d calls", len(b.calls))
	}
	req, err := b.calls[i].Converse()
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// streamed reads a ConstructStream to its end.
func streamed(t *testing.T, b *told, req *bedrock.ConstructRequest) (parts []bedrock.ConstructPartialEvent, result *bedrock.ConstructResponse, failed error) {
	t.Helper()
	stream, err := manager(t, b).ConstructStream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for event, err := range stream.Events() {
		if err != nil {
			return parts, nil, err
		}
		out, err := event.Constructed()
		if err != nil {
			t.Fatal(err)
		}
		if result = out.Result; out.Partial != nil {
			parts = append(parts, *out.Partial)
		}
	}
	return parts, result, nil
}

func prompted(schema string, attempts int) *bedrock.ConstructRequest {
	return &bedrock.ConstructRequest{
		Prompt: "Ada, 36", Schema: bedrock.Document(schema), Strategy: bedrock.ConstructStrategyPrompt, MaxAttempts: &attempts,
	}
}

// A reader that leaves must not be called again, not even for a fallback model.
func TestConstructStreamEndsWhenTheReaderLeaves(t *testing.T) {
	b := &told{replies: []said{{text: `{"name":"Ada","age":36}`}}}
	req := prompted(person, 5)
	req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
	stream, err := manager(t, b).ConstructStream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range stream.Events() {
		n++
		break
	}
	if n != 1 || len(b.calls) != 1 {
		t.Errorf("%d events, %d calls", n, len(b.calls))
	}
}

// A value that validates but is not what the stream has delivered is mended
// like any other.
func TestConstructStreamMendsWhatContradictsIt(t *testing.T) {
	b := &told{replies: []said{
		{text: `{"name":"Ada","age":"old"}`},
		{text: `{"name":"Bob","age":36}`},
		{text: `[{"op":"replace","path":"/name","value":"Ada"}]`},
	}}
	_, result, err := streamed(t, b, prompted(person, 3))
	if err != nil {
		t.Fatal(err)
	}
	if result.Text != `{"name":"Ada","age":36}` {
		t.Errorf("result %s", result.Text)
	}
	last := b.asked(t, 2)
	if words := last.Messages[len(last.Messages)-1].Text(); !strings.Contains(words, `/name`) || !strings.Contains(words, `must stay "Ada"`) {
		t.Errorf("asked: %s", words)
	}
}

// A string that was still growing stands as far as it was delivered.
func TestConstructStreamHoldsAnOpenString(t *testing.T) {
	b := &told{replies: []said{{text: `{"story":"Once upon a time`, stop: bedrock.StopReasonMaxTokens}, {text: `{"story":"Something else"}`}}}
	parts, _, err := streamed(t, b, prompted(`{"type":"object","properties":{"story":{"type":"string"}}}`, 2))
	if len(parts) == 0 || parts[0].Open == nil || parts[0].Path != "/story" {
		t.Fatalf("parts %+v", parts)
	}
	if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeSchemaValidation || !strings.Contains(e.Message, `must begin with "Once`) {
		t.Errorf("the delivered text was taken back: %v", err)
	}
}

// A stream that was cut goes on where it stopped.
func TestConstructStreamContinues(t *testing.T) {
	b := &told{replies: []said{{text: `{"name":"Ada","age":3`, stop: bedrock.StopReasonMaxTokens}, {text: `6}`}}}
	parts, result, err := streamed(t, b, prompted(person, 2))
	if err != nil || len(parts) == 0 || result.Text != `{"name":"Ada","age":36}` {
		t.Errorf("%d parts, %+v, %v", len(parts), result, err)
	}
}

// A refused request delivers nothing, so the next strategy streams too. With a
// tool, the value is its input and not what the model says beside it.
func TestConstructStreamsAfterARefusedRequest(t *testing.T) {
	b := &told{profile: "full", replies: []said{
		{err: outcrop.Errorf(bedrock.CodeValidation, "compiled grammar too large")},
		{tool: `{"name":"Ada","age":36}`, stop: bedrock.StopReasonToolUse},
	}}
	parts, result, err := streamed(t, b, &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person)})
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 2 || result.Trace.Strategy != bedrock.ConstructStepTool || !b.calls[1].Streams() {
		t.Errorf("%d parts by %s", len(parts), result.Trace.Strategy)
	}
}

func TestConstructContinuesHoweverTheModelGoesOn(t *testing.T) {
	const head = `{"name":"Ada Lovelace of`
	for name, more := range map[string]string{
		"as asked":            ` London","age":36}`,
		"in a fence":          "```json\n London\",\"age\":36}\n```",
		"repeating words":     `Ada Lovelace of London","age":36}`,
		"from the beginning":  `{"name":"Ada Lovelace of London","age":36}`,
		"anew, in a fence":    "```json\n{\"name\":\"Ada Lovelace of London\",\"age\":36}\n```",
		"anew, without a gap": "Here it is: {\"name\":\"Ada Lovelace of London\",\"age\":36}",
	} {
		t.Run(name, func(t *testing.T) {
			b := &told{replies: []said{{text: head, stop: bedrock.StopReasonMaxTokens}, {text: more}}}
			got, err := manager(t, b).Construct(t.Context(), prompted(person, 2))
			if err != nil || got.Text != `{"name":"Ada Lovelace of London","age":36}` {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A row of equal things that goes on is no repetition.
func TestConstructContinuesARow(t *testing.T) {
	b := &told{replies: []said{{text: `[0,0,0,0,0,0,0,0,0,`, stop: bedrock.StopReasonMaxTokens}, {text: `0,0,0,0,0,0,0,0,1]`}}}
	got, err := manager(t, b).Construct(t.Context(), prompted(`{"type":"array","items":{"type":"integer"}}`, 2))
	if err != nil || got.Text != `[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]` {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a plan reshaped is continued, and read, in the plan's form.
func TestConstructContinuesInThePlansForm(t *testing.T) {
	const counts = `{"type":"object","additionalProperties":{"type":"integer"}}`
	b := &told{profile: "openai-strict", replies: []said{
		{text: `{"value":[{"key":"a","value":1},{"key":`, stop: bedrock.StopReasonMaxTokens}, {text: `"b","value":2}]}`},
	}}
	req := &bedrock.ConstructRequest{Prompt: "count", Schema: bedrock.Document(counts)}
	manager := manager(t, b)
	first, err := manager.Construct(t.Context(), req)
	if sent := b.asked(t, 0).OutputConfig.TextFormat.Structure.JSONSchema.Schema; !strings.Contains(sent, `"key"`) {
		t.Fatalf("the plan has another form: %s", sent)
	}
	if err != nil || first.Text != `{"a":1,"b":2}` {
		t.Errorf("%+v, %v", first, err)
	}
	if system := b.asked(t, 1).System; len(system) == 0 || !strings.Contains(*system[0].Text, `"key"`) {
		t.Errorf("the continuation is not shown the form: %+v", system)
	}
}

// Half a patch is no beginning of a value.
func TestConstructDoesNotContinueAPatch(t *testing.T) {
	b := &told{replies: []said{
		{text: `{"name":"Ada","age":"old"}`},
		{text: `[{"op":"replace","path":"/age","va`, stop: bedrock.StopReasonMaxTokens},
		{text: `{"name":"Ada","age":36}`},
	}}
	got, err := manager(t, b).Construct(t.Context(), prompted(person, 3))
	if err != nil || got.Trace.Attempts[2].Strategy != bedrock.ConstructStepPrompt {
		t.Errorf("%+v, %v", got, err)
	}
}

// The first model is asked once in any case, and a refused request costs none
// of its attempts.
func TestConstructFirstModelHasAnAttempt(t *testing.T) {
	b := &told{profile: "full", replies: []said{
		{err: outcrop.Errorf(bedrock.CodeValidation, "compiled grammar too large")},
		{tool: `{"name":"Ada","age":36}`},
	}}
	got, err := manager(t, b).Construct(t.Context(), &bedrock.ConstructRequest{
		Prompt: "Ada", Schema: bedrock.Document(person), MaxAttempts: new(1), FallbackModelIDs: []string{"amazon.nova-pro-v1:0"},
	})
	if err != nil || got.Trace.ModelID != sonnet {
		t.Errorf("%+v, %v", got, err)
	}
}

// A model that cannot be asked is in the trace of the answer another one gave.
func TestConstructTracesFailedModels(t *testing.T) {
	for _, code := range []string{bedrock.CodeThrottling, bedrock.CodeAccessDenied, bedrock.CodeValidation, bedrock.CodeModelError} {
		b := &told{replies: []said{{err: outcrop.Errorf(code, "not today")}, {text: `{"name":"Ada","age":36}`}}}
		req := prompted(person, 2)
		req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
		got, err := manager(t, b).Construct(t.Context(), req)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		first := got.Trace.Attempts[0]
		if first.ModelID != sonnet || first.Usage != nil || !strings.Contains(first.Errors[0].Message, code) || got.Trace.Attempts[1].Reason != "fallback model" {
			t.Errorf("%s: attempts %+v", code, got.Trace.Attempts)
		}
	}
}

// What a failed request cost is part of the usage and of the budget of tokens,
// also when another model's answer is returned.
func TestConstructCountsFailedRequests(t *testing.T) {
	lost := outcrop.Errorf(bedrock.CodeModelStreamError, "connection lost")
	lost.Usage = &bedrock.TokenUsage{InputTokens: 10, OutputTokens: 2, TotalTokens: 12}
	replies := []said{{err: lost}, {text: `{"name":"Ada","age":36}`}}
	req := prompted(person, 2)
	req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
	got, err := manager(t, &told{replies: replies}).Construct(t.Context(), req)
	if err != nil || got.Usage.TotalTokens != 27 || got.Usage.OutputTokens != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = manager(t, &told{replies: replies[:1]}).Construct(t.Context(), req)
	if e := outcrop.AsError(err); e.Code != lost.Code || e.Usage.TotalTokens != 24 {
		t.Errorf("%+v", e)
	}
	m, err := outcrop.New(outcrop.Config{ModelID: sonnet, Backend: &told{replies: replies}, Construct: outcrop.ConstructLimits{Tokens: 12}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Construct(t.Context(), req); outcrop.AsError(err).Usage.TotalTokens != 12 {
		t.Errorf("asked beyond the limit of tokens: %v", err)
	}
}

// A tool's input that is no JSON has been paid for.
func TestConstructCountsMalformedTools(t *testing.T) {
	b := &told{replies: []said{{tool: `{"name":Ada}`}, {text: `{"name":"Ada","age":36}`}}}
	_, got, err := streamed(t, b, &bedrock.ConstructRequest{
		Prompt: "Ada", Schema: bedrock.Document(person), Strategy: bedrock.ConstructStrategyTool, FallbackModelIDs: []string{"amazon.nova-pro-v1:0"},
	})
	if err != nil || got.Usage.TotalTokens != 30 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A stream that breaks behind a whole value has not given it: as the value that
// came closest it comes with the error.
func TestConstructSaysWhyAWholeValueIsNone(t *testing.T) {
	value := `{"name":"Ada","age":36}`
	b := &told{replies: []said{{text: value + strings.Repeat(" ", len(value)+8), err: outcrop.Errorf(bedrock.CodeModelStreamError, "connection lost")}, {text: "never"}}}
	req := prompted(person, 2)
	req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
	_, _, err := streamed(t, b, req)
	failure, ok := errors.AsType[*bedrock.SchemaFailure](err)
	if !ok || string(failure.PartialOutput) != value || len(failure.Errors) != 1 || !strings.Contains(failure.Errors[0].Message, "connection lost") {
		t.Errorf("%+v, %v", failure, err)
	}
}

// The error that ended the first model stands when no attempt is left for
// another.
func TestConstructKeepsTheErrorWhenNothingIsLeft(t *testing.T) {
	b := &told{replies: []said{{text: "no", stop: bedrock.StopReasonContentFiltered}}}
	req := prompted(person, 1)
	req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
	_, err := manager(t, b).Construct(t.Context(), req)
	if e := outcrop.AsError(err); e.Code != bedrock.CodeModelError || len(b.calls) != 1 {
		t.Errorf("%v after %d calls", err, len(b.calls))
	}
}

func TestConstructErrorsCarryWhatThereWas(t *testing.T) {
	throttled := outcrop.Errorf(bedrock.CodeThrottling, "slow down")
	lost := outcrop.Errorf(bedrock.CodeModelStreamError, "connection lost")
	tests := map[string]struct {
		replies []said
		stream  bool
		code    string
		partial string
		tokens  int
	}{
		"throttled while mending":   {[]said{{text: `{"name":"Ada"}`}, {err: throttled}}, false, bedrock.CodeThrottling, `{"name":"Ada"}`, 15},
		"refused while mending":     {[]said{{text: `{"name":"Ada"}`}, {text: "no", stop: "refusal"}}, false, bedrock.CodeModelError, `{"name":"Ada"}`, 30},
		"a stream that breaks":      {[]said{{text: `{"name":"Ada","age":36,"more":"of it"}`, err: lost}}, true, bedrock.CodeModelStreamError, `{"name":"Ada"}`, 0},
		"text that ends too early":  {[]said{{text: `{"name":"Ada","age":`}}, false, bedrock.CodeSchemaValidation, `{"name":"Ada"}`, 30},
		"cut at maxTokens for ever": {[]said{{text: `{"name":"Ada","age":`, stop: "max_tokens"}, {stop: "max_tokens"}}, false, bedrock.CodeSchemaValidation, `{"name":"Ada"}`, 30},
		"nothing of it":             {[]said{{text: `never`}}, false, bedrock.CodeSchemaValidation, ``, 30},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := &told{replies: tt.replies}
			var err error
			if tt.stream {
				_, _, err = streamed(t, b, prompted(person, 2))
			} else {
				_, err = manager(t, b).Construct(t.Context(), prompted(person, 2))
			}
			e, ok := errors.AsType[*outcrop.Error](err)
			if !ok || e.Code != tt.code || string(e.Partial) != tt.partial || e.Usage == nil || e.Usage.TotalTokens != tt.tokens {
				t.Fatalf("%#v", e)
			}
			if strings.Contains(e.Message, "  ") || e.Message == "" {
				t.Errorf("message %q", e.Message)
			}
		})
	}
}

func TestConstructLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := &told{replies: []said{{text: `{"name":"Ada"}`}}}
		slow := outcrop.BackendFunc(func(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
			select {
			case <-ctx.Done():
				return nil, outcrop.AsError(ctx.Err())
			case <-time.After(2 * time.Second):
				return wrong.Do(ctx, call)
			}
		})
		construct := func(limits outcrop.ConstructLimits) *outcrop.Error {
			m, err := outcrop.New(outcrop.Config{ModelID: sonnet, Backend: slow, Construct: limits})
			if err != nil {
				t.Fatal(err)
			}
			req := prompted(person, 5)
			req.FallbackModelIDs = []string{"amazon.nova-pro-v1:0"}
			_, err = m.Construct(t.Context(), req)
			return outcrop.AsError(err)
		}
		began := time.Now()
		e := construct(outcrop.ConstructLimits{Time: 5 * time.Second})
		if took := time.Since(began); e.Code != bedrock.CodeModelTimeout || took != 5*time.Second || !strings.Contains(e.Message, "5s") {
			t.Errorf("%v after %v", e, took)
		}
		if string(e.Partial) != `{"name":"Ada"}` || e.Usage.TotalTokens != 30 {
			t.Errorf("partial %s, usage %+v", e.Partial, e.Usage)
		}
		wrong.calls = nil
		e = construct(outcrop.ConstructLimits{Tokens: 30})
		if e.Code != bedrock.CodeSchemaValidation || len(wrong.calls) != 2 || !strings.Contains(e.Message, "limit of 30 tokens") {
			t.Errorf("%v after %d calls", e, len(wrong.calls))
		}
	})
}

// Engines that hold a model to a schema without showing it are prompted with
// it as well.
func TestConstructShowsTheSchemaWhereTheEngineDoesNot(t *testing.T) {
	for profile, want := range map[string]bool{"llama.cpp": true, "bedrock": false, "openai-strict": false, "full": false} {
		b := &told{profile: profile, replies: []said{{text: `{"name":"Ada","age":36}`}}}
		if _, err := manager(t, b).Construct(t.Context(), &bedrock.ConstructRequest{Prompt: "Ada", Schema: bedrock.Document(person)}); err != nil {
			t.Fatal(err)
		}
		if shown := len(b.asked(t, 0).System) == 1; shown != want {
			t.Errorf("%s: shown %v", profile, shown)
		}
	}
}
