package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// echo is a Backend that says what it was told, word by word, with a token
// for each word. do, when set, goes before.
type echo struct {
	do func(context.Context, *outcrop.Call) (*outcrop.Reply, error)
}

var (
	_ outcrop.Backend      = (*echo)(nil)
	_ outcrop.TokenCounter = (*echo)(nil)
	_ outcrop.ModelLister  = (*echo)(nil)
)

type echoBody struct {
	Prompt string `json:"prompt"`
}

func (e *echo) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	if e.do != nil {
		if reply, err := e.do(ctx, call); reply != nil || err != nil {
			return reply, err
		}
	}
	prompt, err := promptOf(call)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(prompt)
	meta := outcrop.Meta{Backend: "echo", ModelID: call.ModelID}
	switch call.Operation {
	case bedrock.OpConverse:
		s := outcrop.NewStream(converseEvents(ctx, words), nil)
		response, err := outcrop.Collect(s)
		if err != nil {
			return nil, err
		}
		return outcrop.NewConverseReply(meta, response), nil
	case bedrock.OpConverseStream:
		return outcrop.NewStreamReply(meta, outcrop.NewStream(converseEvents(ctx, words), nil)), nil
	case bedrock.OpInvokeModelWithResponseStream:
		return outcrop.NewStreamReply(meta, outcrop.NewStream(chunkEvents(words), nil)), nil
	}
	meta.Usage = &bedrock.TokenUsage{InputTokens: len(words), OutputTokens: len(words)}
	body, err := json.Marshal(map[string]string{"completion": prompt})
	return outcrop.NewReply(meta, body), err
}

func promptOf(call *outcrop.Call) (string, error) {
	if call.Native() {
		var body echoBody
		if err := bedrock.Unmarshal(call.Raw, &body); err != nil {
			return "", err
		}
		return body.Prompt, nil
	}
	req, err := call.Converse()
	if err != nil {
		return "", err
	}
	if err := bedrock.Validate(req); err != nil {
		return "", err
	}
	if len(req.Messages) == 0 {
		return "", outcrop.Invalid("messages", "a conversation needs a message")
	}
	return req.Messages[len(req.Messages)-1].Text(), nil
}

// converseEvents are the events of a reply of these words.
func converseEvents(ctx context.Context, words []string) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		n := len(words)
		events := []*bedrock.ConverseStreamOutput{{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}}
		for i, word := range words {
			if i > 0 {
				word = " " + word
			}
			events = append(events, delta(word))
		}
		events = append(
			events,
			&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{}},
			&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{StopReason: bedrock.StopReasonEndTurn}},
			&bedrock.ConverseStreamOutput{Metadata: &bedrock.ConverseStreamMetadataEvent{
				Usage: bedrock.TokenUsage{InputTokens: n, OutputTokens: n, TotalTokens: 2 * n},
			}},
		)
		for _, event := range events {
			if ctx.Err() != nil {
				yield(bedrock.Event{}, ctx.Err())
				return
			}
			if !yield(bedrock.NewEvent(event), nil) {
				return
			}
		}
	}
}

func delta(text string) *bedrock.ConverseStreamOutput {
	return &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{
		Delta: bedrock.ContentBlockDelta{Text: &text},
	}}
}

func chunkEvents(words []string) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		for i, word := range words {
			text := fmt.Sprintf(`{"completion":%q`, word)
			if i == len(words)-1 {
				text += fmt.Sprintf(`,"amazon-bedrock-invocationMetrics":{"inputTokenCount":%d,"outputTokenCount":%d}`, len(words), len(words))
			}
			if !yield(bedrock.NewChunk([]byte(text+"}")), nil) {
				return
			}
		}
	}
}

func (e *echo) CountTokens(_ context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	prompt, err := promptOf(call)
	return outcrop.TokenCount{InputTokens: len(strings.Fields(prompt)), Estimated: true}, err
}

func (e *echo) Models(context.Context) ([]outcrop.Model, error) {
	text := []string{"TEXT"}
	return []outcrop.Model{
		{
			ID: "amazon.nova-lite-v1:0", Name: "Nova Lite", Provider: "Amazon", Streaming: true,
			InputModalities: []string{"TEXT", "IMAGE"}, OutputModalities: text,
			Profiles: []outcrop.Profile{
				{ID: "us.amazon.nova-lite-v1:0", Name: "US Nova Lite", Regions: []string{"us-east-1", "us-west-2"}},
				{ID: "eu.amazon.nova-lite-v1:0", Name: "EU Nova Lite", Regions: []string{"eu-west-1"}},
			},
		},
		{
			ID: "amazon.titan-embed-text-v2:0", Name: "Titan Embeddings", Provider: "Amazon",
			InputModalities: text, OutputModalities: []string{"EMBEDDING"}, Lifecycle: "LEGACY",
		},
		{
			ID: "meta.llama3-8b-instruct-v1:0", Name: "Llama 3", Provider: "Meta", Streaming: true,
			InputModalities: text, OutputModalities: text,
			Profiles: []outcrop.Profile{{ID: "apac.meta.llama3-8b-instruct-v1:0", Name: "APAC Llama 3"}},
		},
	}, nil
}
