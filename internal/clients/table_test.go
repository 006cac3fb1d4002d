package clients_test

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// The model of the cases, under the names that AWS gives it. All hold colons,
// the ARNs a slash: what clients escape differently.
const (
	modelID    = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	profileID  = "us." + modelID
	modelARN   = "arn:aws:bedrock:us-east-1::foundation-model/" + modelID
	profileARN = "arn:aws:bedrock:us-east-1:" + account + ":inference-profile/" + profileID
)

const (
	question = "What is quantum computing, and who needs it?"
	weather  = "What is the weather in Paris?"
)

// claudeBody is a model-native body that asks the question.
var claudeBody = params{
	"anthropic_version": "bedrock-2023-05-31",
	"max_tokens":        1000,
	"messages":          []any{params{"role": "user", "content": question}},
}

// reply is what the programs show of a response.
type reply struct {
	Status    int
	RequestID string
	Attempts  int

	Text        string
	StopReason  string
	Usage       bedrock.TokenUsage
	Events      []string
	ContentType string
	Body        claudeReply
	Chunks      []json.RawMessage
	InputTokens int

	FirstStop string
	Tool      string
	Input     map[string]any

	ID, ARN   string
	IDs       []string
	Providers []string
	Streaming bool
	Models    int
	Pages     int
}

type claudeReply struct {
	Content    []struct{ Type, Text string }
	StopReason string `json:"stop_reason"`
	Usage      struct {
		InputTokens  int `json:"input_tokens"`
		OutputTokens int `json:"output_tokens"`
	}
}

