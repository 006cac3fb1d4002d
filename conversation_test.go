package outcrop_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

const talker = "anthropic.claude-sonnet-4-5-20250929-v1:0"

// listener is a Backend that answers each request with its number, and keeps
// what it was asked. do, when set, answers instead.
type listener struct {
	mu    sync.Mutex
	calls []*outcrop.Call
	do    func(n int, call *outcrop.Call) (*outcrop.Reply, error)
}

func (l *listener) Do(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	l.mu.Lock()
	l.calls = append(l.calls, call)
	n := len(l.calls)
	l.mu.Unlock()
	if l.do != nil {
		if reply, err := l.do(n, call); reply != nil || err != nil {
			return reply, err
		}
	}
	return saying(call, fmt.Sprintf("reply %d", n), bedrock.StopReasonEndTurn), nil
}

func (l *listener) last(t *testing.T) *bedrock.ConverseRequest {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	req, err := l.calls[len(l.calls)-1].Converse()
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

// saying is a reply with a text, in two pieces where it streams.
func saying(call *outcrop.Call, text string, stop bedrock.StopReason) *outcrop.Reply {
	if call.Streams() {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(pieces(stop, text[:len(text)/2], text[len(text)/2:]), nil))
	}
	return outcrop.NewConverseReply(outcrop.Meta{}, response(text, stop))
}

func response(text string, stop bedrock.StopReason) *bedrock.ConverseResponse {
	r := &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}},
		StopReason: stop, Usage: bedrock.TokenUsage{InputTokens: 3, OutputTokens: 2, TotalTokens: 5},
	}
	if text == "" {
		r.Output.Message.Content = nil
	}
	return r
}

func pieces(stop bedrock.StopReason, texts ...string) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		out := []*bedrock.ConverseStreamOutput{{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}}
		for _, text := range texts {
			if text != "" {
				out = append(out, &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &text}}})
			}
		}
		out = append(out, &bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: stop}},
			&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{Usage: bedrock.TokenUsage{InputTokens: 3, OutputTokens: 2, TotalTokens: 5}}})
		for _, o := range out {
			if !yield(bedrock.NewEvent(o), nil) {
				return
			}
		}
	}
}

