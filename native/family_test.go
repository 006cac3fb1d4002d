package native

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// sampleEvents is a stream with reasoning, text and two tools, the second of
// them called without input.
func sampleEvents() []*bedrock.ConverseStreamOutput {
	delta := func(index int, d bedrock.ContentBlockDelta) *bedrock.ConverseStreamOutput {
		return &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{ContentBlockIndex: index, Delta: d}}
	}
	stop := func(index int) *bedrock.ConverseStreamOutput {
		return &bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{ContentBlockIndex: index}}
	}
	tool := func(index int, id, name string) *bedrock.ConverseStreamOutput {
		return &bedrock.ConverseStreamOutput{ContentBlockStart: &bedrock.ContentBlockStartEvent{
			ContentBlockIndex: index, Start: bedrock.ContentBlockStart{ToolUse: &bedrock.ToolUseBlockStart{ToolUseID: id, Name: name}},
		}}
	}
	return []*bedrock.ConverseStreamOutput{
		{MessageStart: &bedrock.MessageStartEvent{Role: "assistant"}},
		delta(0, bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{Text: pointer("hm")}}),
		delta(0, bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{Signature: pointer("s")}}),
		stop(0),
		delta(1, bedrock.ContentBlockDelta{Text: pointer("Say \"a\"\n")}),
		delta(1, bedrock.ContentBlockDelta{Text: pointer("b")}),
		stop(1),
		tool(2, "t1", "add"),
		delta(2, bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: `{"a":`}}),
		delta(2, bedrock.ContentBlockDelta{ToolUse: &bedrock.ToolUseBlockDelta{Input: `1}`}}),
		stop(2),
		tool(3, "t2", "now"),
		stop(3),
		{MessageStop: &bedrock.MessageStopEvent{StopReason: bedrock.StopReasonToolUse}},
		{Metadata: &bedrock.ConverseStreamMetadataEvent{
			Usage:   bedrock.TokenUsage{InputTokens: 10, OutputTokens: 4, TotalTokens: 16, CacheReadInputTokens: pointer(2)},
			Metrics: bedrock.ConverseStreamMetrics{LatencyMs: 40},
		}},
	}
}

// sampleResponse is the same as a response.
func sampleResponse() *bedrock.ConverseResponse {
	var c bedrock.Collector
	for _, e := range sampleEvents() {
		if err := c.Add(e); err != nil {
			panic(err)
		}
	}
	res, err := c.Response()
	if err != nil {
		panic(err)
	}
	return res
}

var sampleInfo = &Info{ModelID: "m", ID: "r1", Created: time.Unix(1700000000, 0)}

