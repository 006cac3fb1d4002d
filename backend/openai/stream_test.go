package openai

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// serve answers every chat request with one body, and remembers the last
// request.
func serve(t testing.TB, status int, body string) (*httptest.Server, *string) {
	t.Helper()
	asked := new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		*asked = string(text)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func converseCall(t testing.TB, operation, request string) *outcrop.Call {
	t.Helper()
	return outcrop.NewConverseCall(operation, converseRequest(t, request))
}

// chunks writes server-sent events of the deltas of one choice.
func chunks(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "!"): // as it is
			b.WriteString(line[1:])
		default:
			b.WriteString(`data: {"id":"c1","model":"real","choices":[{"index":0,` + line + `}]}` + "\n\n")
		}
	}
	return b.String()
}

const (
	withTools  = `{` + hi + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}}`
	withForce  = `{` + hi + `,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}],"toolChoice":{"any":{}}}}`
	withSchema = `{` + hi + `,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\",\"required\":[\"a\"]}"}}}}}`
	withStop   = `{` + hi + `,"inferenceConfig":{"stopSequences":["END"]},"additionalModelResponseFieldPaths":["/stop_sequence"]}`

	usageChunk = `!data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}` + "\n\n"
	doneChunk  = "!data: [DONE]\n\n"
	counted    = `"usage":{"inputTokens":6,"outputTokens":3,"totalTokens":13,"cacheReadInputTokens":4}`
)

func TestStreams(t *testing.T) {
	const start = `messageStart {"role":"assistant"}`
	text := func(index, s string) string {
		return `contentBlockDelta {"delta":{"text":"` + s + `"},"contentBlockIndex":` + index + `}`
	}
	input := func(index, s string) string {
		return `contentBlockDelta {"delta":{"toolUse":{"input":"` + s + `"}},"contentBlockIndex":` + index + `}`
	}
	tool := func(index, id, name string) string {
		return `contentBlockStart {"start":{"toolUse":{"toolUseId":"` + id + `","name":"` + name + `"}},"contentBlockIndex":` + index + `}`
	}
	stop := func(index string) string { return `contentBlockStop {"contentBlockIndex":` + index + `}` }
	ends := func(reason string) string { return `messageStop {"stopReason":"` + reason + `"}` }
	const metadata = `metadata {` + counted + `,"metrics":{"latencyMs":0}}`

	call := func(index, id, name, arguments string) string {
		var b strings.Builder
		b.WriteString(`"delta":{"tool_calls":[{`)
		if index != "" {
			b.WriteString(`"index":` + index + `,`)
		}
		if id != "" {
			b.WriteString(`"id":"` + id + `","type":"function",`)
		}
		b.WriteString(`"function":{`)
		if name != "" {
			b.WriteString(`"name":"` + name + `",`)
		}
		b.WriteString(`"arguments":` + string(bedrock.AppendString(nil, arguments)) + `}}]}`)
		return b.String()
	}

	for _, c := range []struct {
		name, request string
		lines, want   []string
	}{
		{
			"text: role first, usage last", `{` + hi + `}`,
			[]string{`"delta":{"role":"assistant","content":null}`, `"delta":{"content":"He"}`, `"delta":{"content":"llo"},"finish_reason":null`, `"delta":{},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", "He"), text("0", "llo"), stop("0"), ends("end_turn"), metadata},
		},
		{
			"text: role in every chunk, no [DONE]", `{` + hi + `}`,
			[]string{`"delta":{"role":"assistant","content":"He"}`, `"delta":{"role":"assistant","content":"llo"},"finish_reason":"stop"`, usageChunk},
			[]string{start, text("0", "He"), text("0", "llo"), stop("0"), ends("end_turn"), metadata},
		},
		{
			"usage in the chunk with the finish reason, comments between", `{` + hi + `}`,
			[]string{"!: ping\n\n", `"delta":{"content":"a"}`, "!: ping\n\n", `!data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}` + "\n\n", doneChunk},
			[]string{start, text("0", "a"), stop("0"), ends("max_tokens"), metadata},
		},
		{
			"no usage: estimated, and it says so", `{` + hi + `}`,
			[]string{`"delta":{"content":"Hello there"},"finish_reason":"stop"`, doneChunk},
			[]string{start, text("0", "Hello there"), stop("0"), ends("end_turn"), `metadata {"usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13,"estimated":true},"metrics":{"latencyMs":0}}`},
		},
		{
			"reasoning under either name, then text", `{` + hi + `}`,
			[]string{`"delta":{"reasoning_content":"h"}`, `"delta":{"reasoning":"m"}`, `"delta":{"content":"So"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{
				start, `contentBlockDelta {"delta":{"reasoningContent":{"text":"h"}},"contentBlockIndex":0}`, `contentBlockDelta {"delta":{"reasoningContent":{"text":"m"}},"contentBlockIndex":0}`, stop("0"),
				text("1", "So"), stop("1"), ends("end_turn"), metadata,
			},
		},
		{
			"a tool byte by byte, id and name in the first piece; stop means tool_use", withTools,
			[]string{`"delta":{"content":"Let me"}`, call("0", "call_1", "f", ""), call("0", "", "", "{"), call("0", "", "", `"x"`), call("0", "", "", ":1}"), `"delta":{},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", "Let me"), stop("0"), tool("1", "call_1", "f"), input("1", "{"), input("1", `\"x\"`), input("1", ":1}"), stop("1"), ends("tool_use"), metadata},
		},
		{
			"two tools, one after the other; no input is {}", withTools,
			[]string{call("0", "a", "f", `{}`), call("1", "b", "f", ""), `"delta":{},"finish_reason":"tool_calls"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", "{}"), stop("0"), tool("1", "b", "f"), input("1", "{}"), stop("1"), ends("tool_use"), metadata},
		},
		{
			"two tools in turns: the second waits", withTools,
			[]string{call("0", "a", "f", `{"x":`), call("1", "b", "f", `{"y":`), call("0", "", "", `"}{"`), call("1", "", "", `2}`), call("0", "", "", `}`), `"delta":{},"finish_reason":"tool_calls"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", `{\"x\":`), input("0", `\"}{\"`), input("0", "}"), stop("0"), tool("1", "b", "f"), input("1", `{\"y\":2}`), stop("1"), ends("tool_use"), metadata},
		},
		{
			"every call whole, with the index 0, ids the same or missing or odd", withTools,
			[]string{call("0", "a", "f", `{"x":1}`), call("0", "b.c", "f", `{"x":2}`), call("", "", "f", "{}"), `"delta":{},"finish_reason":"tool_calls"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", `{\"x\":1}`), stop("0"), tool("1", "made1", "f"), input("1", `{\"x\":2}`), stop("1"), tool("2", "made2", "f"), input("2", "{}"), stop("2"), ends("tool_use"), metadata},
		},
		{
			"text after a tool", withTools,
			[]string{call("0", "a", "f", `{}`), `"delta":{"content":"Done"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", "{}"), stop("0"), text("1", "Done"), stop("1"), ends("tool_use"), metadata},
		},
		{
			"input that is no JSON", withTools,
			[]string{call("0", "a", "f", `{"x":`), `"delta":{},"finish_reason":"tool_calls"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", `{\"x\":`), stop("0"), "error ModelStreamErrorException"},
		},
		{
			"input cut by the limit", withTools,
			[]string{call("0", "a", "f", `{"x":`), `"delta":{},"finish_reason":"length"`, usageChunk, doneChunk},
			[]string{start, tool("0", "a", "f"), input("0", `{\"x\":`), stop("0"), ends("max_tokens"), metadata},
		},
		{
			"a tool was forced and not used", withForce,
			[]string{`"delta":{"content":"No"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", "No"), stop("0"), ends("malformed_tool_use"), metadata},
		},
		{
			"a schema was kept", withSchema,
			[]string{`"delta":{"content":"{\"a\":1}"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", `{\"a\":1}`), stop("0"), ends("end_turn"), metadata},
		},
		{
			"a schema was broken", withSchema,
			[]string{`"delta":{"content":"{}"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", "{}"), stop("0"), ends("malformed_model_output"), metadata},
		},
		{
			"the stop sequence, as vLLM tells it", withStop,
			[]string{`"delta":{"content":"a"},"finish_reason":"stop","stop_reason":"END"`, usageChunk, doneChunk},
			[]string{start, text("0", "a"), stop("0"), `messageStop {"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}}`, metadata},
		},
		{
			"a stop token's number, as vLLM and SGLang tell it", withStop,
			[]string{`"delta":{"content":"a"},"finish_reason":"stop","stop_reason":128009,"matched_stop":128009`, usageChunk, doneChunk},
			[]string{start, text("0", "a"), stop("0"), ends("end_turn"), metadata},
		},
		{
			"a filter", `{` + hi + `}`,
			[]string{`"delta":{"refusal":"I cannot"},"finish_reason":"content_filter"`, usageChunk, doneChunk},
			[]string{start, text("0", "I cannot"), stop("0"), ends("content_filtered"), metadata},
		},
		{
			"nothing at all", `{` + hi + `}`,
			[]string{`"delta":{},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, ends("end_turn"), metadata},
		},
		{
			"another choice is passed over", `{` + hi + `}`,
			[]string{`!data: {"choices":[{"index":1,"delta":{"content":"x"}}]}` + "\n\n", `"delta":{"content":"a"},"finish_reason":"stop"`, usageChunk, doneChunk},
			[]string{start, text("0", "a"), stop("0"), ends("end_turn"), metadata},
		},
		{
			"an error in mid-stream", `{` + hi + `}`,
			[]string{`"delta":{"content":"a"}`, `!data: {"error":{"message":"CUDA error","type":"server_error"}}` + "\n\n"},
			[]string{start, text("0", "a"), "error ModelStreamErrorException"},
		},
		{
			"a named error event", `{` + hi + `}`,
			[]string{`"delta":{"content":"a"}`, "!event: error\ndata: {\"message\":\"x\"}\n\n"},
			[]string{start, text("0", "a"), "error ModelStreamErrorException"},
		},
		{
			"throttled in mid-stream", `{` + hi + `}`,
			[]string{`"delta":{"content":"a"}`, `!data: {"error":{"type":"rate_limit_exceeded"}}` + "\n\n"},
			[]string{start, text("0", "a"), "error ThrottlingException"},
		},
		{
			"broken JSON", `{` + hi + `}`,
			[]string{`"delta":{"content":"a"}`, "!data: {\"choices\":[{\n\n"},
			[]string{start, text("0", "a"), "error ModelStreamErrorException"},
		},
		{
			"the end without an end", `{` + hi + `}`,
			[]string{`"delta":{"content":"a"}`},
			[]string{start, text("0", "a"), "error ModelStreamErrorException"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _ := serve(t, 200, chunks(c.lines...))
			b := newBackend(t, quiet(server.URL))
			reply, err := b.Do(t.Context(), converseCall(t, bedrock.OpConverseStream, c.request))
			if err != nil {
				t.Fatal(err)
			}
			got := eventLines(t, reply.Stream)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// quiet is a configuration whose ids and times do not change.
func quiet(url string) Config {
	n := 0
	return Config{
		BaseURL: url + "/v1",
		NewID:   func() string { n++; return "made" + string(rune('0'+n)) },
		Now:     fixedClock,
	}
}

// eventLines is a stream as lines, with the error that ended it as the last.
// An error after text must carry that text.
func eventLines(t testing.TB, s *outcrop.Stream) (lines []string) {
	t.Helper()
	defer s.Close()
	text := ""
	for event, err := range s.Events() {
		if err != nil {
			var e *outcrop.Error
			if !errors.As(err, &e) {
				t.Fatalf("the stream ends with %T: %v", err, err)
			}
			if !strings.Contains(string(e.Partial), text) {
				t.Errorf("the error's partial reply %s lacks %q", e.Partial, text)
			}
			return append(lines, "error "+e.Code)
		}
		payload, err := event.Payload()
		if err != nil {
			t.Fatal(err)
		}
		out, err := event.Output()
		if err != nil {
			t.Fatal(err)
		}
		if d := out.ContentBlockDelta; d != nil && d.Delta.Text != nil {
			text += *d.Delta.Text
		}
		lines = append(lines, event.Type()+" "+string(payload))
	}
	return lines
}

// The whole reply says what the stream says.
func TestReplies(t *testing.T) {
	reply := func(choice, usage string) string {
		return `{"id":"c1","model":"real","choices":[{"index":0,` + choice + `}]` + usage + `}`
	}
	const usage = `,"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}`
	for _, c := range []struct{ name, request, body, want string }{
		{
			"text", `{` + hi + `}`, reply(`"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"`, usage),
			`{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn",` + counted + `,"metrics":{"latencyMs":0}}`,
		},
		{
			"reasoning and tools, one without an id, one without input", withTools,
			reply(`"message":{"content":null,"reasoning_content":"hm","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"function":{"name":"f","arguments":""}}]},"finish_reason":"tool_calls"`, usage),
			`{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}},{"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}},{"toolUse":{"toolUseId":"made1","name":"f","input":{}}}]}},"stopReason":"tool_use",` + counted + `,"metrics":{"latencyMs":0}}`,
		},
		{
			"a tool cut by the limit is left out", withTools,
			reply(`"message":{"content":"So","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]},"finish_reason":"length"`, usage),
			`{"output":{"message":{"role":"assistant","content":[{"text":"So"}]}},"stopReason":"max_tokens",` + counted + `,"metrics":{"latencyMs":0}}`,
		},
		{
			"no usage", `{` + hi + `}`, reply(`"message":{"content":"Hello there"},"finish_reason":"stop"`, ""),
			`{"output":{"message":{"role":"assistant","content":[{"text":"Hello there"}]}},"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13,"estimated":true},"metrics":{"latencyMs":0}}`,
		},
		{
			"a broken schema", withSchema, reply(`"message":{"content":"no"},"finish_reason":"stop"`, usage),
			`{"output":{"message":{"role":"assistant","content":[{"text":"no"}]}},"stopReason":"malformed_model_output",` + counted + `,"metrics":{"latencyMs":0}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _ := serve(t, 200, c.body)
			b := newBackend(t, quiet(server.URL))
			reply, err := b.Do(t.Context(), converseCall(t, bedrock.OpConverse, c.request))
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.Body()
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != c.want {
				t.Errorf("reply:\n got %s\nwant %s", body, c.want)
			}
			if reply.Meta.Backend != Name || reply.Meta.ModelID != "real" || reply.Meta.RequestID != "c1" {
				t.Errorf("meta is %+v", reply.Meta)
			}
			if reply.Meta.Estimated != strings.Contains(c.want, "estimated") {
				t.Errorf("meta says estimated: %v", reply.Meta.Estimated)
			}
		})
	}
}

func TestBrokenReplies(t *testing.T) {
	for _, c := range []struct{ name, body, code, partial string }{
		{"no JSON", `<html>`, bedrock.CodeModelError, ""},
		{"cut JSON", `{"choices":[{"message":{"content":"He`, bedrock.CodeModelError, ""},
		{"no choices", `{"choices":[]}`, bedrock.CodeModelError, ""},
		{"an error with the status 200", `{"error":{"message":"model is loading"}}`, bedrock.CodeModelNotReady, ""},
		{"a tool's input that is no JSON", `{"choices":[{"message":{"content":"So","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]},"finish_reason":"tool_calls"}]}`, bedrock.CodeModelError, "So"},
		{"a tool without a name", `{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`, bedrock.CodeModelError, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, _ := serve(t, 200, c.body)
			_, err := newBackend(t, quiet(server.URL)).Do(t.Context(), converseCall(t, bedrock.OpConverse, withTools))
			var e *outcrop.Error
			if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(string(e.Partial), c.partial) {
				t.Errorf("error is %+v, want %s with %q", err, c.code, c.partial)
			}
		})
	}
}

// InvokeModel is answered in the model's own format.
func TestInvokeModel(t *testing.T) {
	server, asked := serve(t, 200, `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":3}}`)
	config := quiet(server.URL)
	config.Model = "local"
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "anthropic.claude-3-haiku-20240307-v1:0",
		[]byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`))
	reply, err := newBackend(t, config).Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	body, err := reply.Body()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn"`) {
		t.Errorf("body is %s", body)
	}
	if want := `{"model":"local","messages":[{"role":"user","content":"Hi"}],"max_tokens":5}`; *asked != want {
		t.Errorf("the server was asked %s, want %s", *asked, want)
	}
	if reply.Meta.Usage == nil || reply.Meta.Usage.InputTokens != 10 {
		t.Errorf("meta is %+v", reply.Meta)
	}
}
