package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/owner"
	"github.com/outcrop-ai/outcrop/remote"
	"github.com/outcrop-ai/outcrop/server"
	"github.com/outcrop-ai/outcrop/tokens"
)

const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"

// serve opens a data directory and serves it, until stop is called.
func serve(t *testing.T, dir string) (m *local.Local, url string, stop func()) {
	t.Helper()
	lock, err := owner.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err = local.Open(dir, local.Config{Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Manager: m.Manager})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	return m, h.URL, func() {
		h.Close()
		if err := errors.Join(m.Close(context.Background()), lock.Release()); err != nil {
			t.Error(err)
		}
	}
}

func sdkClient(url string) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(url), Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
	})
}

func says(role types.ConversationRole, text string) types.Message {
	return types.Message{Role: role, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}
}

func input(metadata map[string]string, messages ...types.Message) *bedrockruntime.ConverseInput {
	return &bedrockruntime.ConverseInput{ModelId: aws.String(sonnet), Messages: messages, RequestMetadata: metadata}
}

// The AWS SDK for Go, unmodified, holds a conversation by its id while the
// server is restarted, sending new messages only, or all of them; streaming or
// not.
func TestSDKHoldsConversation(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	trip := map[string]string{outcrop.KeyConversation: "trip", "team": "a"}
	_, url, stop := serve(t, dir)
	first, err := sdkClient(url).Converse(ctx, input(trip, says("user", "My name is Ada.")))
	if err != nil {
		t.Fatal(err)
	}
	stop()

	_, url, stop = serve(t, dir)
	c := sdkClient(url)
	out, err := c.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{
		ModelId: aws.String(sonnet), Messages: []types.Message{says("user", "What is my name?")}, RequestMetadata: trip,
	})
	if err != nil {
		t.Fatal(err)
	}
	streamed := ""
	for event := range out.GetStream().Events() {
		if d, ok := event.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
			streamed += d.Value.Delta.(*types.ContentBlockDeltaMemberText).Value
		}
	}
	if err := out.GetStream().Err(); err != nil {
		t.Fatal(err)
	}
	stop()

	m, url, stop := serve(t, dir)
	defer stop()
	c = sdkClient(url)
	answer := first.Output.(*types.ConverseOutputMemberMessage).Value
	whole := []types.Message{says("user", "My name is Ada."), answer, says("user", "What is my name?"), says("assistant", streamed), says("user", "And now?")}
	third, err := c.Converse(ctx, input(trip, whole...))
	if err != nil {
		t.Fatal(err)
	}
	if *third.Usage.InputTokens <= *first.Usage.InputTokens {
		t.Errorf("the third turn was sent with %d tokens, the first with %d", *third.Usage.InputTokens, *first.Usage.InputTokens)
	}
	h, err := m.Conversation("trip").History(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, message := range h.Messages() {
		said = append(said, message.Text())
	}
	if h.Turns != 3 || said[0] != "My name is Ada." || said[2] != "What is my name?" || said[3] != streamed || said[4] != "And now?" {
		t.Errorf("%d turns are kept: %q", h.Turns, said)
	}
	for what, bad := range map[string]struct {
		in   *bedrockruntime.ConverseInput
		code string
		text string
	}{
		"a turn ahead":    {input(map[string]string{outcrop.KeyConversation: "trip", outcrop.KeyIfTurn: "9"}, says("user", "x")), bedrock.CodeConflict, "is at turn 3"},
		"another history": {input(trip, says("user", "My name is Bob."), answer, says("user", "x")), bedrock.CodeValidation, "messages.0.content.0"},
		"an odd id":       {input(map[string]string{outcrop.KeyConversation: "a b"}, says("user", "x")), bedrock.CodeValidation, "letters A-Z"},
		"an unknown key":  {input(map[string]string{"outcrop:x": "a"}, says("user", "x")), bedrock.CodeValidation, "outcrop:x"},
	} {
		_, err := c.Converse(ctx, bad.in)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != bad.code || !strings.Contains(api.ErrorMessage(), bad.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The doors of HTTP, and a command's client, tell the same.
func TestConversationDoors(t *testing.T) {
	m, url, stop := serve(t, t.TempDir())
	defer stop()
	for i := range 3 {
		if _, err := m.Conversation(fmt.Sprint("c", i)).Send(t.Context(), bedrock.UserText("hello")); err != nil {
			t.Fatal(err)
		}
	}
	get := func(method, path string, status int) (http.Header, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		var v map[string]any
		if err != nil || json.Unmarshal(text, &v) != nil || resp.StatusCode != status {
			t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
		}
		return resp.Header, v
	}
	_, list := get("GET", "/conversations?maxResults=2", 200)
	if got := list["conversations"].([]any); len(got) != 2 || list["nextToken"] != "c1" {
		t.Errorf("the list is %v", list)
	}
	_, one := get("GET", "/conversations/c0", 200)
	if one["turns"] != 1.0 || one["conversationId"] != "c0" || one["summaries"] != nil {
		t.Errorf("the conversation is %v", one)
	}
	header, _ := get("GET", "/conversations/c0?format=export", 200)
	if !strings.Contains(header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the export has the header %v", header)
	}
	if _, why := get("GET", "/conversations/c0/explain", 200); why["turn"] != 1.0 {
		t.Errorf("the explanation is %v", why)
	}
	for path, status := range map[string]int{
		"/conversations/none": 404, "/conversations/a%2Fb": 400, "/conversations?maxResults=x": 400,
		"/conversations?maxResults=5000": 400, "/conversations?nextToken=a%20b": 400, "/conversations/c0?format=xml": 400,
	} {
		get("GET", path, status)
	}
	get("DELETE", "/conversations/c0", 200)
	get("DELETE", "/conversations/c0", 404)

	client, err := remote.New(remote.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	far, err := local.Connect(client, "", local.Config{ModelID: sonnet})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close(context.Background())
	c := far.Conversation("c1")
	c.IfTurn = 2
	reply, err := c.Send(t.Context(), bedrock.UserText("again"))
	if err != nil || reply.Turn != 2 || reply.ConversationID != "c1" {
		t.Fatalf("the reply from afar is %+v, %v", reply, err)
	}
	stream, err := far.Conversation("c1").Stream(t.Context(), bedrock.UserText("and again"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outcrop.Collect(stream.Stream); err != nil || stream.Turn != 3 {
		t.Errorf("the stream from afar is turn %d, %v", stream.Turn, err)
	}
	h, err := far.Conversation("c1").Export(t.Context())
	if err != nil || h.Turns != 3 || len(h.History) != 3 {
		t.Errorf("the history from afar is %+v, %v", h, err)
	}
	all, err := far.Conversations(t.Context(), "c1", 0)
	if err != nil || len(all.Conversations) != 1 || all.Conversations[0].ID != "c2" {
		t.Errorf("the list from afar is %+v, %v", all, err)
	}
	if why, err := c.Explain(t.Context()); err != nil || why.Turn != 3 {
		t.Errorf("the explanation from afar is %+v, %v", why, err)
	}
	if err := c.Forget(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.History(t.Context()); outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
		t.Errorf("what was forgotten: %v", err)
	}
}

// Over a thousand turns what is sent stays within the budget and below the
// simulator's own count of it, and does not grow.
func TestThousandTurns(t *testing.T) {
	turns := 1000
	if testing.Short() {
		turns = 200
	}
	const budget = 8000
	backend, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := outcrop.New(outcrop.Config{
		Backend: backend, ModelID: sonnet,
		Conversations: outcrop.ConversationsConfig{Store: outcrop.NewMemoryConversations(nil), Budget: budget},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := m.Conversation("long")
	c.SystemPrompt = strings.Repeat("Answer as a patient guide to the islands would. ", 100)
	c.MaxTokens = 250
	most, total, early := 0, bedrock.TokenUsage{}, 0
	said, everything := 0, 0.0 // tokens so far, and what sending them each time costs
	count := tokens.Default().For(sonnet)
	for i := range turns {
		question := fmt.Sprintf("Question %d: %s", i, strings.Repeat(fmt.Sprintf("what of harbour %d and its boats? ", i%97), 15))
		reply, err := c.Send(t.Context(), bedrock.UserText(question))
		if err != nil {
			t.Fatalf("turn %d: %v", i+1, err)
		}
		u := reply.Usage
		sent := u.InputTokens
		for _, cached := range []*int{u.CacheReadInputTokens, u.CacheWriteInputTokens} {
			if cached != nil {
				sent += *cached
			}
		}
		if sent > budget {
			t.Fatalf("turn %d was sent with %d tokens", i+1, sent)
		}
		said += count.Text(question)
		everything += float64(said + count.Text(c.SystemPrompt) + 5*u.OutputTokens)
		said += u.OutputTokens
		most = max(most, sent)
		if i < turns/2 {
			early = most
		}
		total.Add(u)
	}
	if most > early+early/10 {
		t.Errorf("the second half sends %d tokens a turn, the first %d", most, early)
	}
	// In input tokens: output costs five times, a cache's write 1.25 and its read
	// a tenth of them.
	cost := float64(total.InputTokens+5*total.OutputTokens) + 1.25*float64(*total.CacheWriteInputTokens) + 0.1*float64(*total.CacheReadInputTokens)
	if limit := map[bool]float64{true: 0.1, false: 0.02}[testing.Short()]; cost > limit*everything {
		t.Errorf("it costs %.4f of sending everything, more than %v", cost/everything, limit)
	}
	t.Logf("%d turns: at most %d tokens a turn, %.4f of the cost of sending everything without a cache", turns, most, cost/everything)
}
