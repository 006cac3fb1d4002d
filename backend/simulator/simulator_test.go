package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

const haiku = "anthropic.claude-3-haiku-20240307-v1:0"

func ask(text string) *bedrock.ConverseRequest {
	return &bedrock.ConverseRequest{ModelID: haiku, Messages: []bedrock.Message{bedrock.UserText(text)}}
}

func converse(t testing.TB, b outcrop.Backend, req *bedrock.ConverseRequest) *bedrock.ConverseResponse {
	t.Helper()
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		t.Fatal(err)
	}
	response, err := reply.Converse()
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// refused is the error of a request.
func refused(t *testing.T, b outcrop.Backend, req *bedrock.ConverseRequest) *outcrop.Error {
	t.Helper()
	_, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	var e *outcrop.Error
	if !errors.As(err, &e) {
		t.Fatalf("want an *outcrop.Error, got %v", err)
	}
	return e
}

func set[T any](v T) *T { return &v }

// A reply speaks of what the prompt speaks of, in whole sentences, and says
// who made it.
func TestRepliesSpeakOfThePrompt(t *testing.T) {
	b := simulate(t, simulator.Config{})
	for prompt, word := range map[string]string{
		"What is quantum computing?":                        "quantum computing",
		"Write a short story about robots.":                 "robots",
		"Explain photosynthesis to a child.":                "photosynthesis",
		"How do glaciers shape valleys?":                    "glaciers",
		"Erkläre die Photosynthese":                         "Photosynthese",
		"1234 !!! ???":                                      "request",
		"\u0007\u0001 control characters are fine: volcano": "volcano",
	} {
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, ask(prompt)))
		if err != nil {
			t.Fatal(err)
		}
		if reply.Meta.Backend != simulator.Name || !reply.Meta.Estimated {
			t.Errorf("the reply does not say that it is simulated: %+v", reply.Meta)
		}
		r, _ := reply.Converse()
		text := r.Output.Message.Text()
		if !strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
			t.Errorf("%q is answered without the word %q: %s", prompt, word, text)
		}
		if first := text[:1]; strings.ToUpper(first) != first || !strings.HasSuffix(text, ".") || strings.Contains(text, "%") {
			t.Errorf("%q is answered by no whole sentences: %s", prompt, text)
		}
	}
}

func TestLengthFollowsThePrompt(t *testing.T) {
	b := simulate(t, simulator.Config{})
	sentences := func(prompt string) int {
		return strings.Count(converse(t, b, ask(prompt)).Output.Message.Text(), ".")
	}
	if n := sentences("Explain rivers in one sentence."); n != 1 {
		t.Errorf("one sentence was asked for, %d came", n)
	}
	if n := sentences("Explain rivers in 7 sentences."); n != 7 {
		t.Errorf("7 sentences were asked for, %d came", n)
	}
	text := converse(t, b, ask("Write an essay of 500 words about rivers.")).Output.Message.Text()
	if n := len(strings.Fields(text)); n < 350 || n > 700 {
		t.Errorf("500 words were asked for, %d came", n)
	}
}