func keeping(t *testing.T, backend outcrop.Backend, change ...func(*outcrop.ConversationsConfig)) *outcrop.Manager {
	t.Helper()
	n := 0
	c := outcrop.ConversationsConfig{Store: outcrop.NewMemoryConversations(nil), NewID: func() string { n++; return fmt.Sprintf("fork%d", n) }}
	for _, f := range change {
		f(&c)
	}
	m, err := outcrop.New(outcrop.Config{Backend: backend, ModelID: talker, Conversations: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return m
}

func user(text string) bedrock.Message { return bedrock.UserText(text) }

func assistant(text string) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
}

func send(t *testing.T, c *outcrop.Conversation, messages ...bedrock.Message) *outcrop.ConversationReply {
	t.Helper()
	reply, err := c.Send(t.Context(), messages...)
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	return reply
}

// texts is what messages say.
func texts(messages []bedrock.Message) string {
	var all []string
	for i := range messages {
		all = append(all, messages[i].Text())
	}
	return strings.Join(all, " | ")
}

func history(t *testing.T, c *outcrop.Conversation) *outcrop.ConversationHistory {
	t.Helper()
	h, err := c.History(t.Context())
	if err != nil {
		t.Fatalf("History: %v", err)
	}
	return h
}

func refused(t *testing.T, err error, code, field, words string) {
	t.Helper()
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Code != code || e.Field != field || !strings.Contains(e.Message, words) {
		t.Errorf("the error is %v (field %q); want a %s of %q with %q", err, outcrop.AsError(err).Field, code, field, words)
	}
}

// Only the new message is sent by the client, or all of them; the model gets
// them all either way, and none of our keys.
func TestConversationRemembers(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	c := m.Conversation("trip")
	first := send(t, c, user("one"))
	if first.Turn != 1 || first.ConversationID != "trip" || first.Replayed {
		t.Errorf("the reply tells of turn %d of %s", first.Turn, first.ConversationID)
	}
	send(t, c, user("two"))
	if got := texts(l.last(t).Messages); got != "one | reply 1 | two" {
		t.Errorf("the model was sent %q", got)
	}
	whole := send(t, c, user("one"), assistant("reply 1"), user("two"), assistant("reply 2"), user("three"))
	if got := texts(l.last(t).Messages); whole.Turn != 3 || got != "one | reply 1 | two | reply 2 | three" {
		t.Errorf("turn %d was sent %q", whole.Turn, got)
	}
	if l.last(t).RequestMetadata != nil {
		t.Errorf("metadata %v was forwarded", l.last(t).RequestMetadata)
	}
	h := history(t, c)
	if got := texts(h.Messages()); h.Turns != 3 || got != "one | reply 1 | two | reply 2 | three | reply 3" || h.Pending != 0 {
		t.Errorf("%d turns are kept: %q, pending %d", h.Turns, got, h.Pending)
	}
	if h.History[2].Usage.InputTokens != 3 || h.History[2].StopReason != bedrock.StopReasonEndTurn || len(h.History[2].Messages) != 2 {
		t.Errorf("turn 3 is %+v", h.History[2])
	}
	why, err := c.Explain(t.Context())
	if err != nil || why.Turn != 3 || why.Explanation.Strategy != memory.StrategyAuto || why.Explanation.Tokens == 0 {
		t.Errorf("explained: %+v, %v", why, err)
	}
	if err := c.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = c.History(t.Context())
	refused(t, err, bedrock.CodeResourceNotFound, "", "no conversation trip")
	if again := send(t, c, user("anew")); again.Turn != 1 || texts(l.last(t).Messages) != "anew" {
		t.Errorf("after being forgotten it goes on at turn %d", again.Turn)
	}
}

// Without an id the bytes pass as they came, and nothing is kept.
func TestWithoutConversation(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	for _, body := range []string{
		`{ "messages": [{"role":"user","content":[{"text":"hi \u00e9"}]}], "requestMetadata": {"team":"a"} }`,
		`{"messages":[{"role":"user","content":[{"text":"what is outcrop:conversation?"}]}]}`,
		`not json, outcrop:`,
	} {
		call := &outcrop.Call{Operation: bedrock.OpConverse, ModelID: talker, Raw: []byte(body)}
		if _, err := m.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		if got := l.calls[len(l.calls)-1]; got != call || string(got.Raw) != body {
			t.Errorf("it was forwarded as %q", got.Raw)
		}
	}
	if list, err := m.Conversations(t.Context(), "", 0); err != nil || len(list.Conversations) != 0 {
		t.Errorf("kept are %v, %v", list, err)
	}
}

// Keys in whatever spelling are found, and others' metadata goes on.
func TestKeysAreStripped(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	call := &outcrop.Call{Operation: bedrock.OpConverse, ModelID: talker, Raw: []byte(`{"messages":[{"role":"user","content":[{"text":"hi"}]}],"requestMetadata":{"\u006futcrop:conversation":"x","team":"a"}}`)}
	reply, err := m.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.last(t).RequestMetadata; len(got) != 1 || got["team"] != "a" {
		t.Errorf("metadata %v was forwarded", got)
	}
	if reply.Meta.Turn != 1 || reply.Meta.Header[outcrop.HeaderTurn] != "1" || reply.Meta.Header[outcrop.HeaderConversation] != "x" {
		t.Errorf("the reply tells %+v", reply.Meta)
	}
}

func TestConversationBadInput(t *testing.T) {
	meta := "requestMetadata."
	for name, c := range map[string]struct {
		metadata    map[string]string
		messages    []bedrock.Message
		code, field string
		words       string
	}{
		"an unknown key":      {map[string]string{"outcrop:wat": "x"}, nil, bedrock.CodeValidation, "requestMetadata", `"outcrop:wat" is no key`},
		"no id":               {map[string]string{"outcrop:memory": "full"}, nil, bedrock.CodeValidation, "requestMetadata", "need outcrop:conversation"},
		"odd characters":      {map[string]string{"outcrop:conversation": "a/b"}, nil, bedrock.CodeValidation, meta + "outcrop:conversation", "letters A-Z and a-z, digits"},
		"a long id":           {map[string]string{"outcrop:conversation": strings.Repeat("a", 129)}, nil, bedrock.CodeValidation, meta + "outcrop:conversation", "1 to 128"},
		"an empty id":         {map[string]string{"outcrop:conversation": ""}, nil, bedrock.CodeValidation, meta + "outcrop:conversation", "1 to 128"},
		"dots":                {map[string]string{"outcrop:conversation": ".."}, nil, bedrock.CodeValidation, meta + "outcrop:conversation", "behind the first"},
		"a turn of words":     {map[string]string{"outcrop:conversation": "x", "outcrop:if-turn": "two"}, nil, bedrock.CodeValidation, meta + "outcrop:if-turn", "counted from 1"},
		"a turn ahead":        {map[string]string{"outcrop:conversation": "x", "outcrop:if-turn": "7"}, nil, bedrock.CodeConflict, meta + "outcrop:if-turn", "is at turn 1, so that this would be turn 2, not 7"},
		"a turn behind":       {map[string]string{"outcrop:conversation": "x", "outcrop:if-turn": "1"}, nil, bedrock.CodeConflict, meta + "outcrop:if-turn", "is at turn 1"},
		"an unknown strategy": {map[string]string{"outcrop:conversation": "x", "outcrop:memory": "magic"}, nil, bedrock.CodeValidation, meta + "outcrop:memory", "auto, full, window"},
		"no budget":           {map[string]string{"outcrop:conversation": "x", "outcrop:budget": "0"}, nil, bedrock.CodeValidation, meta + "outcrop:budget", "1 or more"},
		"a small budget":      {map[string]string{"outcrop:conversation": "x", "outcrop:budget": "2"}, nil, bedrock.CodeValidation, "messages", "exceeds the budget of 2"},
		"a conflict":          {map[string]string{"outcrop:conversation": "x", "outcrop:on-conflict": "fight"}, nil, bedrock.CodeValidation, meta + "outcrop:on-conflict", "queue, reject, fork"},
		"an odd key":          {map[string]string{"outcrop:conversation": "x", "outcrop:idempotency-key": "a b"}, nil, bedrock.CodeValidation, meta + "outcrop:idempotency-key", "1 to 128"},
		"resume of words":     {map[string]string{"outcrop:conversation": "x", "outcrop:resume": "please"}, nil, bedrock.CodeValidation, meta + "outcrop:resume", "true or false"},
		"nothing to resume":   {map[string]string{"outcrop:conversation": "x", "outcrop:resume": "true"}, nil, bedrock.CodeValidation, meta + "outcrop:resume", "was not interrupted"},
		"another history": {
			map[string]string{"outcrop:conversation": "x"},
			[]bedrock.Message{user("first"), assistant("something else"), user("q")},
			bedrock.CodeValidation, "messages.1.content.0", "differs from the stored conversation",
		},
		"nothing new": {
			map[string]string{"outcrop:conversation": "x"},
			[]bedrock.Message{user("first"), assistant("reply 1")},
			bedrock.CodeValidation, "messages.1", "nothing follows",
		},
		"results without a call": {
			map[string]string{"outcrop:conversation": "x"},
			[]bedrock.Message{{Role: bedrock.ConversationRoleUser, Content: []bedrock.ContentBlock{{ToolResult: &bedrock.ToolResultBlock{ToolUseID: "t1", Content: []bedrock.ToolResultContentBlock{{Text: new("x")}}}}}}},
			bedrock.CodeValidation, "messages.0.content.0.toolResult.toolUseId", "answers no toolUse",
		},
		"an assistant begins": {
			map[string]string{"outcrop:conversation": "y"},
			[]bedrock.Message{assistant("hello")},
			bedrock.CodeValidation, "messages.0", "no user message",
		},
		"no message": {map[string]string{"outcrop:conversation": "y"}, []bedrock.Message{}, bedrock.CodeValidation, "messages", "no message"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &listener{}
			store := outcrop.NewMemoryConversations(nil)
			m := keeping(t, l, func(c *outcrop.ConversationsConfig) { c.Store = store })
			send(t, m.Conversation("x"), user("first"))
			before, _ := store.Load(t.Context(), outcrop.ConversationKey{ID: "x"})
			messages := c.messages
			if messages == nil {
				messages = []bedrock.Message{user("q")}
			}
			_, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: talker, Messages: messages, RequestMetadata: c.metadata})
			refused(t, err, c.code, c.field, c.words)
			if l.count() != 1 {
				t.Error("the model was asked")
			}
			after, _ := store.Load(t.Context(), outcrop.ConversationKey{ID: "x"})
			if before.Revision != after.Revision || before.Last != after.Last {
				t.Error("something was stored")
			}
			if list, _ := store.List(t.Context(), "", "", 10); len(list) != 1 {
				t.Errorf("%d conversations are kept", len(list))
			}
		})
	}
}

