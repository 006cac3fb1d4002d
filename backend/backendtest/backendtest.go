package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Feature is something that not every back-end can do.
type Feature string

// The features that Options.Without can take out.
const (
	Deterministic Feature = "deterministic" // equal requests get equal replies
	StopSequences Feature = "stop sequences"
	Tools         Feature = "tools"
	ForcedTools   Feature = "forced tools" // toolChoice any and tool
	Schema        Feature = "schema"       // outputConfig.textFormat
	Native        Feature = "native"       // InvokeModel and its stream
	Checks        Feature = "checks"       // refuses bad requests with an error that names the field
	Counts        Feature = "counts"       // CountTokens tells what a reply will use
	UnknownModels Feature = "unknown models"
)

// Options say what a back-end can do and which model to ask.
type Options struct {
	// ModelID is a text model of the back-end. Required.
	ModelID string

	// Without is what the back-end cannot do.
	Without []Feature

	// MaxTokens bounds replies where the test does not care; 0 means 200.
	MaxTokens int
}

func (o Options) can(f Feature) bool { return !slices.Contains(o.Without, f) }

// Test runs the suite. open makes a back-end for one subtest, and registers
// with t.Cleanup what has to be closed. It may return the same one each time.
func Test(t *testing.T, open func(t *testing.T) outcrop.Backend, options Options) {
	if options.ModelID == "" {
		t.Fatal("backendtest: Options.ModelID is missing")
	}
	if options.MaxTokens == 0 {
		options.MaxTokens = 200
	}
	s := suite{open: open, Options: options}
	run := func(name string, f func(*testing.T), needs ...Feature) {
		t.Run(name, func(t *testing.T) {
			for _, need := range needs {
				if !s.can(need) {
					t.Skipf("the back-end is without: %s", need)
				}
			}
			f(t)
		})
	}
	run("Converse", s.converse)
	run("StreamIsTheReply", s.streamIsTheReply)
	run("EqualRequestsEqualReplies", s.equalReplies, Deterministic)
	run("ConcurrentCalls", s.concurrent)
	run("MaxTokens", s.maxTokens)
	run("StopSequences", s.stopSequences, StopSequences, Deterministic)
	run("RawAndValueAreOneRequest", s.rawAndValue)
	run("BadRequests", s.badRequests, Checks)
	run("UnknownModel", s.unknownModel, UnknownModels)
	run("CloseEarly", s.closeEarly)
	run("CloseTwiceAndUnread", s.closeUnread)
	run("LeaveEarly", s.leaveEarly)
	run("CancelledBefore", s.cancelledBefore)
	run("CancelledWithin", s.cancelledWithin)
	run("SettlesOnce", s.settlesOnce)
	run("ToolRoundTrip", s.toolRoundTrip, Tools, ForcedTools)
	run("ToolStream", s.toolStream, Tools, ForcedTools)
	run("ToolsUnused", s.toolsUnused, Tools)
	run("Schema", s.schema, Schema)
	run("CountTokens", s.countTokens)
	run("Models", s.models)
	run("Invoke", s.invoke, Native)
	run("InvokeStream", s.invokeStream, Native)
	run("InvokeBadBody", s.invokeBadBody, Native, Checks)
}

type suite struct {
	Options
	open func(t *testing.T) outcrop.Backend
}

// request is a plain question.
func (s *suite) request(text string) *bedrock.ConverseRequest {
	n := s.MaxTokens
	return &bedrock.ConverseRequest{
		ModelID:         s.ModelID,
		Messages:        []bedrock.Message{bedrock.UserText(text)},
		InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &n},
	}
}

const question = "What is quantum computing? Explain it in a few sentences."

// ask sends a Converse request and returns its checked response.
func ask(t *testing.T, b outcrop.Backend, req *bedrock.ConverseRequest) *bedrock.ConverseResponse {
	t.Helper()
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		t.Fatalf("Converse: %v", err)
	}
	if reply.Stream != nil {
		t.Fatal("Converse answered with a stream")
	}
	response, err := reply.Converse()
	if err != nil {
		t.Fatalf("reading the response: %v", err)
	}
	if reply.Meta.Backend == "" {
		t.Error("the reply does not say which back-end answered")
	}
	checkResponse(t, response)
	return response
}

// stream sends a ConverseStream request.
func stream(t *testing.T, b outcrop.Backend, req *bedrock.ConverseRequest) *outcrop.Stream {
	t.Helper()
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, req))
	if err != nil {
		t.Fatalf("ConverseStream: %v", err)
	}
	if reply.Stream == nil {
		t.Fatal("ConverseStream answered without a stream")
	}
	return reply.Stream
}