// The same request gives the same bytes in another process, years later: this
// reply is written down. It changes only when the simulator's sentences do,
// and then the CHANGELOG has to say so.
func TestRepliesAreTheSameEverywhere(t *testing.T) {
	reply, err := simulate(t, simulator.Config{}).Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, ask("What is quantum computing?")))
	if err != nil {
		t.Fatal(err)
	}
	body, err := reply.Body()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"output":{"message":{"role":"assistant","content":[{"text":"A useful way into quantum computing is to look at one concrete case. ` +
		`In practice, computing is where most of the work lies. In short, quantum computing rewards a careful first step."}]}},` +
		`"stopReason":"end_turn","usage":{"inputTokens":15,"outputTokens":48,"totalTokens":63},"metrics":{"latencyMs":1130}}`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Errorf("the reply has changed (-want +got):\n%s", diff)
	}
}

// Whatever the request, it is answered or refused, a stream collects to the
// reply, usage adds up, and a smaller maxTokens gives a beginning.
func TestInvariants(t *testing.T) {
	b := simulate(t, simulator.Config{})
	rapid.Check(t, func(rt *rapid.T) {
		req := &bedrock.ConverseRequest{ModelID: rapid.SampledFrom([]string{haiku, "amazon.nova-micro-v1:0", "deepseek.r1-v1:0"}).Draw(rt, "model")}
		for i := range rapid.IntRange(0, 2).Draw(rt, "turns")*2 + 1 {
			m := bedrock.UserText("Tell me more about " + rapid.String().Draw(rt, "text") + ".")
			if i%2 == 1 {
				m.Role = bedrock.ConversationRoleAssistant
			}
			req.Messages = append(req.Messages, m)
		}
		if rapid.Bool().Draw(rt, "tools") {
			req.ToolConfig = weather(rapid.SampledFrom([]string{"auto", "any"}).Draw(rt, "choice"))
		}
		if rapid.Bool().Draw(rt, "thinks") {
			req.AdditionalModelRequestFields = bedrock.Document(`{"thinking":{"type":"enabled","budget_tokens":1024}}`)
		}
		whole := converse(t, b, req)
		if u := whole.Usage; u.TotalTokens != u.InputTokens+u.OutputTokens || u.InputTokens < 1 || u.OutputTokens < 1 {
			rt.Fatalf("usage %+v", u)
		}
		limit := rapid.IntRange(1, 60).Draw(rt, "maxTokens")
		req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: &limit}
		short := converse(t, b, req)
		if short.Usage.OutputTokens > limit {
			rt.Fatalf("%d tokens of %d", short.Usage.OutputTokens, limit)
		}
		if (short.StopReason == bedrock.StopReasonMaxTokens) != (whole.Usage.OutputTokens > limit) {
			rt.Fatalf("stop reason %s at %d of %d tokens", short.StopReason, limit, whole.Usage.OutputTokens)
		}
		if !strings.HasPrefix(whole.Output.Message.Text(), short.Output.Message.Text()) {
			rt.Fatalf("%q is no beginning of %q", short.Output.Message.Text(), whole.Output.Message.Text())
		}
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, req))
		if err != nil {
			rt.Fatal(err)
		}
		collected, err := outcrop.Collect(reply.Stream)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(short, collected); diff != "" {
			rt.Fatalf("stream and reply differ:\n%s", diff)
		}
	})
}

func TestModelsAndLimits(t *testing.T) {
	b := simulate(t, simulator.Config{})
	req := ask("Hi.")
	req.ModelID = "anthropic.claude-99"
	if e := refused(t, b, req); e.Message != "The provided model identifier is invalid." || e.Field != "modelId" {
		t.Errorf("unknown model: %+v", e)
	}
	req = ask("Hi.")
	req.InferenceConfig = &bedrock.InferenceConfiguration{MaxTokens: set(4097)}
	if e := refused(t, b, req); !strings.Contains(e.Message, "model limit of 4096") || e.Field != "inferenceConfig.maxTokens" {
		t.Errorf("too many tokens: %+v", e)
	}
	req = ask("Hi.")
	req.ModelID = "amazon.titan-embed-text-v2:0"
	if e := refused(t, b, req); e.Code != bedrock.CodeValidation {
		t.Errorf("Converse with an embeddings model: %+v", e)
	}
	reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{
		ModelID: "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + haiku, Messages: []bedrock.Message{bedrock.UserText("Hi.")},
	}))
	if err != nil || reply.Meta.ModelID != haiku {
		t.Errorf("an inference profile's ARN: %+v, %v", reply, err)
	}
}

func weather(choice string) *bedrock.ToolConfiguration {
	c := &bedrock.ToolConfiguration{Tools: []bedrock.Tool{
		{ToolSpec: &bedrock.ToolSpecification{
			Name: "get_weather", Description: "Get the current weather of a city.",
			InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["celsius","fahrenheit"]}},"required":["city"]}`)},
		}},
		{ToolSpec: &bedrock.ToolSpecification{
			Name: "searchFlights", Description: "Find flights between two airports on a date.",
			InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"},"date":{"type":"string","format":"date"}},"required":["from","to","date"]}`)},
		}},
	}}
	switch choice {
	case "auto":
	case "any":
		c.ToolChoice = &bedrock.ToolChoice{Any: &bedrock.AnyToolChoice{}}
	default:
		c.ToolChoice = &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: choice}}
	}
	return c
}

