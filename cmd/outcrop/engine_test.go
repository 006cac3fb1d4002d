package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// startEngine is the script command `engine ollama|llama|other [model ...]`: a
// server on loopback that answers as far as these tests look, and has the models
// or tiny:1b. Its address is $ENGINE.
func startEngine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: engine ollama|llama|other [model ...]")
	}
	owner := map[string]string{"ollama": "library", "llama": "llamacpp", "other": "somebody"}[args[0]]
	models := args[1:]
	if len(models) == 0 {
		models = []string{"tiny:1b"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		var rows []string
		for _, model := range models {
			rows = append(rows, fmt.Sprintf(`{"id":%q,"object":"model","owned_by":%q}`, model, owner))
		}
		fmt.Fprintf(w, `{"object":"list","data":[%s]}`, strings.Join(rows, ","))
	})
	if args[0] == "ollama" {
		mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.12.0"}`) })
	}
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		var asked struct{ Model string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","model":%[2]q,"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"the engine answers; key: %[1]t; model: %[2]s"}}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, key == "Bearer hush", asked.Model)
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	ts.Setenv("ENGINE", strings.TrimPrefix(server.URL, "http://"))
}
