package server_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// kinds are the door over ever more work. What a whole server costs, beside a
// bare one, is measured in cmd/outcrop.
var kinds = []string{"bytes", "value", "logged", "signed"}

const (
	benchPrompt  = "Explain in two or three sentences why the sky is blue during the day and red in the evening, for a child of ten years who likes physics."
	benchRequest = `{"messages":[{"role":"user","content":[{"text":"` + benchPrompt + `"}]}],"inferenceConfig":{"maxTokens":512,"temperature":0.5},"system":[{"text":"You are brief."}]}`
)

func benchReply() *bedrock.ConverseResponse {
	text := strings.Repeat("Sunlight is scattered by the air. ", 32)
	message := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}
	return &bedrock.ConverseResponse{
		Output: bedrock.ConverseOutput{Message: &message}, StopReason: bedrock.StopReasonEndTurn,
		Usage: bedrock.TokenUsage{InputTokens: 43, OutputTokens: 256, TotalTokens: 299}, Metrics: bedrock.ConverseMetrics{LatencyMs: 10},
	}
}

func benchDoor(kind string, response *bedrock.ConverseResponse, reply []byte) (*server.Server, error) {
	meta := outcrop.Meta{Backend: "bench"}
	m, err := outcrop.New(outcrop.Config{Backend: outcrop.BackendFunc(func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
		if kind == "bytes" {
			return outcrop.NewReply(meta, reply), nil
		}
		if _, err := call.Converse(); err != nil {
			return nil, err
		}
		return outcrop.NewConverseReply(meta, response), nil
	})})
	if err != nil {
		return nil, err
	}
	config := server.Config{Manager: m}
	if kind == "logged" {
		config.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if kind == "signed" {
		config.Keys = keyring(new(testing.B))
	}
	return server.New(config)
}

// benchHTTP is a request as a server gets it; for one with keys, signed.
func benchHTTP(b *testing.B, kind string) *http.Request {
	b.Helper()
	const url = "http://localhost/model/amazon.nova-lite-v1%3A0/converse"
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(benchRequest))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 api/bedrockruntime#1.63.11")
	req.Header.Set("Amz-Sdk-Invocation-Id", "0c7bba16-a9d3-4d3a-8d0b-b3a5a4f2ba4f")
	if kind == "signed" {
		sign(b, req, benchRequest, time.Now())
	}
	var buf bytes.Buffer
	if err := req.Write(&buf); err != nil {
		b.Fatal(err)
	}
	received, err := http.ReadRequest(bufio.NewReader(&buf))
	if err != nil {
		b.Fatal(err)
	}
	return received
}

// BenchmarkHandler measures what the door and the codec allocate and take,
// without the connection.
func BenchmarkHandler(b *testing.B) {
	response := benchReply()
	reply, err := bedrock.Marshal(response)
	if err != nil {
		b.Fatal(err)
	}
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			s, err := benchDoor(kind, response, reply)
			if err != nil {
				b.Fatal(err)
			}
			r := benchHTTP(b, kind)
			body, w, handler := strings.NewReader(""), discard{}, s.Handler()
			r.Body = io.NopCloser(body)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(benchRequest)
				clear(w)
				handler.ServeHTTP(w, r)
			}
			if w["Content-Length"][0] != strconv.Itoa(len(reply)) {
				b.Fatalf("the reply's header is %v", w)
			}
		})
	}
}

// discard is a client that wants nothing but the header.
type discard http.Header

func (d discard) Header() http.Header              { return http.Header(d) }
func (d discard) WriteHeader(int)                  {}
func (d discard) Write(p []byte) (int, error)      { return len(p), nil }
func (d discard) SetWriteDeadline(time.Time) error { return nil }