// checkResponse checks what every response has to be like.
func checkResponse(t *testing.T, r *bedrock.ConverseResponse) {
	t.Helper()
	m := r.Output.Message
	switch {
	case m == nil:
		t.Fatal("the response has no message")
	case m.Role != bedrock.ConversationRoleAssistant:
		t.Errorf("the reply's role is %q", m.Role)
	case len(m.Content) == 0:
		t.Error("the reply is empty")
	}
	uses := 0
	for i := range m.Content {
		if use := m.Content[i].ToolUse; use != nil {
			uses++
			if use.ToolUseID == "" || use.Name == "" || use.Input.Kind() != '{' {
				t.Errorf("content %d: a tool use needs an id, a name and an object: %+v", i, use)
			}
		}
	}
	if (uses > 0) != (r.StopReason == bedrock.StopReasonToolUse) && r.StopReason != bedrock.StopReasonMaxTokens {
		t.Errorf("stop reason %s with %d tool uses", r.StopReason, uses)
	}
	checkUsage(t, &r.Usage)
	if r.Metrics.LatencyMs < 0 {
		t.Errorf("latency %d ms", r.Metrics.LatencyMs)
	}
}

func checkUsage(t *testing.T, u *bedrock.TokenUsage) {
	t.Helper()
	cached := 0
	for _, n := range []*int{u.CacheReadInputTokens, u.CacheWriteInputTokens} {
		if n != nil {
			cached += *n
		}
	}
	if u.InputTokens < 0 || u.InputTokens+cached < 1 || u.OutputTokens < 1 || u.TotalTokens != u.InputTokens+u.OutputTokens+cached {
		t.Errorf("the usage does not add up: %+v", *u)
	}
}

// asError checks that an error is Outcrop's own and known.
func asError(t *testing.T, err error) *outcrop.Error {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var e *outcrop.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is no *outcrop.Error but a %T: %v", err, err)
	}
	if e.Message == "" || bedrock.Code(e.Code).Status == 500 && e.Code != bedrock.CodeInternalServer {
		t.Errorf("the error has no message or no known code: %+v", e)
	}
	return e
}

// watchGoroutines fails the test when goroutines are left that were not there
// before.
func watchGoroutines(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// order checks the sequence of a stream's events.
type order struct {
	started, stopped, ended bool
	open                    int // the block that is open, or -1
	next                    int
	tool                    bool
}

func newOrder() *order { return &order{open: -1} }

// see takes the next event and tells what is wrong with it, if anything.
func (o *order) see(out *bedrock.ConverseStreamOutput) error {
	if o.ended {
		return errors.New("an event after metadata")
	}
	if !o.started && out.MessageStart == nil {
		return errors.New("the first event is not messageStart")
	}
	switch {
	case out.MessageStart != nil:
		if o.started || out.MessageStart.Role != bedrock.ConversationRoleAssistant {
			return fmt.Errorf("messageStart: repeated, or of role %q", out.MessageStart.Role)
		}
		o.started = true
	case o.stopped && out.Metadata == nil:
		return errors.New("an event other than metadata after messageStop")
	case out.ContentBlockStart != nil:
		return o.begin(out.ContentBlockStart.ContentBlockIndex, true)
	case out.ContentBlockDelta != nil:
		d := out.ContentBlockDelta
		if o.open < 0 {
			if err := o.begin(d.ContentBlockIndex, false); err != nil {
				return err
			}
		}
		if d.ContentBlockIndex != o.open || (d.Delta.ToolUse != nil) != o.tool {
			return fmt.Errorf("contentBlockDelta: index %d in block %d, tool %v", d.ContentBlockIndex, o.open, o.tool)
		}
	case out.ContentBlockStop != nil:
		if i := out.ContentBlockStop.ContentBlockIndex; i != o.open {
			return fmt.Errorf("contentBlockStop: index %d in block %d", i, o.open)
		}
		o.open = -1
	case out.MessageStop != nil:
		if o.open >= 0 || out.MessageStop.StopReason == "" {
			return errors.New("messageStop within a block, or without a reason")
		}
		o.stopped = true
	case out.Metadata != nil:
		if !o.stopped {
			return errors.New("metadata before messageStop")
		}
		o.ended = true
	}
	return nil
}

func (o *order) begin(index int, tool bool) error {
	if o.open >= 0 || index != o.next {
		return fmt.Errorf("block %d begins, but block %d is open and %d is next", index, o.open, o.next)
	}
	o.open, o.tool = index, tool
	o.next++
	return nil
}

// collect reads a stream, checks the order of its events, and puts it
// together.
func collect(t *testing.T, s *outcrop.Stream) *bedrock.ConverseResponse {
	t.Helper()
	defer s.Close()
	var c bedrock.Collector
	o := newOrder()
	for event, err := range s.Events() {
		if err != nil {
			t.Fatalf("the stream failed: %v", err)
		}
		out, err := event.Output()
		if err != nil {
			t.Fatalf("event %s: %v", event.Type(), err)
		}
		if err := o.see(out); err != nil {
			t.Fatal(err)
		}
		if err := c.Add(out); err != nil {
			t.Fatal(err)
		}
	}
	if !o.ended {
		t.Fatal("the stream ended without metadata")
	}
	response, err := c.Response()
	if err != nil {
		t.Fatal(err)
	}
	checkResponse(t, response)
	return response
}
