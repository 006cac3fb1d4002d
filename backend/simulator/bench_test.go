package simulator_test

import (
	"context"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// rawRequest is an everyday Converse request of 260 bytes.
const rawRequest = `{"messages":[{"role":"user","content":[{"text":"Please explain how rivers shape the valleys they flow through, and which role ice has played in that since the last glacial period ended in Europe."}]}],"inferenceConfig":{"maxTokens":512,"temperature":0.2,"topP":0.9}}  `

// BenchmarkConverse is what one request costs the simulator: from a value;
// from bytes to bytes; the parts of which it is made.
func BenchmarkConverse(b *testing.B) {
	s := simulate(b, simulator.Config{})
	ctx := context.Background()
	raw := []byte(rawRequest)
	parse := func(b *testing.B) *bedrock.ConverseRequest {
		req := &bedrock.ConverseRequest{ModelID: haiku}
		if err := bedrock.Unmarshal(raw, req); err != nil {
			b.Fatal(err)
		}
		return req
	}
	b.Run("value", func(b *testing.B) {
		b.ReportAllocs()
		req := parse(b)
		for b.Loop() {
			if _, err := s.Do(ctx, outcrop.NewConverseCall(bedrock.OpConverse, req)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bytes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			reply, err := s.Do(ctx, &outcrop.Call{Operation: bedrock.OpConverse, ModelID: haiku, Raw: raw})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := reply.Body(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("only-decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse(b)
		}
	})
	b.Run("only-check", func(b *testing.B) {
		b.ReportAllocs()
		req := parse(b)
		for b.Loop() {
			if bedrock.Validate(req) != nil || bedrock.CheckConverse(req, bedrock.ConverseLimits{}) != nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("only-encode", func(b *testing.B) {
		b.ReportAllocs()
		reply, err := s.Do(ctx, outcrop.NewConverseCall(bedrock.OpConverse, parse(b)))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := reply.Body(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkConverseStream is a whole stream, as frames.
func BenchmarkConverseStream(b *testing.B) {
	s := simulate(b, simulator.Config{})
	b.ReportAllocs()
	var frame []byte
	n := 0
	for b.Loop() {
		reply, err := s.Do(context.Background(), &outcrop.Call{Operation: bedrock.OpConverseStream, ModelID: haiku, Raw: []byte(rawRequest)})
		if err != nil {
			b.Fatal(err)
		}
		for event, err := range reply.Stream.Events() {
			if err != nil {
				b.Fatal(err)
			}
			if frame, err = event.AppendFrame(frame[:0]); err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "events/op")
}

func BenchmarkTool(b *testing.B) {
	s := simulate(b, simulator.Config{})
	b.ReportAllocs()
	req := ask("What is the weather in Paris, in celsius?")
	req.ToolConfig = weather("any")
	for b.Loop() {
		if _, err := s.Do(context.Background(), outcrop.NewConverseCall(bedrock.OpConverse, req)); err != nil {
			b.Fatal(err)
		}
	}
}