// Each caller has conversations of its own, and learns nothing of others'.
func TestConversationOfOthers(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	as := func(tenant string) context.Context {
		return outcrop.WithOrigin(t.Context(), outcrop.Origin{Caller: outcrop.Caller{Tenant: tenant}})
	}
	c := m.Conversation("trip")
	if _, err := c.Send(as("a"), user("a secret")); err != nil {
		t.Fatal(err)
	}
	for _, call := range []func() error{
		func() error { _, err := c.History(as("b")); return err },
		func() error { _, err := c.Explain(as("b")); return err },
		func() error { return c.Forget(as("b")) },
	} {
		refused(t, call(), bedrock.CodeResourceNotFound, "", "there is no conversation trip")
	}
	if list, err := m.Conversations(as("b"), "", 0); err != nil || len(list.Conversations) != 0 {
		t.Errorf("b sees %v, %v", list, err)
	}
	reply, err := c.Send(as("b"), user("hello"))
	if err != nil || reply.Turn != 1 || texts(l.last(t).Messages) != "hello" {
		t.Errorf("b's turn is %+v, %v, sent %q", reply, err, texts(l.last(t).Messages))
	}
	if h, err := c.History(as("a")); err != nil || h.Turns != 1 {
		t.Errorf("a has %+v, %v", h, err)
	}
	// The server's own user is who uses the program without a server.
	if _, err := c.Send(as("owner"), user("mine")); err != nil {
		t.Fatal(err)
	}
	if h := history(t, c); h.Turns != 1 || texts(h.Messages()[:1]) != "mine" {
		t.Errorf("the user has %q", texts(h.Messages()))
	}
}

