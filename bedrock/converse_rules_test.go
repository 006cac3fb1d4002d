package bedrock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestCheckConverse lists conversations and the rule that each breaks; ""
// for those that break none.
func TestCheckConverse(t *testing.T) {
	const hi = `{"role":"user","content":[{"text":"Hi."}]}`
	const uses = `{"role":"assistant","content":[{"text":"Let me see."},{"toolUse":{"toolUseId":"a","name":"t","input":{}}},{"toolUse":{"toolUseId":"b","name":"t","input":{}}}]}`
	const tools = `,"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default"}}]}`
	const point = `{"cachePoint":{"type":"default"}}`
	result := func(ids ...string) string {
		var blocks []string
		for _, id := range ids {
			blocks = append(blocks, `{"toolResult":{"toolUseId":"`+id+`","content":[{"text":"done"}]}}`)
		}
		return `{"role":"user","content":[` + strings.Join(blocks, ",") + `]}`
	}
	doc := func(name string) string {
		return `{"document":{"format":"txt","name":"` + name + `","source":{"text":"words"}}}`
	}
	for _, c := range []struct{ name, request, field, message string }{
		{"one question", `"messages":[` + hi + `]`, "", ""},
		{"control characters", `"messages":[{"role":"user","content":[{"text":"\u0000\u0007 x"}]}]`, "", ""},
		{"a prefilled answer", `"messages":[` + hi + `,{"role":"assistant","content":[{"text":"Well,"}]}]`, "", ""},
		{"nothing", `"messages":[]`, "messages", "messages field is required"},
		{"an assistant first", `"messages":[{"role":"assistant","content":[{"text":"Hi."}]}]`, "messages.0.role", "must start with a user message"},
		{"twice the user", `"messages":[` + hi + `,` + hi + `]`, "messages.1.role", "must alternate between user and assistant roles"},
		{"no content", `"messages":[{"role":"user","content":[]}]`, "messages.0.content", "The content field in the Message object at messages.0 is empty."},
		{"blank text", `"messages":[{"role":"user","content":[{"text":"a"},{"text":" "}]}]`, "messages.0.content.1.text", "ContentBlock object at messages.0.content.1 is blank"},
		{"tools answered", `"messages":[` + hi + `,` + uses + `,` + result("b", "a") + `]` + tools, "", ""},
		{"tools without toolConfig", `"messages":[` + hi + `,` + uses + `,` + result("b", "a") + `]`, "toolConfig", "toolConfig field must be defined"},
		{"one tool unanswered", `"messages":[` + hi + `,` + uses + `,` + result("a") + `]` + tools, "messages.2.content", "Expected toolResult blocks at messages.2.content for the following Ids: b"},
		{"tools left open", `"messages":[` + hi + `,` + uses + `]` + tools, "messages", "Expected toolResult blocks at messages.2.content for the following Ids: a, b"},
		{"one answer too many", `"messages":[` + hi + `,` + uses + `,` + result("a", "b", "c") + `]` + tools, "messages.2.content.2.toolResult.toolUseId", "exceeds the number of toolUse blocks of previous turn"},
		{"a wrong id", `"messages":[` + hi + `,` + uses + `,` + result("a", "c") + `]` + tools, "messages.2.content.1.toolResult.toolUseId", "names no toolUse block"},
		{"answered twice", `"messages":[` + hi + `,` + uses + `,` + result("a", "a") + `]` + tools, "messages.2.content.1.toolResult.toolUseId", "answered twice"},
		{"a user who uses tools", `"messages":[{"role":"user","content":[{"toolUse":{"toolUseId":"a","name":"t","input":{}}}]}]` + tools, "messages.0.content.0.toolUse", "Only assistant messages"},
		{"an input that is no object", `"messages":[` + hi + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"t","input":"x"}}]}]` + tools, "messages.1.content.0.toolUse.input", "Provide a json object"},
		{"one id for two uses", `"messages":[` + hi + `,` + strings.Replace(uses, `"b"`, `"a"`, 1) + `,` + result("a") + `]` + tools, "messages.1.content.2.toolUse.toolUseId", "The toolUse blocks at messages.1.content contain duplicate Ids: a"},
		{"a user who reasons", `"messages":[{"role":"user","content":[{"reasoningContent":{"reasoningText":{"text":"x"}}}]}]`, "messages.0.content.0.reasoningContent", "Only assistant messages"},
		{"two tools of one name", `"messages":[` + hi + `],"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{}}}},{"toolSpec":{"name":"t","inputSchema":{"json":{}}}}]}`, "toolConfig.tools.1.toolSpec.name", "a name of its own"},
		{"a schema that is no object", `"messages":[` + hi + `],"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":true}}}]}`, "toolConfig.tools.0.toolSpec.inputSchema.json", "Provide a json object"},
		{"an unknown tool forced", `"messages":[` + hi + `]` + strings.TrimSuffix(tools, "}") + `,"toolChoice":{"tool":{"name":"u"}}}`, "toolConfig.toolChoice.tool.name", "is not among toolConfig.tools"},
		{"a document and text", `"messages":[{"role":"user","content":[` + doc("Report (final) [2]-b") + `,{"text":"Sum it up."}]}]`, "", ""},
		{"a document alone", `"messages":[{"role":"user","content":[` + doc("a") + `]}]`, "messages.0.content", "no text block beside it"},
		{"a name with dots", `"messages":[{"role":"user","content":[{"text":"x"},` + doc("a.txt") + `]}]`, "messages.0.content.1.document.name", "name at messages.0.content.1 is invalid"},
		{"a name with two spaces", `"messages":[{"role":"user","content":[{"text":"x"},` + doc("a  b") + `]}]`, "messages.0.content.1.document.name", "single spaces"},
		{"a name taken", `"messages":[{"role":"user","content":[{"text":"x"},` + doc("a") + `,` + doc("a") + `]}]`, "messages.0.content.2.document.name", "that of another document"},
		{"fields of the model's own", `"messages":[` + hi + `],"additionalModelRequestFields":{"top_k":5}`, "", ""},
		{"none of them", `"messages":[` + hi + `],"additionalModelRequestFields":{}`, "", ""},
		{"a list of them", `"messages":[` + hi + `],"additionalModelRequestFields":["top_k"]`, "additionalModelRequestFields", "Provide a json object"},
		{"a text instead", `"messages":[` + hi + `],"additionalModelRequestFields":"{}"`, "additionalModelRequestFields", "Provide a json object"},
		{"JSON Pointers", `"messages":[` + hi + `],"additionalModelResponseFieldPaths":["/stop_sequence","/a~1b/~0","/"]`, "", ""},
		{"a name for a pointer", `"messages":[` + hi + `],"additionalModelResponseFieldPaths":["/a","stop_sequence"]`, "additionalModelResponseFieldPaths.1", "no JSON Pointer"},
		{"the whole document", `"messages":[` + hi + `],"additionalModelResponseFieldPaths":[""]`, "additionalModelResponseFieldPaths.0", "no JSON Pointer"},
		{"a tilde alone", `"messages":[` + hi + `],"additionalModelResponseFieldPaths":["/a~2"]`, "additionalModelResponseFieldPaths.0", "no JSON Pointer"},
		{"a tilde at the end", `"messages":[` + hi + `],"additionalModelResponseFieldPaths":["/a~"]`, "additionalModelResponseFieldPaths.0", "no JSON Pointer"},
		{"four cache points", `"messages":[{"role":"user","content":[{"text":"a"},` + point + `,{"text":"b"},` + point + `]}],"system":[{"text":"s"},` + point + `]` + tools, "", ""},
		{"five cache points", `"messages":[{"role":"user","content":[{"text":"a"},` + point + `,{"text":"b"},` + point + `]}],"system":[{"text":"s"},` + point + `,` + point + `]` + tools, "cachePoint", "has 5 cachePoint blocks"},
		{"too many tokens", `"messages":[` + hi + `],"inferenceConfig":{"maxTokens":4097}`, "inferenceConfig.maxTokens", "exceeds the model limit of 4096"},
		{"as many as there are", `"messages":[` + hi + `],"inferenceConfig":{"maxTokens":4096}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var req bedrock.ConverseRequest
			if err := bedrock.Unmarshal([]byte("{"+c.request+"}"), &req); err != nil {
				t.Fatal(err)
			}
			err := bedrock.CheckConverse(&req, bedrock.ConverseLimits{MaxOutput: 4096, CachePoints: 4})
			wantBroken(t, err, c.field, c.message)
		})
	}
}

func TestCheckConverseCostsNoAllocation(t *testing.T) {
	req := &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("Hi.")}}
	if n := testing.AllocsPerRun(100, func() {
		if err := bedrock.CheckConverse(req, bedrock.ConverseLimits{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A request of many tools is checked in time by its length: by the square of
// it, this one would take minutes.
func TestCheckConverseWithManyTools(t *testing.T) {
	const many = 200_000
	uses := bedrock.Message{Role: bedrock.ConversationRoleAssistant}
	results := bedrock.Message{Role: bedrock.ConversationRoleUser}
	config := &bedrock.ToolConfiguration{}
	for i := range many {
		id := fmt.Sprintf("tooluse_%08d", i)
		uses.Content = append(uses.Content, bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: id, Name: id, Input: bedrock.Document(`{}`)}})
		results.Content = append(results.Content, bedrock.ContentBlock{ToolResult: &bedrock.ToolResultBlock{ToolUseID: id}})
		config.Tools = append(config.Tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{Name: id, InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{}`)}}})
	}
	req := &bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText("Hi."), uses, results}, ToolConfig: config}
	if err := bedrock.CheckConverse(req, bedrock.ConverseLimits{}); err != nil {
		t.Fatal(err)
	}
	req.Messages[2].Content = results.Content[:many-100]
	err := bedrock.CheckConverse(req, bedrock.ConverseLimits{})
	if err == nil || !strings.HasSuffix(err.Error(), "tooluse_00199919 and 80 more") {
		t.Errorf("got %v", err)
	}
}
