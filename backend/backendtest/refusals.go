package backendtest

import (
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func text(s string) bedrock.ContentBlock { return bedrock.ContentBlock{Text: &s} }

func user(blocks ...bedrock.ContentBlock) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleUser, Content: blocks}
}

func assistant(blocks ...bedrock.ContentBlock) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: blocks}
}

func toolUse(id string) bedrock.ContentBlock {
	return bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: id, Name: "get_weather", Input: bedrock.Document(`{"city":"Paris"}`)}}
}

func toolResult(id, result string) bedrock.ContentBlock {
	return bedrock.ContentBlock{ToolResult: &bedrock.ToolResultBlock{
		ToolUseID: id, Content: []bedrock.ToolResultContentBlock{{JSON: bedrock.Document(result)}},
	}}
}

func document(name string) bedrock.ContentBlock {
	content := "Rivers flow to the sea."
	return bedrock.ContentBlock{Document: &bedrock.DocumentBlock{
		Format: bedrock.DocumentFormatTxt, Name: name, Source: bedrock.DocumentSource{Text: &content},
	}}
}

// badRequests are refused before anything is generated, by an error that
// names the field.
func (s *suite) badRequests(t *testing.T) {
	b := s.open(t)
	hi := user(text("Hi."))
	for _, c := range []struct {
		name   string
		field  string // what the field begins with
		change func(*bedrock.ConverseRequest)
	}{
		{"no messages", "messages", func(r *bedrock.ConverseRequest) { r.Messages = nil }},
		{"assistant first", "messages.0", func(r *bedrock.ConverseRequest) { r.Messages = []bedrock.Message{assistant(text("Hi.")), hi} }},
		{"two users in a row", "messages.1", func(r *bedrock.ConverseRequest) { r.Messages = []bedrock.Message{hi, hi} }},
		{"no content", "messages.0.content", func(r *bedrock.ConverseRequest) { r.Messages = []bedrock.Message{user([]bedrock.ContentBlock{}...)} }},
		{"blank text", "messages.0.content.0", func(r *bedrock.ConverseRequest) { r.Messages = []bedrock.Message{user(text(" \n"))} }},
		{"empty block", "messages.1.member.content.1.member", func(r *bedrock.ConverseRequest) { r.Messages = []bedrock.Message{user(bedrock.ContentBlock{})} }},
		{"unknown role", "messages.1.member.role", func(r *bedrock.ConverseRequest) { r.Messages[0].Role = "robot" }},
		{"tool blocks without toolConfig", "toolConfig", func(r *bedrock.ConverseRequest) {
			r.ToolConfig = nil
			r.Messages = []bedrock.Message{hi, assistant(toolUse("a")), user(toolResult("a", `{}`))}
		}},
		{"unanswered tool use", "messages.2.content", func(r *bedrock.ConverseRequest) {
			r.Messages = []bedrock.Message{hi, assistant(toolUse("a"), toolUse("b")), user(toolResult("a", `{}`))}
		}},
		{"result of nothing", "messages.0.content.0.toolResult", func(r *bedrock.ConverseRequest) {
			r.Messages = []bedrock.Message{user(toolResult("a", `{}`))}
		}},
		{"result that is no object", "messages.2.content.0.toolResult.content.0.json", func(r *bedrock.ConverseRequest) {
			r.Messages = []bedrock.Message{hi, assistant(toolUse("a")), user(toolResult("a", `[1]`))}
		}},
		{"forced tool that is not there", "toolConfig.toolChoice.tool.name", func(r *bedrock.ConverseRequest) {
			r.ToolConfig.ToolChoice = &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: "other"}}
		}},
		{"document without text", "messages.0.content", func(r *bedrock.ConverseRequest) {
			r.Messages = []bedrock.Message{user(document("rivers"))}
		}},
		{"two documents of one name", "messages.0.content.2.document.name", func(r *bedrock.ConverseRequest) {
			r.Messages = []bedrock.Message{user(text("Compare."), document("rivers"), document("rivers"))}
		}},
		{"maxTokens of none", "inferenceConfig.maxTokens", func(r *bedrock.ConverseRequest) { *r.InferenceConfig.MaxTokens = 0 }},
		{"temperature of two", "inferenceConfig.temperature", func(r *bedrock.ConverseRequest) {
			two := 2.0
			r.InferenceConfig.Temperature = &two
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
				req := s.request("Hi.")
				req.ToolConfig = weatherTool()
				c.change(req)
				_, err := b.Do(t.Context(), outcrop.NewConverseCall(operation, req))
				e := asError(t, err)
				if e.Code != bedrock.CodeValidation || e.Retryable {
					t.Errorf("%s: code %s, retryable %v", operation, e.Code, e.Retryable)
				}
				if !strings.HasPrefix(e.Field, c.field) {
					t.Errorf("%s: the error is about %q, want %q: %s", operation, e.Field, c.field, e.Message)
				}
			}
		})
	}
	t.Run("no JSON", func(t *testing.T) {
		_, err := b.Do(t.Context(), &outcrop.Call{Operation: bedrock.OpConverse, ModelID: s.ModelID, Raw: []byte(`{"messages": [`)})
		if e := asError(t, err); e.Code != bedrock.CodeValidation {
			t.Errorf("code %s", e.Code)
		}
	})
	t.Run("wrong type", func(t *testing.T) {
		_, err := b.Do(t.Context(), &outcrop.Call{Operation: bedrock.OpConverse, ModelID: s.ModelID, Raw: []byte(`{"messages":[{"role":"user","content":[{"text":7}]}]}`)})
		if e := asError(t, err); e.Code != bedrock.CodeValidation || e.Field != "messages.0.content.0.text" {
			t.Errorf("code %s, field %q", e.Code, e.Field)
		}
	})
}

func (s *suite) unknownModel(t *testing.T) {
	req := s.request("Hi.")
	req.ModelID = "nobody.has-this-model-v1:0"
	_, err := s.open(t).Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	e := asError(t, err)
	if e.Code != bedrock.CodeValidation && e.Code != bedrock.CodeResourceNotFound {
		t.Errorf("code %s", e.Code)
	}
	if e.Retryable {
		t.Error("an unknown model is not worth another try")
	}
}