// Elsewhere our keys are refused rather than forwarded.
func TestKeysElsewhere(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	keys := map[string]string{outcrop.KeyConversation: "x"}
	_, err := m.Construct(t.Context(), &bedrock.ConstructRequest{ModelID: talker, Prompt: "x", Schema: bedrock.Document(`{}`), RequestMetadata: keys})
	refused(t, err, bedrock.CodeValidation, "requestMetadata."+outcrop.KeyConversation, "Construct takes no keys")
	_, err = m.Invoke(t.Context(), &outcrop.InvokeRequest{ModelID: talker, Body: []byte("{}"), Header: map[string]string{"X-Amzn-Bedrock-Request-Metadata": `{"outcrop:conversation":"x"}`}})
	refused(t, err, bedrock.CodeValidation, "requestMetadata."+outcrop.KeyConversation, "InvokeModel takes no keys")
	none, err := outcrop.New(outcrop.Config{Backend: l})
	if err != nil {
		t.Fatal(err)
	}
	_, err = none.Conversation("x").Send(t.Context(), user("x"))
	refused(t, err, bedrock.CodeValidation, "modelId", "")
	_, err = none.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: talker, RequestMetadata: keys})
	refused(t, err, bedrock.CodeValidation, "requestMetadata."+outcrop.KeyConversation, "no conversations are kept here")
	if l.count() != 0 {
		t.Error("something was forwarded")
	}
}

// A repeated turn is answered from what is stored, streaming or not.
func TestIdempotency(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	c := m.Conversation("x")
	c.Key = "k1"
	first := send(t, c, user("one"))
	again := send(t, c, user("one"))
	if !again.Replayed || again.Turn != 1 || again.Output.Message.Text() != first.Output.Message.Text() || again.Usage.InputTokens != 3 || again.StopReason != first.StopReason {
		t.Errorf("the repeated turn is %+v", again)
	}
	stream, err := c.Stream(t.Context(), user("one"))
	if err != nil {
		t.Fatal(err)
	}
	collected, err := outcrop.Collect(stream.Stream)
	if err != nil || !stream.Replayed || collected.Output.Message.Text() != "reply 1" {
		t.Errorf("the repeated stream says %+v, %v", collected, err)
	}
	if l.count() != 1 {
		t.Errorf("the model was asked %d times", l.count())
	}
	_, err = c.Send(t.Context(), user("something else"))
	refused(t, err, bedrock.CodeValidation, "requestMetadata."+outcrop.KeyIdempotency, "turn 1 had the same key")
	// An SDK's token for the attempts of one request does the same.
	ctx := outcrop.WithOrigin(t.Context(), outcrop.Origin{ClientToken: "invocation-1"})
	c.Key = ""
	for range 2 {
		if _, err := c.Send(ctx, user("two")); err != nil {
			t.Fatal(err)
		}
	}
	if l.count() != 2 || history(t, c).Turns != 2 {
		t.Errorf("the model was asked %d times for %d turns", l.count(), history(t, c).Turns)
	}
}

