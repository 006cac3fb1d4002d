package bedrock_test

import (
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// newer is a request with members and union variants that no version knows.
const newer = `{"messages":[{"role":"user","content":[{"text":"hi"},{"hologram":{"depth":3}}],"mood":"calm"}],` +
	`"inferenceConfig":{"maxTokens":5,"topK":7},"future":[1,2.50,{"a":null}]}`

func TestUnknownMembersSurviveBothCodecs(t *testing.T) {
	codecs := map[string]struct {
		read  func([]byte, any) error
		write func(any) ([]byte, error)
	}{
		"bedrock":       {bedrock.Unmarshal, bedrock.Marshal},
		"encoding/json": {stdjson.Unmarshal, stdjson.Marshal},
	}
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			var req bedrock.ConverseRequest
			if err := codec.read([]byte(newer), &req); err != nil {
				t.Fatal(err)
			}
			got, err := codec.write(&req)
			if err != nil {
				t.Fatal(err)
			}
			var want, have any
			if err := errors.Join(stdjson.Unmarshal([]byte(newer), &want), stdjson.Unmarshal(got, &have)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("the round trip lost something (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnmarshalNamesTheField(t *testing.T) {
	tests := map[string]struct{ body, field, reason string }{
		"string for an integer": {`{"inferenceConfig":{"maxTokens":"5"}}`, "inferenceConfig.maxTokens", "expected an integer, found a string"},
		"float for an integer":  {`{"inferenceConfig":{"maxTokens":1.5}}`, "inferenceConfig.maxTokens", "the number is not an integer"},
		"overflow":              {`{"inferenceConfig":{"maxTokens":99999999999999999999}}`, "inferenceConfig.maxTokens", "the number is out of range"},
		"object for a string":   {`{"messages":[{"role":"user","content":[{"text":{}}]}]}`, "messages.0.content.0.text", "expected a string, found an object"},
		"duplicate member":      {`{"messages":[],"messages":[]}`, "messages", "duplicate object member"},
		"bad base64":            {`{"messages":[{"content":[{"image":{"source":{"bytes":"!"}}}]}]}`, "messages.0.content.0.image.source.bytes", "the string is not valid base64"},
		"cut in half":           {`{"messages":[{"role":`, "messages.0.role", "invalid JSON at byte 21: unexpected EOF"},
		"empty":                 {``, "", "the JSON text is empty"},
		"too deep":              {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "", "the JSON text is nested more than 256 levels deep"},
		"too deep in a tool's input": {
			`{"messages":[{"role":"user","content":[{"toolUse":{"toolUseId":"a","name":"b","input":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + `}}]}]}`,
			"messages.0.content.0.toolUse.input", "the JSON text is nested more than 256 levels deep",
		},
		"too deep in a list":    {`{"messages":` + strings.Repeat("[", 10_000), "messages", "the JSON text is nested more than 256 levels deep"},
		"array for the request": {`[]`, "", "expected an object, found an array"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := bedrock.Unmarshal([]byte(tt.body), new(bedrock.ConverseRequest))
			got, ok := errors.AsType[*bedrock.DecodeError](err)
			if !ok {
				t.Fatalf("got %v, want a *DecodeError", err)
			}
			if got.Field != tt.field || got.Reason != tt.reason {
				t.Errorf("got %q: %q, want %q: %q", got.Field, got.Reason, tt.field, tt.reason)
			}
		})
	}
}

func TestValidateNamesTheMember(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"no role":           {`{"messages":[{"content":[{"text":"a"}]}]}`, "'messages.1.member.role' failed to satisfy constraint: Member must not be null"},
		"unknown role":      {`{"messages":[{"role":"robot","content":[{"text":"a"}]}]}`, "'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant"},
		"empty union":       {`{"messages":[{"role":"user","content":[{}]}]}`, "'messages.1.member.content.1.member' failed to satisfy constraint: Member must have exactly one"},
		"double union":      {`{"messages":[{"role":"user","content":[{"text":"a","cachePoint":{"type":"default"}}]}]}`, "exactly one of the union's members set, not 2"},
		"unknown variant":   {`{"messages":[{"role":"user","content":[{"hologram":{}}]}]}`, "one of the union's known members"},
		"maxTokens 0":       {`{"inferenceConfig":{"maxTokens":0}}`, "'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		"maxTokens 2^40":    {`{"inferenceConfig":{"maxTokens":1099511627776}}`, "less than or equal to 2147483647"},
		"temperature 2":     {`{"inferenceConfig":{"temperature":2}}`, "'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1"},
		"metadata key":      {`{"requestMetadata":{"a!":"b"}}`, "'requestMetadata.a!' failed to satisfy constraint: Member must satisfy regular expression pattern"},
		"tool without name": {`{"toolConfig":{"tools":[{"toolSpec":{"inputSchema":{"json":{}}}}]}}`, "'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must not be null"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var req bedrock.ConverseRequest
			if err := bedrock.Unmarshal([]byte(tt.body), &req); err != nil {
				t.Fatal(err)
			}
			err := bedrock.Validate(&req)
			if _, ok := errors.AsType[*bedrock.ConstraintError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	body := `{"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{"bytes":"iVBORw=="}}}]},
		{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{"x":1}}}]},
		{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"ok":true}}]}}]}],
		"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":{"auto":{}}}}`
	var req bedrock.ConverseRequest
	if err := bedrock.Unmarshal([]byte(body), &req); err != nil {
		t.Fatal(err)
	}
	if err := bedrock.Validate(&req); err != nil {
		t.Error(err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(newer))
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"b"}]}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var req bedrock.ConverseRequest
		if err := bedrock.Unmarshal(data, &req); err != nil {
			if _, ok := errors.AsType[*bedrock.DecodeError](err); !ok {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		_ = bedrock.Validate(&req)
		text, err := bedrock.Marshal(&req)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if err := bedrock.Unmarshal(text, new(bedrock.ConverseRequest)); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
	})
}

// A tool's input that the output limit cut off is left out of the response;
// input that is no JSON for any other reason is an error.
func TestCollectorCutTool(t *testing.T) {
	collect := func(reason bedrock.StopReason) (*bedrock.ConverseResponse, error) {
		text := "Let me look."
		var c bedrock.Collector
		for _, out := range []*bedrock.ConverseStreamOutput{
			{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &text}}},
			{ContentBlockStart: &bedrock.ContentBlockStartEvent{ContentBlockIndex: 1, Start: bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: "t", Name: "f"}}}},
			{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{ContentBlockIndex: 1, Delta: bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: `{"city":"Pa`}}}},
			{MessageStop: &bedrock.MessageStopEvent{StopReason: reason}},
			{Metadata: &bedrock.ConverseStreamMetadataEvent{}},
		} {
			if err := c.Add(out); err != nil {
				t.Fatal(err)
			}
		}
		return c.Response()
	}
	res, err := collect(bedrock.StopReasonMaxTokens)
	if err != nil || len(res.Output.Message.Content) != 1 || res.StopReason != bedrock.StopReasonMaxTokens {
		t.Errorf("cut by the limit: %+v, %v", res, err)
	}
	if res, err := collect(bedrock.StopReasonToolUse); err == nil {
		t.Errorf("cut otherwise: %+v, want an error", res)
	}
}
