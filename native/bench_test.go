package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

const benchBody = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"temperature":0.5,"system":"Be brief.","messages":[{"role":"user","content":"Write a detailed analysis of quantum computing, its history, and its likely applications in chemistry."}]}`

func BenchmarkRequest(b *testing.B) {
	body := []byte(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anthropicMessages.Request(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	res := sampleResponse()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anthropicMessages.Reply(sampleInfo, res); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunk(b *testing.B) {
	event := &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{
		Delta: bedrock.ContentBlockDelta{Text: pointer(" a word or two of text")},
	}}
	for _, f := range []*Family{anthropicMessages, novaMessages, openaiChat, llamaText} {
		b.Run(f.name, func(b *testing.B) {
			encoder := f.Encoder(sampleInfo)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encoder.Encode(event, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOutputLimit(b *testing.B) {
	body := []byte(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := anthropicMessages.OutputLimit(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetOutputLimit(b *testing.B) {
	body := []byte(benchBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anthropicMessages.SetOutputLimit(body, 100); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunkUsage(b *testing.B) {
	chunk := []byte(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a word or two of text"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := ChunkUsage(chunk); ok {
			b.Fatal("a text chunk tells its usage")
		}
	}
}