// testReplies compares how a family writes the sample with a file: its first
// line is the reply, each further line a chunk of the stream. tells says what
// the reply tells of its usage.
func testReplies(t *testing.T, f *Family, file string, tells usageTold) {
	t.Helper()
	text, err := os.ReadFile("testdata/replies/" + file + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	body, err := f.Reply(sampleInfo, sampleResponse())
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != want[0] {
		t.Errorf("reply:\n got %s\nwant %s", body, want[0])
	}
	usage, ok := f.Usage(body)
	if ok != (tells != noUsage) {
		t.Errorf("usage is found: %v", ok)
	}
	if ok && (usage.InputTokens != 10 || usage.OutputTokens != 4 || (usage.CacheReadInputTokens != nil) != (tells == usageAndCache)) {
		t.Errorf("usage reads as %+v", usage)
	}
	chunks := encodeAll(t, f, sampleEvents())
	if !slices.Equal(chunks, want[1:]) {
		t.Errorf("chunks:\n%s\nwant:\n%s", strings.Join(chunks, "\n"), strings.Join(want[1:], "\n"))
	}
	for i, chunk := range chunks {
		usage, ok := ChunkUsage([]byte(chunk))
		if ok != (i == len(chunks)-1) {
			t.Errorf("chunk %d of %d tells the usage: %v", i, len(chunks), ok)
		}
		if ok && (usage.InputTokens != 10 || usage.OutputTokens != 4 || *usage.CacheReadInputTokens != 2 || usage.TotalTokens != 16) {
			t.Errorf("the last chunk's usage reads as %+v", usage)
		}
	}
}

type usageTold int

const (
	noUsage usageTold = iota
	usageOnly
	usageAndCache
)

func encodeAll(t testing.TB, f *Family, events []*bedrock.ConverseStreamOutput) []string {
	t.Helper()
	var chunks []string
	encoder := f.Encoder(sampleInfo)
	for _, event := range events {
		out, err := encoder.Encode(event, 7*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		for _, chunk := range out {
			if !bedrock.Document(chunk).IsValid() {
				t.Errorf("a chunk is no JSON: %s", chunk)
			}
			chunks = append(chunks, string(chunk))
		}
	}
	return chunks
}

// testStops compares a family's names for stop reasons, as a member of its
// reply.
func testStops(t *testing.T, f *Family, member string, names map[bedrock.StopReason]string) {
	t.Helper()
	for reason, name := range names {
		res := sampleResponse()
		res.StopReason = reason
		body, err := f.Reply(sampleInfo, res)
		if err != nil {
			t.Fatal(err)
		}
		if want := strconv.Quote(member) + ":" + strconv.Quote(name); !strings.Contains(string(body), want) {
			t.Errorf("stop reason %s: no %s in %s", reason, want, body)
		}
	}
}

func TestFamiliesByModel(t *testing.T) {
	for id, want := range map[string]*Family{
		"anthropic.claude-3-sonnet-20240229-v1:0":                                                              anthropicMessages,
		"us.anthropic.claude-sonnet-4-20250514-v1:0":                                                           anthropicMessages,
		"global.anthropic.claude-opus-4-5-20251101-v1:0":                                                       anthropicMessages,
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/apac.anthropic.claude-3-haiku-20240307-v1:0": anthropicMessages,
		"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0":                                    novaMessages,
		"arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl":      titanText,
		"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl":                    nil,
		"eu.amazon.nova-2-lite-v1:0":                                                                           novaMessages,
		"amazon.nova-canvas-v1:0":                                                                              nil,
		"amazon.titan-embed-text-v2:0":                                                                         titanEmbed,
		"us.meta.llama3-3-70b-instruct-v1:0":                                                                   llamaText,
		"mistral.mixtral-8x7b-instruct-v0:1":                                                                   mistralText,
		"us.mistral.pixtral-large-2502-v1:0":                                                                   openaiChat,
		"cohere.command-r-plus-v1:0":                                                                           cohereCommandR,
		"cohere.embed-english-v3":                                                                              cohereEmbed,
		"ai21.jamba-1-5-large-v1:0":                                                                            jambaChat,
		"us.deepseek.r1-v1:0":                                                                                  deepseekText,
		"openai.gpt-oss-20b-1:0":                                                                               openaiTagged,
		"qwen.qwen3-32b-v1:0":                                                                                  qwenChat,
		"llama3.2:3b":                                                                                          nil,
		"hf.co/org/model":                                                                                      nil,
		"arn:":                                                                                                 nil,
		"":                                                                                                     nil,
	} {
		if got := ByModel(id); got != want {
			t.Errorf("%s: family %v, want %v", id, nameOf(got), nameOf(want))
		}
	}
}

func nameOf(f *Family) string {
	if f == nil {
		return "none"
	}
	return f.Name()
}

func TestFamiliesByShape(t *testing.T) {
	for body, want := range map[string]*Family{
		`{"anthropic_version":"x","messages":[]}`: anthropicMessages,
		`{"messages":[],"inferenceConfig":{}}`:    novaMessages,
		`{"messages":[]}`:                         openaiChat,
		`{"message":"hi"}`:                        cohereCommandR,
		`{"inputText":"hi"}`:                      titanText,
		`{"inputText":"hi","dimensions":256}`:     titanEmbed,
		`{"texts":["hi"]}`:                        cohereEmbed,
		`{"prompt":"hi","max_gen_len":5}`:         llamaText,
		`{"prompt":"hi"}`:                         mistralText,
	} {
		got, err := For("local-model", []byte(body))
		if err != nil || got != want {
			t.Errorf("%s: family %s, %v, want %s", body, nameOf(got), err, want.Name())
		}
	}
	for _, body := range []string{`{}`, `{`, `[]`, `7`, ``} {
		if f, err := For("local-model", []byte(body)); err == nil {
			t.Errorf("%q has the family %s", body, f.Name())
		}
	}
	f, err := For("mistral.mistral-large-2407-v1:0", []byte(`{"messages":[]}`))
	if err != nil || f != mistralChat {
		t.Errorf("messages to Mistral: family %s, %v", nameOf(f), err)
	}
}
