package openai

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// server answers a list of models whose owners it is given, and where it is
// Ollama, its version. asked counts.
func server(t *testing.T, owners []string, ollama bool, asked *atomic.Int32) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		var rows []string
		for i, owner := range owners {
			rows = append(rows, fmt.Sprintf(`{"id":"m%d","object":"model","owned_by":%q}`, i, owner))
		}
		fmt.Fprintf(w, `{"object":"list","data":[%s]}`, strings.Join(rows, ","))
	})
	if ollama {
		mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.12.0"}`) })
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

func recogniser(t *testing.T, config Config) *Backend {
	t.Helper()
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		name       string
		owners     []string
		ollama     bool
		configured string
		engine     string
		profile    string
		asked      int32
	}{
		{"llama-server", []string{"llamacpp"}, false, "", "llama.cpp", "llama.cpp", 1},
		{"vLLM with an adapter", []string{"vllm", "vllm"}, false, "", "vllm", "llama.cpp", 1},
		{"SGLang", []string{"sglang"}, false, "", "sglang", "llama.cpp", 1},
		{"LM Studio", []string{"organization_owner"}, false, "", "lmstudio", "llama.cpp", 1},
		{"Ollama's own models", []string{"library"}, true, "", "ollama", "llama.cpp", 1},
		{"Ollama with somebody's model", []string{"library", "ann"}, true, "", "ollama", "llama.cpp", 1},
		{"Ollama without a model", nil, true, "", "ollama", "llama.cpp", 1},
		{"a gateway", []string{"vllm", "openai"}, false, "", "other", "", 1},
		{"somebody", []string{"me"}, false, "", "other", "", 1},
		{"what the configuration says counts", []string{"llamacpp"}, false, "openai", "openai", "openai-strict", 0},
		{"and that nothing is to be expected", []string{"llamacpp"}, false, "other", "other", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int32
			b := recogniser(t, Config{BaseURL: server(t, c.owners, c.ollama, &asked), Engine: c.configured})
			for range 3 {
				if got := b.Engine(t.Context()); got != c.engine {
					t.Errorf("it is %q, want %q", got, c.engine)
				}
			}
			if got := b.SchemaProfile("m"); got != c.profile {
				t.Errorf("its profile is %q, want %q", got, c.profile)
			}
			if n := asked.Load(); n != c.asked {
				t.Errorf("its models were listed %d times, want %d", n, c.asked)
			}
		})
	}
}

// A list that was made for another reason recognises the server too.
func TestRecogniseByTheList(t *testing.T) {
	var asked atomic.Int32
	b := recogniser(t, Config{BaseURL: server(t, []string{"llamacpp"}, false, &asked)})
	if _, err := b.Models(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Engine(t.Context()); got != "llama.cpp" || asked.Load() != 1 {
		t.Errorf("%q after %d lists", got, asked.Load())
	}
}

func TestRecogniseOpenAIByItsName(t *testing.T) {
	b := recogniser(t, Config{BaseURL: "https://api.openai.com/v1", Transport: &hanging{}})
	if got := b.Engine(t.Context()); got != "openai" {
		t.Errorf("it is %q", got)
	}
}

// A server that takes connections and says nothing delays one call a minute, by
// a second; one that is not there, none.
func TestRecogniseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := recogniser(t, Config{BaseURL: "http://server/v1", Transport: &hanging{}})
		took := func() time.Duration {
			began := time.Now()
			if got := b.Engine(context.Background()); got != other {
				t.Errorf("it is %q", got)
			}
			return time.Since(began)
		}
		for _, want := range []time.Duration{recogniseTimeout, 0, 0} {
			if got := took(); got != want {
				t.Errorf("it took %s of the bubble's time, want %s", got, want)
			}
		}
		time.Sleep(recogniseRest * recogniseTimeout)
		if got := took(); got != recogniseTimeout {
			t.Errorf("after the rest it took %s", got)
		}
	})
}

// A server that starts later is recognised then.
func TestRecogniseLater(t *testing.T) {
	var loading atomic.Bool
	loading.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if loading.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":{"message":"Loading model"}}`)
			return
		}
		fmt.Fprint(w, `{"data":[{"id":"m","owned_by":"llamacpp"}]}`)
	}))
	defer s.Close()
	now := time.Unix(0, 0)
	b := recogniser(t, Config{BaseURL: s.URL + "/v1", Now: func() time.Time { return now }})
	if got := b.Engine(t.Context()); got != other {
		t.Errorf("while it loads, it is %q", got)
	}
	loading.Store(false)
	if got := b.Engine(t.Context()); got != "llama.cpp" {
		t.Errorf("it is %q", got)
	}
}

// A server that refuses the key has not said what it is.
func TestRecogniseOnceAllowed(t *testing.T) {
	for name, refusal := range map[string]int{"no key": http.StatusUnauthorized, "forbidden": http.StatusForbidden, "over its quota": http.StatusPaymentRequired} {
		t.Run(name, func(t *testing.T) {
			var refuses atomic.Bool
			refuses.Store(true)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if refuses.Load() {
					w.WriteHeader(refusal)
					fmt.Fprint(w, `{"error":{"type":"insufficient_quota"}}`)
					return
				}
				fmt.Fprint(w, `{"data":[{"id":"m","owned_by":"vllm"}]}`)
			}))
			defer s.Close()
			now := time.Unix(0, 0)
			b := recogniser(t, Config{BaseURL: s.URL + "/v1", Now: func() time.Time { return now }})
			if got := b.Engine(t.Context()); got != other {
				t.Errorf("while it refuses, it is %q", got)
			}
			refuses.Store(false)
			if got := b.Engine(t.Context()); got != "vllm" {
				t.Errorf("it is %q", got)
			}
		})
	}
}

// A server of Ollama's that is too busy to tell its version is asked again.
func TestRecogniseBusy(t *testing.T) {
	var busy atomic.Bool
	busy.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","owned_by":"ann"}]}`)
		case busy.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, `{"version":"0.12.0"}`)
		}
	}))
	defer s.Close()
	now := time.Unix(0, 0)
	b := recogniser(t, Config{BaseURL: s.URL + "/v1", Now: func() time.Time { return now }})
	if got := b.Engine(t.Context()); got != other {
		t.Errorf("while it is busy, it is %q", got)
	}
	busy.Store(false)
	if got := b.Engine(t.Context()); got != "ollama" {
		t.Errorf("it is %q", got)
	}
}

// Who has gone does not wait for a server to say what it is.
func TestRecogniseEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := recogniser(t, Config{BaseURL: "http://server/v1", Transport: &hanging{}})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		began := time.Now()
		if _, err := b.Do(ctx, converseCall(t, bedrock.OpConverse, `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`)); err == nil {
			t.Error("it answers")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s of the bubble's time", took)
		}
	})
}

// A recognised server behind a gateway that has no /tokenize gets an estimate.
func TestRecogniseCountsBehindAGateway(t *testing.T) {
	var asked atomic.Int32
	url := server(t, []string{"vllm"}, false, &asked)
	const request = `{"messages":[{"role":"user","content":[{"text":"How many are these?"}]}]}`
	got, err := recogniser(t, Config{BaseURL: url}).CountTokens(t.Context(), converseCall(t, bedrock.OpConverse, request))
	if err != nil || !got.Estimated || got.InputTokens == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := recogniser(t, Config{BaseURL: url, Engine: "vllm"}).CountTokens(t.Context(), converseCall(t, bedrock.OpConverse, request)); err == nil {
		t.Error("a server that is said to be vLLM has no /tokenize, and nobody says so")
	}
}
