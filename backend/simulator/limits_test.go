package simulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

const (
	sonnet5 = "anthropic.claude-sonnet-5"
	haiku45 = "anthropic.claude-haiku-4-5-20251001-v1:0"
	novaPro = "amazon.nova-pro-v1:0"
	llama4  = "meta.llama4-scout-17b-instruct-v1:0"
	jamba   = "ai21.jamba-1-5-large-v1:0" // takes text only
)

// pictures is a message with n pictures of a size.
func pictures(n, width, height int) []bedrock.ContentBlock {
	data := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x00\x00\x00\x00\x00")
	data[18], data[19], data[22], data[23] = byte(width>>8), byte(width), byte(height>>8), byte(height)
	blocks := make([]bedrock.ContentBlock, n)
	for i := range blocks {
		blocks[i].Image = &bedrock.ImageBlock{Format: bedrock.ImageFormatPng, Source: bedrock.ImageSource{Bytes: data}}
	}
	return blocks
}

func files(n int, format bedrock.DocumentFormat, size int) []bedrock.ContentBlock {
	data := []byte(strings.Repeat("word ", size/5+1)[:size])
	blocks := make([]bedrock.ContentBlock, n)
	for i := range blocks {
		blocks[i].Document = &bedrock.DocumentBlock{Format: format, Name: fmt.Sprintf("file %d", i), Source: bedrock.DocumentSource{Bytes: data}}
	}
	return blocks
}

// TestModelLimits: a model refuses what its vendor or Amazon Bedrock says that it
// does, and takes what is just within; "" is taken.
func TestModelLimits(t *testing.T) {
	const large = 4_718_592 + 1 // bytes, one beyond 4.5 MB
	b := simulate(t, simulator.Config{})
	for _, c := range []struct {
		name, model string
		content     []bedrock.ContentBlock
		field       string
	}{
		{"a picture", haiku, pictures(1, 8000, 8000), ""},
		{"too large a picture", haiku, pictures(1, 8001, 10), "messages.0.content.1.image.source.bytes"},
		{"too large a picture, for Claude only", novaPro, pictures(1, 8001, 10), ""},
		{"a hundred pictures", haiku45, pictures(100, 2000, 2000), ""},
		{"too many pictures", haiku45, pictures(101, 100, 100), "messages"},
		{"more with a long context", sonnet5, pictures(101, 100, 100), ""},
		{"many large pictures", sonnet5, pictures(21, 2001, 10), "messages.0.content.1.image.source.bytes"},
		{"many pictures of others", llama4, pictures(101, 2001, 10), ""},
		{"a picture without eyes", jamba, pictures(1, 10, 10), "messages.0.content.1.image"},
		{"five documents", jamba, files(5, bedrock.DocumentFormatTxt, 10), ""},
		{"six documents", novaPro, files(6, bedrock.DocumentFormatTxt, 10), "messages.0.content.6.document"},
		{"a large text", novaPro, files(1, bedrock.DocumentFormatTxt, large), "messages.0.content.1.document.source"},
		{"a large PDF of before", haiku, files(1, bedrock.DocumentFormatPdf, large), "messages.0.content.1.document.source"},
		{"a large PDF", haiku45, files(1, bedrock.DocumentFormatPdf, large), ""},
		{"a large DOCX", haiku45, files(1, bedrock.DocumentFormatDocx, large), "messages.0.content.1.document.source"},
		{"a large DOCX for Nova", novaPro, files(1, bedrock.DocumentFormatDocx, large), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := ask("Summarize this.")
			req.ModelID = c.model
			req.Messages[0].Content = append(req.Messages[0].Content, c.content...)
			if c.field == "" {
				converse(t, b, req)
			} else if e := refused(t, b, req); e.Code != bedrock.CodeValidation || e.Field != c.field {
				t.Errorf("%s: %v", e.Field, e)
			}
		})
	}
}