// A model that fails leaves nothing behind, and the turn can be sent again.
func TestFailedTurn(t *testing.T) {
	l := &listener{do: func(n int, call *outcrop.Call) (*outcrop.Reply, error) {
		if n == 2 {
			return nil, outcrop.Errorf(bedrock.CodeThrottling, "slow down")
		}
		return nil, nil
	}}
	m := keeping(t, l)
	c := m.Conversation("x")
	send(t, c, user("one"))
	c.IfTurn = 2
	_, err := c.Send(t.Context(), user("two"))
	refused(t, err, bedrock.CodeThrottling, "", "slow down")
	if h := history(t, c); h.Turns != 1 || h.Pending != 2 {
		t.Errorf("%d turns, pending %d", h.Turns, h.Pending)
	}
	if reply := send(t, c, user("two")); reply.Turn != 2 || texts(l.last(t).Messages) != "one | reply 1 | two" {
		t.Errorf("turn %d was sent %q", reply.Turn, texts(l.last(t).Messages))
	}
}

// A turn is stored before the stream's last event is delivered.
func TestStreamedTurn(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	c := m.Conversation("x")
	stream, err := c.Stream(t.Context(), user("one"))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for event, err := range stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, event.Type())
		if kept := history(t, c).Turns; (event.Type() == "metadata") != (kept == 1) {
			t.Errorf("at %s %d turns are kept", event.Type(), kept)
		}
	}
	if want := "messageStart contentBlockDelta contentBlockDelta messageStop metadata"; strings.Join(types, " ") != want || stream.Turn != 1 {
		t.Errorf("turn %d has the events %v", stream.Turn, types)
	}
	send(t, c, user("two"))
	if got := texts(l.last(t).Messages); got != "one | reply 1 | two" {
		t.Errorf("the model was sent %q", got)
	}
}

// An interrupted turn is kept, left out, and gone on from when asked.
func TestInterruptedTurn(t *testing.T) {
	broken := func(call *outcrop.Call) *outcrop.Reply {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for event := range pieces("", "half a ", "reply") {
				if event.Type() == "messageStop" {
					yield(bedrock.Event{}, outcrop.Errorf(bedrock.CodeModelStreamError, "it broke"))
					return
				}
				if !yield(event, nil) {
					return
				}
			}
		}, nil))
	}
	l := &listener{do: func(n int, call *outcrop.Call) (*outcrop.Reply, error) {
		if n == 2 || n == 5 {
			return broken(call), nil
		}
		return nil, nil
	}}
	m := keeping(t, l)
	c := m.Conversation("x")
	send(t, c, user("one"))
	interrupt := func(question string) {
		stream, err := c.Stream(t.Context(), user(question))
		if err != nil {
			t.Fatal(err)
		}
		_, err = outcrop.Collect(stream.Stream)
		refused(t, err, bedrock.CodeModelStreamError, "", "it broke")
	}
	interrupt("two")
	h := history(t, c)
	if h.Turns != 2 || !h.History[1].Interrupted || texts(h.History[1].Messages) != "two | half a reply" {
		t.Fatalf("kept is %+v", h.History)
	}
	c.IfTurn = 2
	_, err := c.Send(t.Context(), user("two"))
	refused(t, err, bedrock.CodeConflict, "requestMetadata."+outcrop.KeyIfTurn, "outcrop:resume goes on from it")
	c.IfTurn = 0
	send(t, c, user("three"))
	if got := texts(l.last(t).Messages); got != "one | reply 1 | three" {
		t.Errorf("after it the model was sent %q", got)
	}
	send(t, c, user("four"))
	interrupt("five")
	c.Resume = true
	reply := send(t, c)
	if got := texts(l.last(t).Messages); !strings.Contains(got, "five | half a reply | ") || reply.Turn != 6 {
		t.Errorf("resumed as turn %d the model was sent %q", reply.Turn, got)
	}
	c.Resume = false
	send(t, c, user("six"))
	if got := texts(l.last(t).Messages); !strings.Contains(got, "half a reply") || strings.Contains(got, "two") {
		t.Errorf("later the model was sent %q", got)
	}
}

// A reader who goes away leaves an interrupted turn; one who never read, none.
func TestAbandonedStream(t *testing.T) {
	m := keeping(t, &listener{})
	c := m.Conversation("x")
	stream, err := c.Stream(t.Context(), user("unread"))
	if err != nil {
		t.Fatal(err)
	}
	stream.Close()
	if h := history(t, c); h.Turns != 0 {
		t.Errorf("%d turns are kept of an unread stream", h.Turns)
	}
	stream, err = c.Stream(t.Context(), user("one"))
	if err != nil {
		t.Fatal(err)
	}
	for event := range stream.Events() {
		if event.Type() == "contentBlockDelta" {
			break
		}
	}
	if h := history(t, c); h.Turns != 1 || !h.History[0].Interrupted || texts(h.History[0].Messages) != "one | rep" {
		t.Errorf("kept is %+v", h.History)
	}
	send(t, c, user("two"))
}

