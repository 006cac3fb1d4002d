package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// startEngine is the script command `engine ollama|llama|other`: a server on
// loopback that answers as far as these tests look. Its address is $ENGINE.
func startEngine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: engine ollama|llama|other")
	}
	owner := map[string]string{"ollama": "library", "llama": "llamacpp", "other": "somebody"}[args[0]]
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"object":"list","data":[{"id":"tiny:1b","object":"model","owned_by":%q}]}`, owner)
	})
	if args[0] == "ollama" {
		mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.12.0"}`) })
	}
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","model":"tiny:1b","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"the engine answers; key: %t"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, key == "Bearer hush")
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("ENGINE", strings.TrimPrefix(server.URL, "http://"))
}