// TestRequestLimits: what the API's model and its documentation rule out is a
// ValidationException that names the field; "" is taken.
func TestRequestLimits(t *testing.T) {
	const hi = `"messages":[{"role":"user","content":[{"text":"Hi."}]}]`
	tools := func(name, more string) string {
		return hi + `,"toolConfig":{"tools":[{"toolSpec":{"name":"` + name + `","inputSchema":{"json":{"type":"object"}}}}]` + more + `}`
	}
	uses := func(id string) string {
		return `"messages":[{"role":"user","content":[{"text":"Hi."}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"` + id + `","name":"t","input":{}}}]},` +
			`{"role":"user","content":[{"toolResult":{"toolUseId":"` + id + `","content":[{"text":"x"}]}}]}],` + strings.TrimPrefix(tools("t", ""), hi+",")
	}
	points := func(n int) string {
		return hi + `,"system":[{"text":"x"}` + strings.Repeat(`,{"cachePoint":{"type":"default"}}`, n) + `]`
	}
	b := simulate(t, simulator.Config{})
	for _, c := range []struct{ name, body, field string }{
		{"a tool's name", tools(strings.Repeat("a-_9", 16), ""), ""},
		{"a tool's name of 65 letters", tools(strings.Repeat("a", 65), ""), "toolConfig.tools.1.member.toolSpec.name"},
		{"a tool's name with a dot", tools("a.b", ""), "toolConfig.tools.1.member.toolSpec.name"},
		{"no tools", hi + `,"toolConfig":{"tools":[]}`, "toolConfig.tools"},
		{"a choice without tools", hi + `,"toolConfig":{"toolChoice":{"auto":{}}}`, "toolConfig.tools"},
		{"a choice", tools("t", `,"toolChoice":{"tool":{"name":"t"}}`), ""},
		{"a choice of none", tools("t", `,"toolChoice":{}`), "toolConfig.toolChoice"},
		{"a choice of two kinds", tools("t", `,"toolChoice":{"auto":{},"any":{}}`), "toolConfig.toolChoice"},
		{"a choice of another tool", tools("t", `,"toolChoice":{"tool":{"name":"u"}}`), "toolConfig.toolChoice.tool.name"},
		{"an id of 64 letters", uses(strings.Repeat("a.:-", 16)), ""},
		{"an id of 65 letters", uses(strings.Repeat("a", 65)), "messages.2.member.content.1.member.toolUse.toolUseId"},
		{"an id with a space", uses("a b"), "messages.2.member.content.1.member.toolUse.toolUseId"},
		{"own fields", hi + `,"additionalModelRequestFields":{"top_k":5}`, ""},
		{"own fields that are a list", hi + `,"additionalModelRequestFields":[]`, "additionalModelRequestFields"},
		{"a field path", hi + `,"additionalModelResponseFieldPaths":["/stop_sequence"]`, ""},
		{"a field path that is none", hi + `,"additionalModelResponseFieldPaths":["stop_sequence"]`, "additionalModelResponseFieldPaths.0"},
		{"four cache points", points(4), ""},
		{"five cache points", points(5), "cachePoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var req bedrock.ConverseRequest
			if err := bedrock.Unmarshal([]byte("{"+c.body+"}"), &req); err != nil {
				t.Fatal(err)
			}
			req.ModelID = haiku45
			if c.field == "" {
				converse(t, b, &req)
			} else if e := refused(t, b, &req); e.Code != bedrock.CodeValidation || e.Field != c.field {
				t.Errorf("%s: %v", e.Field, e)
			}
		})
	}
	// A model whose vendor says nothing of cache points takes any number.
	var req bedrock.ConverseRequest
	if err := bedrock.Unmarshal([]byte("{"+points(5)+"}"), &req); err != nil {
		t.Fatal(err)
	}
	req.ModelID = llama4
	if _, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverse, &req)); err != nil {
		t.Error(err)
	}
}

// TestEmbeddingSizes: a model makes vectors of the sizes that its vendor lists.
func TestEmbeddingSizes(t *testing.T) {
	b := simulate(t, simulator.Config{})
	const v1, v2 = "amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"
	for _, c := range []struct {
		model, body string
		size        int // 0 is refused
	}{
		{v1, `{"inputText":"Hi"}`, 1536},
		{v1, `{"inputText":"Hi","dimensions":1536}`, 0},
		{v2, `{"inputText":"Hi"}`, 1024},
		{v2, `{"inputText":"Hi","dimensions":256}`, 256},
		{v2, `{"inputText":"Hi","dimensions":512}`, 512},
		{v2, `{"inputText":"Hi","dimensions":1024}`, 1024},
		{v2, `{"inputText":"Hi","dimensions":300}`, 0},
		{v2, `{"inputText":"Hi","dimensions":-1}`, 0},
	} {
		reply, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, c.model, []byte(c.body)))
		if c.size == 0 {
			if e, is := errors.AsType[*outcrop.Error](err); !is || e.Code != bedrock.CodeValidation {
				t.Errorf("%s, %s: %v", c.model, c.body, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s, %s: %v", c.model, c.body, err)
			continue
		}
		body, err := reply.Body()
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Embedding []float64            `json:"embedding"`
			ByType    map[string][]float64 `json:"embeddingsByType"`
		}
		if err := json.Unmarshal(body, &read); err != nil || len(read.Embedding) != c.size {
			t.Errorf("%s, %s: %d numbers, %v", c.model, c.body, len(read.Embedding), err)
		}
		if len(read.ByType["float"]) != len(read.Embedding) && c.model == v2 || read.ByType != nil && c.model == v1 {
			t.Errorf("%s, %s: %d vectors by type", c.model, c.body, len(read.ByType))
		}
	}
}