var requestID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f-]{27}$`)

func (r *reply) check(t *testing.T) {
	t.Helper()
	if r.Status != 200 || r.Attempts != 1 || !requestID.MatchString(r.RequestID) {
		t.Errorf("status %d, attempts %d, request id %q", r.Status, r.Attempts, r.RequestID)
	}
}

// expected is what the library says to the question.
func expected(t *testing.T) *bedrock.ConverseResponse {
	t.Helper()
	m, err := local.Open(t.TempDir(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	words := question
	response, err := m.Converse(t.Context(), &bedrock.ConverseRequest{ModelID: modelID, Messages: []bedrock.Message{
		{Role: bedrock.ConversationRoleUser, Content: []bedrock.ContentBlock{{Text: &words}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func textOf(r *bedrock.ConverseResponse) string { return *r.Output.Message.Content[0].Text }

// calls runs every operation and compares the replies with the library's.
func calls(t *testing.T, p *program, want *bedrock.ConverseResponse) {
	sayings := params{"modelId": modelID, "words": question}
	for name, id := range map[string]string{"model": modelID, "profile": profileID, "model-arn": modelARN, "profile-arn": profileARN} {
		t.Run("converse-"+name, func(t *testing.T) {
			r := result[reply](t, p, "converse", params{"modelId": id, "words": question})
			r.check(t)
			if r.Text != textOf(want) || r.StopReason != string(want.StopReason) || r.Usage.TotalTokens != want.Usage.TotalTokens {
				t.Errorf("%q, %s, %d tokens; the library says %q", r.Text, r.StopReason, r.Usage.TotalTokens, textOf(want))
			}
		})
	}
	t.Run("converse-stream", func(t *testing.T) {
		r := result[reply](t, p, "converseStream", sayings)
		r.check(t)
		if r.Text != textOf(want) || r.StopReason != string(want.StopReason) || r.Usage.TotalTokens != want.Usage.TotalTokens {
			t.Errorf("%q, %s, %d tokens; the library says %q", r.Text, r.StopReason, r.Usage.TotalTokens, textOf(want))
		}
		order := slices.Compact(slices.DeleteFunc(slices.Clone(r.Events), func(e string) bool { return e == "contentBlockStart" }))
		if !slices.Equal(order, []string{"messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}) {
			t.Errorf("events %v", r.Events)
		}
		if n := len(r.Events); n < 8 {
			t.Errorf("the stream came in %d events", n)
		}
	})
	t.Run("invoke", func(t *testing.T) {
		r := result[reply](t, p, "invoke", params{"modelId": modelID, "body": claudeBody})
		r.check(t)
		checkClaude(t, &r.Body, want)
		if r.ContentType != "application/json" {
			t.Errorf("content type %q", r.ContentType)
		}
	})
	t.Run("invoke-stream", func(t *testing.T) {
		r := result[reply](t, p, "invokeStream", params{"modelId": profileARN, "body": claudeBody})
		r.check(t)
		checkChunks(t, r.Chunks, want)
	})
	t.Run("tools", func(t *testing.T) {
		r := result[reply](t, p, "tools", params{"modelId": modelID, "words": weather})
		if r.FirstStop != "tool_use" || r.Tool != "get_weather" || r.Input["city"] != "Paris" {
			t.Errorf("%s: %s(%v)", r.FirstStop, r.Tool, r.Input)
		}
		if r.StopReason != "end_turn" || !strings.Contains(r.Text, "clear") || !strings.Contains(r.Text, "21") {
			t.Errorf("after the tool's result: %s, %q", r.StopReason, r.Text)
		}
	})
	t.Run("tools-usage", func(t *testing.T) {
		r := result[reply](t, p, "tools", params{"modelId": modelID, "words": weather})
		if r.Usage.InputTokens != 59 {
			t.Errorf("%d input tokens for what takes 59 when it is written without spaces", r.Usage.InputTokens)
		}
	})
	for name, id := range map[string]string{"model": modelID, "profile": profileID, "profile-arn": profileARN} {
		t.Run("count-tokens-"+name, func(t *testing.T) {
			r := result[reply](t, p, "countTokens", params{"modelId": id, "words": question})
			r.check(t)
			if r.InputTokens != want.Usage.InputTokens {
				t.Errorf("%d tokens; the reply's usage says %d", r.InputTokens, want.Usage.InputTokens)
			}
		})
	}
	t.Run("count-tokens-native", func(t *testing.T) {
		r := result[reply](t, p, "countTokens", params{"modelId": modelID, "body": claudeBody})
		if r.InputTokens != want.Usage.InputTokens {
			t.Errorf("%d tokens; the reply's usage says %d", r.InputTokens, want.Usage.InputTokens)
		}
	})
	t.Run("list-models", func(t *testing.T) {
		r := result[reply](t, p, "listModels", params{"provider": "Anthropic"})
		r.check(t)
		if !slices.Contains(r.IDs, modelID) || !slices.Equal(r.Providers, []string{"Anthropic"}) {
			t.Errorf("models %v of %v", r.IDs, r.Providers)
		}
	})
	for name, id := range map[string]string{"model": modelID, "model-arn": modelARN} {
		t.Run("get-"+name, func(t *testing.T) {
			r := result[reply](t, p, "getModel", params{"modelId": id})
			r.check(t)
			if r.ID != modelID || r.ARN != modelARN || !r.Streaming {
				t.Errorf("%s, %s, streaming %v", r.ID, r.ARN, r.Streaming)
			}
		})
	}
	t.Run("list-profiles", func(t *testing.T) {
		r := result[reply](t, p, "listProfiles", nil)
		sorted := slices.Sorted(slices.Values(r.IDs))
		if !slices.Contains(r.IDs, profileID) || len(slices.Compact(sorted)) != len(r.IDs) || r.Pages != (len(r.IDs)+19)/20 || r.Pages < 2 {
			t.Errorf("%d profiles in %d pages: %v", len(r.IDs), r.Pages, r.IDs)
		}
	})
	for name, id := range map[string]string{"profile": profileID, "profile-arn": profileARN} {
		t.Run("get-"+name, func(t *testing.T) {
			r := result[reply](t, p, "getProfile", params{"profileId": id})
			r.check(t)
			if r.ID != profileID || r.ARN != profileARN || r.Models < 2 {
				t.Errorf("%s, %s, %d models", r.ID, r.ARN, r.Models)
			}
		})
	}
}

// checkClaude compares a model-native reply with the library's Converse.
func checkClaude(t *testing.T, r *claudeReply, want *bedrock.ConverseResponse) {
	t.Helper()
	if len(r.Content) != 1 || r.Content[0].Type != "text" || r.Content[0].Text != textOf(want) {
		t.Errorf("content %v; the library says %q", r.Content, textOf(want))
	}
	if r.StopReason != "end_turn" || r.Usage.InputTokens != want.Usage.InputTokens || r.Usage.OutputTokens != want.Usage.OutputTokens {
		t.Errorf("stop reason %q, usage %+v; the library says %+v", r.StopReason, r.Usage, want.Usage)
	}
}

// checkChunks puts the chunks of a model-native stream together.
func checkChunks(t *testing.T, chunks []json.RawMessage, want *bedrock.ConverseResponse) {
	t.Helper()
	var reader outcrop.ChunkReader
	var text strings.Builder
	for _, chunk := range chunks {
		part, err := reader.Text(chunk)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(part)
	}
	usage := reader.Usage()
	if text.String() != textOf(want) || usage.OutputTokens != want.Usage.OutputTokens {
		t.Errorf("%q, usage %+v; the library says %q", text.String(), usage, textOf(want))
	}
	if len(chunks) < 6 {
		t.Errorf("the stream came in %d chunks", len(chunks))
	}
	var last struct {
		Metrics *struct {
			InputTokenCount, OutputTokenCount int
		} `json:"amazon-bedrock-invocationMetrics"`
	}
	if len(chunks) > 0 {
		if err := json.Unmarshal(chunks[len(chunks)-1], &last); err != nil {
			t.Fatal(err)
		}
	}
	if m := last.Metrics; m == nil || m.InputTokenCount != want.Usage.InputTokens || m.OutputTokenCount != want.Usage.OutputTokens {
		t.Errorf("the last chunk's metrics are %+v; the library says %+v", m, want.Usage)
	}
}

// open: a server without keys takes whatever credentials a client has.
func open(t *testing.T, p *program, want *bedrock.ConverseResponse) {
	s := serve(t)
	p.configure(t, signed(s.url).with("AWS_ACCESS_KEY_ID", "anything").with("AWS_SECRET_ACCESS_KEY", "at-all"))
	r := result[reply](t, p, "converse", params{"modelId": modelID, "words": question})
	r.check(t)
	if r.Text != textOf(want) {
		t.Errorf("%q; the library says %q", r.Text, textOf(want))
	}
}

// bearer: an API key in the place of a signature.
func bearer(t *testing.T, p *program, url string, want *bedrock.ConverseResponse) {
	p.configure(t, signed(url).with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "").with("AWS_BEARER_TOKEN_BEDROCK", bearerToken))
	r := result[reply](t, p, "converseStream", params{"modelId": profileARN, "words": question})
	r.check(t)
	if r.Text != textOf(want) {
		t.Errorf("%q; the library says %q", r.Text, textOf(want))
	}
	if models := result[reply](t, p, "listModels", params{"provider": "Anthropic"}); len(models.IDs) == 0 {
		t.Error("no models")
	}
}