// A model that finds the context too long is asked once more, with less.
func TestContextWindowExceeded(t *testing.T) {
	for name, refuse := range map[string]func(*outcrop.Call) (*outcrop.Reply, error){
		"by a stop reason": func(call *outcrop.Call) (*outcrop.Reply, error) {
			return saying(call, "", bedrock.StopReasonModelContextWindowExceeded), nil
		},
		"by an error": func(*outcrop.Call) (*outcrop.Reply, error) {
			return nil, outcrop.Errorf(bedrock.CodeValidation, "Input is too long for requested model.")
		},
	} {
		for _, streams := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", streams: ", streams), func(t *testing.T) {
				l := &listener{do: func(n int, call *outcrop.Call) (*outcrop.Reply, error) {
					if n == 21 {
						return refuse(call)
					}
					return nil, nil
				}}
				c := keeping(t, l).Conversation("x")
				for i := range 20 {
					send(t, c, user(fmt.Sprintf("question %d, with some words about it", i)))
				}
				text := ""
				if streams {
					stream, err := c.Stream(t.Context(), user("now what?"))
					if err != nil {
						t.Fatal(err)
					}
					response, err := outcrop.Collect(stream.Stream)
					if err != nil {
						t.Fatal(err)
					}
					text = response.Output.Message.Text()
				} else {
					text = send(t, c, user("now what?")).Output.Message.Text()
				}
				if text != "reply 22" || l.count() != 22 {
					t.Fatalf("after %d calls the reply is %q", l.count(), text)
				}
				before, _ := l.calls[20].Converse()
				if now := l.last(t); len(texts(now.Messages)) >= len(texts(before.Messages)) {
					t.Errorf("first %d bytes were sent, then %d", len(texts(before.Messages)), len(texts(now.Messages)))
				}
				if h := history(t, c); h.Turns != 21 {
					t.Errorf("%d turns are kept", h.Turns)
				}
			})
		}
	}
}