func used(r *bedrock.ConverseResponse) (names []string) {
	for _, c := range r.Output.Message.Content {
		if c.ToolUse != nil {
			names = append(names, c.ToolUse.Name)
		}
	}
	return names
}

// Left to itself the simulator uses the tools that the prompt speaks of.
func TestToolChoice(t *testing.T) {
	b := simulate(t, simulator.Config{})
	for _, c := range []struct {
		prompt, choice string
		want           []string
	}{
		{"What is the weather in Paris?", "auto", []string{"get_weather"}},
		{"Are there flights from Oslo to Rome?", "auto", []string{"searchFlights"}},
		{"Give me the weather in Rome and flights to it.", "auto", []string{"get_weather", "searchFlights"}},
		{"Tell me a joke.", "auto", nil},
		{"Get me a sandwich.", "auto", nil},
		{"Tell me a joke.", "any", []string{"get_weather"}},
		{"Tell me a joke.", "searchFlights", []string{"searchFlights"}},
	} {
		req := ask(c.prompt)
		req.ToolConfig = weather(c.choice)
		r := converse(t, b, req)
		if diff := cmp.Diff(c.want, used(r)); diff != "" {
			t.Errorf("%q, %s: (-want +got)\n%s", c.prompt, c.choice, diff)
		}
		if (r.StopReason == bedrock.StopReasonToolUse) != (len(c.want) > 0) {
			t.Errorf("%q, %s: stop reason %s", c.prompt, c.choice, r.StopReason)
		}
	}
}

func TestToolInputsComeFromThePrompt(t *testing.T) {
	req := ask("What is the weather in Paris, in fahrenheit?")
	req.ToolConfig = weather("get_weather")
	r := converse(t, simulate(t, simulator.Config{}), req)
	var input struct{ City, Unit string }
	if err := json.Unmarshal(r.Output.Message.Content[0].ToolUse.Input, &input); err != nil {
		t.Fatal(err)
	}
	if input.City != "Paris" || input.Unit != "fahrenheit" {
		t.Errorf("the input is %+v", input)
	}
}

// After a tool's result the reply says what the tool returned.
func TestToolResultsAreUsed(t *testing.T) {
	b := simulate(t, simulator.Config{})
	req := ask("What is the weather in Paris?")
	req.ToolConfig = weather("auto")
	first := converse(t, b, req)
	var id string
	for _, c := range first.Output.Message.Content {
		if c.ToolUse != nil {
			id = c.ToolUse.ToolUseID
		}
	}
	for _, c := range []struct {
		result bedrock.ToolResultBlock
		want   []string
	}{
		{bedrock.ToolResultBlock{Content: []bedrock.ToolResultContentBlock{{JSON: bedrock.Document(`{"temperature": 21.5, "sky": "clear", "wind": {"kmh": 12}}`)}}}, []string{"21.5", "clear", "12"}},
		{bedrock.ToolResultBlock{Content: []bedrock.ToolResultContentBlock{{Text: set("Sunny all day")}}}, []string{"Sunny all day."}},
		{bedrock.ToolResultBlock{Status: bedrock.ToolResultStatusError, Content: []bedrock.ToolResultContentBlock{{Text: set("no such city")}}}, []string{"no such city."}},
	} {
		c.result.ToolUseID = id
		next := ask("What is the weather in Paris?")
		next.ToolConfig = req.ToolConfig
		next.Messages = append(next.Messages, *first.Output.Message, bedrock.Message{
			Role: bedrock.ConversationRoleUser, Content: []bedrock.ContentBlock{{ToolResult: &c.result}},
		})
		r := converse(t, b, next)
		for _, want := range c.want {
			if text := r.Output.Message.Text(); !strings.Contains(text, want) || r.StopReason != bedrock.StopReasonEndTurn {
				t.Errorf("the reply does not tell %q: %s (%s)", want, text, r.StopReason)
			}
		}
	}
}

