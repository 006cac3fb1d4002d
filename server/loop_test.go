package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

// TestBackendThatLeadsBack: a server whose back-end leads to itself, straight or
// through another, refuses what it has sent, instead of asking itself for ever.
func TestBackendThatLeadsBack(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	for name, names := range map[string][]string{"itself": {""}, "itself, by a name": {"ab (c), d"}, "another": {"first", "second"}} {
		t.Run(name, func(t *testing.T) {
			servers := len(names)
			want := "one of its back-ends leads to itself"
			if names[0] != "" {
				want = "its back-end '" + names[0] + "' leads to itself"
			}
			var asked atomic.Int64
			doors := make([]http.Handler, servers)
			addresses := make([]string, servers)
			for i := range servers {
				door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					doors[i].ServeHTTP(w, r)
				}))
				t.Cleanup(door.Close)
				addresses[i] = door.URL
			}
			for i := range servers {
				backend, err := amazon.New(t.Context(), amazon.Config{Name: names[i], Flag: amazon.Choice{Endpoint: addresses[(i+1)%servers]}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = backend.Close() })
				m, err := outcrop.New(outcrop.Config{Backend: backend})
				if err != nil {
					t.Fatal(err)
				}
				s, err := server.New(server.Config{Manager: m})
				if err != nil {
					t.Fatal(err)
				}
				doors[i] = s.Handler()
			}
			client, err := amazon.New(t.Context(), amazon.Config{Flag: amazon.Choice{Endpoint: addresses[0]}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			call := outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{ModelID: "amazon.nova-lite-v1:0", Messages: []bedrock.Message{bedrock.UserText("hi")}})
			call.ModelID = "amazon.nova-lite-v1:0"
			_, err = client.Do(context.Background(), call)
			if e := outcrop.AsError(err); err == nil || e.Code != bedrock.CodeValidation || e.Retryable {
				t.Errorf("got %v", err)
			} else if !strings.Contains(e.Message, want) {
				t.Errorf("it says %q, want %q", e.Message, want)
			}
			if n := asked.Load(); n != int64(servers)+1 {
				t.Errorf("%d requests, want %d", n, servers+1)
			}
		})
	}
}
