package estimate_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/estimate"
)

// TestPartsAddUp: the parts are what Converse counts, neither more nor less.
func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		req := &bedrock.ConverseRequest{}
		for _, text := range rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "system") {
			req.System = append(req.System, bedrock.SystemContentBlock{Text: &text})
		}
		for _, text := range rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "messages") {
			req.Messages = append(req.Messages, bedrock.UserText(text))
		}
		if rapid.Bool().Draw(t, "tool result") {
			text := rapid.String().Draw(t, "result")
			result := &bedrock.ToolResultBlock{ToolUseID: "t1", Content: []bedrock.ToolResultContentBlock{{Text: &text}}}
			req.Messages = append(req.Messages, bedrock.Message{Role: "user", Content: []bedrock.ContentBlock{{ToolResult: result}}})
		}
		b := estimate.Parts(haiku, req)
		sum := 0
		for _, p := range b.Parts {
			sum += p.Tokens
		}
		if want := estimate.Converse(haiku, req).Input; sum != want || b.Tokens != want {
			t.Errorf("%d in parts, %d in all; Converse counts %d", sum, b.Tokens, want)
		}
		for _, c := range b.Cuts {
			if c.Tokens > b.Tokens {
				t.Errorf("%+v saves more than there is", c)
			}
		}
	})
}

func kinds(b estimate.Breakdown) string {
	list := []string{}
	for _, c := range b.Cuts {
		list = append(list, c.Kind+"@"+c.Where)
	}
	return strings.Join(list, " ")
}

func TestCuts(t *testing.T) {
	plain := "Rocks are made of minerals, and minerals of elements."
	result := func(text string) bedrock.Message {
		return bedrock.Message{Role: "user", Content: []bedrock.ContentBlock{{ToolResult: &bedrock.ToolResultBlock{ToolUseID: "t", Content: []bedrock.ToolResultContentBlock{{Text: &text}}}}}}
	}
	var many strings.Builder
	for i := range 400 {
		many.WriteString("row " + strings.Repeat("x", i%7) + strings.Repeat("y", i/7) + " is here\n")
	}
	for _, c := range []struct {
		name     string
		messages []bedrock.Message
		limit    int
		want     string
	}{
		{"nothing", []bedrock.Message{bedrock.UserText(plain)}, 100, ""},
		{"twice", []bedrock.Message{bedrock.UserText(plain), bedrock.UserText(plain)}, 100, "duplicate@messages.1.content.0"},
		{"repeated", []bedrock.Message{bedrock.UserText(plain + " " + plain)}, 100, "repeated@messages.0.content.0"},
		{"short ones may", []bedrock.Message{bedrock.UserText("Yes. Yes. Yes. Yes.")}, 100, ""},
		{"white space", []bedrock.Message{bedrock.UserText("One line of it." + strings.Repeat(" ", 60) + strings.Repeat("\n", 60) + "Another line of it.")}, 100, "whitespace@messages.0.content.0"},
		{"a long result", []bedrock.Message{result(many.String())}, 100, "tool-result@messages.0.content.0"},
		{"no output limit", []bedrock.Message{bedrock.UserText(plain)}, 0, "output-limit@inferenceConfig.maxTokens"},
	} {
		req := &bedrock.ConverseRequest{Messages: c.messages}
		if c.limit > 0 {
			req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &c.limit}
		}
		if got := kinds(estimate.Parts(haiku, req)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNativeParts(t *testing.T) {
	b, err := estimate.NativeParts(haiku, []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":7,"system":"Be brief.","messages":[{"role":"user","content":"How many?"}]}`))
	if err != nil || b.MaxTokens != 7 || len(b.Parts) != 3 || b.Parts[0].Kind != "system" {
		t.Errorf("%+v, error %v", b, err)
	}
	if _, err := estimate.NativeParts(haiku, []byte(`{"messages":1}`)); err == nil {
		t.Error("nonsense has parts")
	}
}

func TestConstructParts(t *testing.T) {
	b := estimate.ConstructParts(haiku, &bedrock.ConstructRequest{
		Prompt: "Extract: Ada is 36", Schema: bedrock.Document(`{"type":"object"}`),
		Examples: []bedrock.ConstructExample{{Input: "Bob is 7", Output: bedrock.Document(`{"age":7}`)}},
	})
	var schema, examples int
	for _, p := range b.Parts {
		switch p.Kind {
		case "schema":
			schema = p.Tokens
		case "examples":
			examples = p.Tokens
		}
	}
	if schema == 0 || examples == 0 || b.Tokens < schema+examples {
		t.Errorf("%+v", b)
	}
}