func TestStructuredOutput(t *testing.T) {
	b := simulate(t, simulator.Config{})
	structure := func(prompt, schema string) *bedrock.ConverseRequest {
		req := ask(prompt)
		req.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
			Type:      bedrock.OutputFormatTypeJSONSchema,
			Structure: bedrock.OutputFormatStructure{JSONSchema: &bedrock.JSONSchemaDefinition{Schema: schema}},
		}}
		return req
	}
	const schema = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`
	r := converse(t, b, structure("Extract: John Doe is 42", schema))
	if got := r.Output.Message.Text(); got != `{"name":"John Doe","age":42}` {
		t.Errorf("extracted %s", got)
	}
	const other = `{"type":"array","minItems":2,"items":{"anyOf":[{"type":"string","pattern":"^[A-Z]{3}$"},{"const":7}]}}`
	compiled, err := structured.Compile([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	text := converse(t, b, structure("List codes.", other)).Output.Message.Text()
	if v, err := compiled.ValidateJSON([]byte(text)); err != nil || len(v) > 0 {
		t.Errorf("%s: %v %v", text, v, err)
	}
	if e := refused(t, b, structure("Hi.", `{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}`)); e.Field != "outputConfig.textFormat.structure.jsonSchema.schema" {
		t.Errorf("a schema that leads nowhere: %+v", e)
	}
	if e := refused(t, b, structure("Hi.", `{"allOf":[{"type":"string"},{"type":"number"}]}`)); e.Code != bedrock.CodeValidation || e.Field != "outputConfig.textFormat.structure.jsonSchema.schema" {
		t.Errorf("a schema that contradicts itself: %+v", e)
	}
	if e := refused(t, b, structure("Hi.", `{"type":"string","allOf":[{"pattern":"^a$"},{"pattern":"^b$"}]}`)); e.Code != bedrock.CodeModelError {
		t.Errorf("a schema without instances, which only the patterns show: %+v", e)
	}
}

func TestReasoning(t *testing.T) {
	b := simulate(t, simulator.Config{})
	for fields, want := range map[string]bool{
		`{"thinking":{"type":"enabled","budget_tokens":1024}}`:                     true,
		`{"thinking":{"type":"adaptive"}}`:                                         true,
		`{"thinking":{"type":"disabled"}}`:                                         false,
		`{"reasoning_config":{"type":"enabled","budget_tokens":2000}}`:             true,
		`{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}`:        true,
		`{"reasoning_effort":"high"}`:                                              true,
		`{"reasoning_effort":"none"}`:                                              false,
		`{"top_k":5}`:                                                              false,
		`{"thinking":"of something else"}`:                                         false,
		`{"additional":{"thinking":{"type":"enabled"}},"thinking":{"type":"off"}}`: true,
	} {
		req := ask("What is quantum computing?")
		req.AdditionalModelRequestFields = bedrock.Document(fields)
		first := converse(t, b, req).Output.Message.Content[0].ReasoningContent
		if (first != nil) != want {
			t.Errorf("%s: reasoning %v", fields, first)
		}
		if first != nil && (first.ReasoningText.Text == "" || first.ReasoningText.Signature == "") {
			t.Errorf("%s: no text or no signature", fields)
		}
	}
}

func TestDocumentsAndImages(t *testing.T) {
	b := simulate(t, simulator.Config{})
	req := ask("Summarize this.")
	req.Messages[0].Content = append(req.Messages[0].Content, bedrock.ContentBlock{Document: &bedrock.DocumentBlock{
		Format: bedrock.DocumentFormatTxt, Name: "notes", Source: bedrock.DocumentSource{Bytes: []byte("Volcanic eruptions darken the sky.")},
	}})
	if text := converse(t, b, req).Output.Message.Text(); !strings.Contains(text, "olcanic") {
		t.Errorf("the document's words are not used: %s", text)
	}
	req = ask("What is this?")
	req.Messages[0].Content = append(req.Messages[0].Content, bedrock.ContentBlock{Image: &bedrock.ImageBlock{
		Format: bedrock.ImageFormatPng, Source: bedrock.ImageSource{Bytes: []byte("\x89PNG\r\n\x1a\n and no more than this")},
	}})
	if text := converse(t, b, req).Output.Message.Text(); !strings.Contains(text, "image") {
		t.Errorf("the image is not spoken of: %s", text)
	}
}

func TestStopSequenceIsToldWhereAskedFor(t *testing.T) {
	b := simulate(t, simulator.Config{})
	req := ask("What is quantum computing?")
	req.InferenceConfig = &bedrock.InferenceConfiguration{StopSequences: []string{"never said", " work", "In practice"}}
	req.AdditionalModelResponseFieldPaths = []string{"/stop_sequence"}
	r := converse(t, b, req)
	if r.StopReason != bedrock.StopReasonStopSequence || string(r.AdditionalModelResponseFields) != `{"stop_sequence":"In practice"}` {
		t.Errorf("%s, %s", r.StopReason, r.AdditionalModelResponseFields)
	}
}

// A paced reply takes the time that its latency figure tells, to the
// millisecond, by the injected clock; unpaced it tells the same figure of the
// nominal pace and takes none.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := simulate(t, simulator.Config{
			Pace:       &simulator.Pace{FirstToken: 300 * time.Millisecond, TokensPerSecond: 50, Jitter: 0.3},
			ModelPaces: map[string]simulator.Pace{"amazon.nova-micro-v1:0": {Name: "fast", FirstToken: time.Millisecond, TokensPerSecond: 1000}},
		})
		begin := time.Now()
		r := converse(t, b, ask("What is quantum computing?"))
		took := time.Since(begin).Milliseconds()
		if took != int64(r.Metrics.LatencyMs) || took < 300*7/10 {
			t.Errorf("took %d ms, tells %d ms", took, r.Metrics.LatencyMs)
		}
		begin = time.Now()
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, ask("What is quantum computing?")))
		if err != nil {
			t.Fatal(err)
		}
		if time.Since(begin) != 0 {
			t.Error("Do waited for the first token")
		}
		n := 0
		for range reply.Stream.Events() {
			if n == 0 && time.Since(begin) != reply.Meta.FirstByte {
				t.Errorf("the first event came after %v, %v was told", time.Since(begin), reply.Meta.FirstByte)
			}
			n++
		}
		if streamed := time.Since(begin).Milliseconds(); streamed < took*7/10 || streamed > took*13/10 {
			t.Errorf("the stream took %d ms, the reply %d ms", streamed, took)
		}
		begin = time.Now()
		fast := ask("What is quantum computing?")
		fast.ModelID = "amazon.nova-micro-v1:0"
		reply, err = b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, fast))
		if err != nil || time.Since(begin) > time.Second || reply.Meta.Header[simulator.PaceHeader] != "fast" {
			t.Errorf("the model of its own pace took %v; %v %v", time.Since(begin), reply, err)
		}
	})
}

// A context that ends ends the waiting too.
func TestPacedWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := simulate(t, simulator.Config{Pace: &simulator.Pace{FirstToken: time.Hour, TokensPerSecond: 1}})
		for _, operation := range []string{bedrock.OpConverse, bedrock.OpConverseStream} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			begin := time.Now()
			reply, err := b.Do(ctx, outcrop.NewConverseCall(operation, ask("Hi.")))
			if err == nil {
				_, err = outcrop.Collect(reply.Stream)
			}
			var e *outcrop.Error
			if !errors.As(err, &e) || e.Code != bedrock.CodeModelTimeout || time.Since(begin) != time.Minute {
				t.Errorf("%s ended after %v with %v", operation, time.Since(begin), err)
			}
			cancel()
		}
	})
}

func TestStreamDeltasJoinToWords(t *testing.T) {
	reply, err := simulate(t, simulator.Config{}).Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, ask("Erkläre Überschallflüge — 日本語 too 🙂.")))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		out, _ := event.Output()
		if out.ContentBlockDelta == nil {
			continue
		}
		n++
		text := *out.ContentBlockDelta.Delta.Text
		if text == "" || len(text) > 60 || strings.ToValidUTF8(text, "") != text {
			t.Errorf("delta %q", text)
		}
	}
	if n < 5 {
		t.Errorf("%d deltas", n)
	}
}
