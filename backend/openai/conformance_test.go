package openai

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/backendtest"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/testengine"
	"github.com/outcrop-ai/outcrop/native"
)

const haiku = "anthropic.claude-3-haiku-20240307-v1:0"

// chatServer speaks Chat Completions, and has the simulator answer: a request
// goes from Converse to chat and back to Converse, and its reply the same way.
type chatServer struct{ model outcrop.Backend }

func (s *chatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" {
		fmt.Fprintf(w, `{"data":[{"id":%q,"owned_by":"test"}]}`, haiku)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if err := bedrock.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req, err := native.Default().Request(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.ModelID = asked.Model
	if r.URL.Path == "/tokenize" {
		s.count(w, req)
		return
	}
	operation := bedrock.OpConverse
	if asked.Stream {
		operation = bedrock.OpConverseStream
	}
	reply, err := s.model.Do(r.Context(), outcrop.NewConverseCall(operation, req))
	if err != nil {
		http.Error(w, err.Error(), bedrock.Code(outcrop.AsError(err).Code).Status)
		return
	}
	info := &native.Info{ModelID: asked.Model, ID: "1"}
	if asked.Stream {
		s.stream(w, reply.Stream, native.Default().Encoder(info))
		return
	}
	response, err := reply.Converse()
	if err != nil {
		panic(err)
	}
	text, err := native.Default().Reply(info, response)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(text)
}

// count answers as vLLM does.
func (s *chatServer) count(w http.ResponseWriter, req *bedrock.ConverseRequest) {
	count, err := s.model.(outcrop.TokenCounter).CountTokens(context.Background(), outcrop.NewConverseCall(bedrock.OpConverse, req))
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"count":%d}`, count.InputTokens)
}

func (s *chatServer) stream(w http.ResponseWriter, stream *outcrop.Stream, encoder native.Encoder) {
	defer stream.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	for event, err := range stream.Events() {
		if err != nil {
			return
		}
		out, err := event.Output()
		if err != nil {
			panic(err)
		}
		chunks, err := encoder.Encode(out, 0)
		if err != nil {
			panic(err)
		}
		for _, chunk := range chunks {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", chunk); err != nil {
				return
			}
		}
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// oneConnectionEach leaves no idle connections, whose goroutines the suite
// would count as left behind.
func oneConnectionEach() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func TestConformance(t *testing.T) {
	model, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&chatServer{model})
	defer server.Close()
	backendtest.Test(t, func(t *testing.T) outcrop.Backend {
		return newBackend(t, Config{BaseURL: server.URL + "/v1", Engine: "vllm", Now: fixedClock, Transport: oneConnectionEach()})
	}, backendtest.Options{
		ModelID: haiku,
		// Chat Completions does not say which stop sequence ended a reply, or
		// that one did.
		Without: []backendtest.Feature{backendtest.StopSequences},
	})
}

// The tiny model's replies are noise, drawn at random, and its server forces
// no tool; a schema with free strings brings texts that are no UTF-8.
func TestEngineConformance(t *testing.T) {
	e := testengine.Start(t)
	backendtest.Test(t, func(t *testing.T) outcrop.Backend {
		return newBackend(t, Config{BaseURL: e.URL + "/v1", Engine: "llama.cpp", Models: map[string]string{haiku: e.Model}, Transport: oneConnectionEach()})
	}, backendtest.Options{
		ModelID: haiku,
		Without: []backendtest.Feature{
			backendtest.Deterministic, backendtest.StopSequences, backendtest.ForcedTools, backendtest.Schema, backendtest.UnknownModels,
		},
	})
}