// Where turns meet, the later waits, is refused, or goes its own way.
func TestTurnsMeet(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	l := &listener{do: func(n int, call *outcrop.Call) (*outcrop.Reply, error) {
		if n == 2 {
			close(begun)
			<-goOn
		}
		return nil, nil
	}}
	m := keeping(t, l)
	send(t, m.Conversation("x"), user("one"))
	var wg sync.WaitGroup
	wg.Go(func() {
		if reply, err := m.Conversation("x").Send(context.Background(), user("two")); err != nil || reply.Turn != 2 {
			t.Errorf("the first turn is %+v, %v", reply, err)
		}
	})
	<-begun
	rejecting := m.Conversation("x")
	rejecting.OnConflict = outcrop.ConflictReject
	_, err := rejecting.Send(t.Context(), user("rejected"))
	refused(t, err, bedrock.CodeConflict, "requestMetadata."+outcrop.KeyConversation, "another turn of conversation x is under way")
	forking := m.Conversation("x")
	forking.OnConflict = outcrop.ConflictFork
	fork := send(t, forking, user("forked"))
	if fork.ConversationID != "x.fork1" || fork.Turn != 2 || texts(l.last(t).Messages) != "one | reply 1 | forked" {
		t.Errorf("the fork is turn %d of %s, sent %q", fork.Turn, fork.ConversationID, texts(l.last(t).Messages))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.Conversation("x").Send(ctx, user("impatient"))
	refused(t, err, bedrock.CodeModelTimeout, "", "cancelled")
	close(goOn)
	wg.Wait()
	if h := history(t, m.Conversation("x")); h.Turns != 2 {
		t.Errorf("%d turns are kept", h.Turns)
	}
	if h := history(t, m.Conversation("x.fork1")); h.Fork == nil || h.Fork.ID != "x" || h.Fork.Turn != 1 {
		t.Errorf("the fork comes from %+v", h.Fork)
	}
	// A fork may begin at an earlier turn.
	forking.IfTurn = 1
	if early := send(t, forking, user("from the beginning")); early.ConversationID != "x.fork2" || early.Turn != 1 || texts(l.last(t).Messages) != "from the beginning" {
		t.Errorf("the fork is turn %d of %s, sent %q", early.Turn, early.ConversationID, texts(l.last(t).Messages))
	}
}

// A hundred turns at once make one line: none is lost, none comes twice.
func TestHundredTurnsAtOnce(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var turns []int
	for i := range 100 {
		wg.Go(func() {
			c := m.Conversation("x")
			var turn int
			if i%2 == 0 {
				reply, err := c.Send(context.Background(), user("question "+strconv.Itoa(i)))
				if err != nil {
					t.Error(err)
					return
				}
				turn = reply.Turn
			} else {
				stream, err := c.Stream(context.Background(), user("question "+strconv.Itoa(i)))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := outcrop.Collect(stream.Stream); err != nil {
					t.Error(err)
				}
				turn = stream.Turn
			}
			mu.Lock()
			turns = append(turns, turn)
			mu.Unlock()
		})
	}
	wg.Wait()
	slices.Sort(turns)
	h := history(t, m.Conversation("x"))
	seen := map[string]bool{}
	for i := range h.History {
		if turns[i] != i+1 || h.History[i].Turn != i+1 || len(h.History[i].Messages) != 2 {
			t.Fatalf("turn %d is %+v, acknowledged as %d", i+1, h.History[i], turns[i])
		}
		seen[h.History[i].Messages[0].Text()] = true
		if want := fmt.Sprintf("reply %d", i+1); h.History[i].Messages[1].Text() != want {
			t.Errorf("turn %d says %q", i+1, h.History[i].Messages[1].Text())
		}
	}
	if len(seen) != 100 || len(turns) != 100 {
		t.Errorf("%d questions in %d turns", len(seen), len(turns))
	}
	if last, _ := l.calls[99].Converse(); len(last.Messages) != 199 {
		t.Errorf("the last turn was sent with %d messages", len(last.Messages))
	}
}

// Managers that share a store see each other's turns.
func TestTwoManagers(t *testing.T) {
	store := outcrop.NewMemoryConversations(nil)
	share := func(c *outcrop.ConversationsConfig) { c.Store = store }
	l := &listener{}
	a, b := keeping(t, l, share), keeping(t, l, share)
	send(t, a.Conversation("x"), user("one"))
	send(t, b.Conversation("x"), user("two"))
	_, err := a.Conversation("x").Send(t.Context(), user("three"))
	refused(t, err, bedrock.CodeConflict, "", "another process has written")
	if !outcrop.AsError(err).Retryable {
		t.Error("it could be tried again")
	}
	if reply := send(t, a.Conversation("x"), user("three")); reply.Turn != 3 || texts(l.last(t).Messages) != "one | reply 1 | two | reply 2 | three" {
		t.Errorf("turn %d was sent %q", reply.Turn, texts(l.last(t).Messages))
	}
}

// A history that was begun elsewhere is taken over with its first turn here.
func TestAdoptedHistory(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	c := m.Conversation("x")
	reply := send(t, c, user("a"), assistant("b"), user("c"), assistant("d"), user("e"))
	if reply.Turn != 3 || history(t, c).Turns != 3 {
		t.Errorf("it is turn %d of %d", reply.Turn, history(t, c).Turns)
	}
	send(t, c, user("f"))
	if got := texts(l.last(t).Messages); got != "a | b | c | d | e | reply 1 | f" {
		t.Errorf("the model was sent %q", got)
	}
}

// System prompt and tools stay with the conversation until others come.
func TestSystemAndToolsStay(t *testing.T) {
	l := &listener{}
	m := keeping(t, l)
	c := m.Conversation("x")
	c.SystemPrompt = "Be brief."
	name := "look"
	c.Tools = &bedrock.ToolConfiguration{Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{Name: name, InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{"type":"object"}`)}}}}}
	send(t, c, user("one"))
	c.SystemPrompt, c.Tools = "", nil
	send(t, c, user("two"))
	if req := l.last(t); len(req.System) == 0 || *req.System[0].Text != "Be brief." || req.ToolConfig == nil {
		t.Errorf("the second turn was sent with %q and %+v", *req.System[0].Text, req.ToolConfig)
	}
	c.SystemPrompt = "Be long."
	send(t, c, user("three"))
	if req := l.last(t); *req.System[0].Text != "Be long." {
		t.Errorf("the third turn was sent with %+v", req.System)
	}
}

// Summaries are written in the background, and a turn waits for none.
func TestSummaries(t *testing.T) {
	asked := make(chan *bedrock.ConverseRequest, 100)
	l := &listener{do: func(n int, call *outcrop.Call) (*outcrop.Reply, error) {
		if call.ModelID != "amazon.nova-micro-v1:0" {
			return nil, nil
		}
		if call.Class != outcrop.Background || call.Caller.Tenant != "a" {
			t.Errorf("a summary is asked for by %q in class %v", call.Caller.Tenant, call.Class)
		}
		req, _ := call.Converse()
		asked <- req
		return saying(call, "They counted.", bedrock.StopReasonEndTurn), nil
	}}
	store := outcrop.NewMemoryConversations(nil)
	m := keeping(t, l, func(c *outcrop.ConversationsConfig) {
		c.Store, c.SummaryModelID, c.Policy.SegmentTokens = store, "amazon.nova-micro-v1:0", 100
	})
	ctx := outcrop.WithOrigin(t.Context(), outcrop.Origin{Caller: outcrop.Caller{Tenant: "a"}})
	for i := range 20 {
		if _, err := m.Conversation("x").Send(ctx, user(fmt.Sprintf("what comes after the number %d in the row?", i))); err != nil {
			t.Fatal(err)
		}
	}
	<-asked
	m.Close(context.Background()) // waits for what was begun
	other := keeping(t, l, func(c *outcrop.ConversationsConfig) { c.Store = store })
	all, err := other.Conversation("x").Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if all.Turns != 20 {
		t.Errorf("%d turns", all.Turns)
	}
	for _, s := range all.Summaries {
		if s.Text != "They counted." {
			t.Errorf("summary %+v", s)
		}
	}
}

// Conversations that nobody has used for long are gone.
func TestRetention(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	l := &listener{}
	m, err := outcrop.New(outcrop.Config{Backend: l, ModelID: talker, Now: clock, Conversations: outcrop.ConversationsConfig{
		Store: outcrop.NewMemoryConversations(clock), Retention: 24 * time.Hour,
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	send(t, m.Conversation("x"), user("one"))
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	_, err = m.Conversation("x").History(t.Context())
	refused(t, err, bedrock.CodeResourceNotFound, "", "no conversation")
	if reply := send(t, m.Conversation("x"), user("two")); reply.Turn != 1 {
		t.Errorf("it goes on at turn %d", reply.Turn)
	}
}

// Few conversations are held in memory; the others are read again.
func TestMaxOpen(t *testing.T) {
	l := &listener{}
	m := keeping(t, l, func(c *outcrop.ConversationsConfig) { c.MaxOpen = 2 })
	for round := range 2 {
		for i := range 5 {
			if reply := send(t, m.Conversation(fmt.Sprint("c", i)), user("hi")); reply.Turn != round+1 {
				t.Errorf("conversation %d is at turn %d", i, reply.Turn)
			}
		}
	}
	list, err := m.Conversations(t.Context(), "c1", 2)
	if err != nil || len(list.Conversations) != 2 || list.Conversations[0].ID != "c2" || list.Conversations[0].Turns != 2 || list.NextToken != "c3" {
		t.Errorf("the list is %+v, %v", list, err)
	}
}

// TestPanicGivesTheTurnBack: a back-end that panics fails its turn, and the next
// one gets the conversation.
func TestPanicGivesTheTurnBack(t *testing.T) {
	l := &listener{do: func(n int, _ *outcrop.Call) (*outcrop.Reply, error) {
		if n == 1 {
			panic("a bug")
		}
		return nil, nil
	}}
	m, err := outcrop.New(outcrop.Config{Backend: l, Conversations: outcrop.ConversationsConfig{
		Store: outcrop.NewMemoryConversations(nil), OnConflict: outcrop.ConflictReject,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	named := func() error {
		req := sends("Hello")
		req.RequestMetadata = map[string]string{outcrop.KeyConversation: "trip"}
		_, err := m.Converse(t.Context(), req)
		return err
	}
	func() {
		defer func() {
			if p := recover(); p != "a bug" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = named()
	}()
	if err := named(); err != nil {
		t.Errorf("the next turn: %v", err)
	}
}

// lister is a listener that is asked for its models.
type lister struct {
	listener
	lists int
	err   error
}

func (l *lister) Models(context.Context) ([]outcrop.Model, error) {
	l.lists++
	return []outcrop.Model{{ID: talker, ContextWindow: 4000}}, l.err
}

// TestWindowsAreListedOnce: a back-end that may not list its models is not asked
// for them at every turn, and is asked again after a while.
func TestWindowsAreListedOnce(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := &lister{err: errors.New("not allowed")}
	m, err := outcrop.New(outcrop.Config{Backend: l, ModelID: talker, Now: func() time.Time { return now }, Conversations: outcrop.ConversationsConfig{
		Store: outcrop.NewMemoryConversations(nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	turns := func(lists int) {
		t.Helper()
		for range 3 {
			send(t, m.Conversation("x"), user("Hello"))
		}
		if l.lists != lists {
			t.Errorf("the back-end was asked for its models %d times, want %d", l.lists, lists)
		}
	}
	turns(1)
	now = now.Add(2 * time.Minute)
	l.err = nil
	turns(2)
	now = now.Add(time.Hour)
	turns(2)
}
