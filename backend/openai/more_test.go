package openai

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// recorder answers by path and remembers what was asked.
type recorder struct {
	replies map[string]string
	asked   map[string]string
	header  http.Header
}

func record(t *testing.T, replies map[string]string) (*recorder, *httptest.Server) {
	t.Helper()
	r := &recorder{replies: replies, asked: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, _ := io.ReadAll(req.Body)
		r.asked[req.URL.Path], r.header = string(text), req.Header
		reply, ok := r.replies[req.URL.Path]
		if !ok {
			http.NotFound(w, req)
			return
		}
		_, _ = io.WriteString(w, reply)
	}))
	t.Cleanup(server.Close)
	return r, server
}

func TestCountTokens(t *testing.T) {
	r, server := record(t, map[string]string{
		"/tokenize":       `{"count":7,"tokens":[1,2,3]}`,
		"/apply-template": `{"prompt":"<|user|>Hi"}`,
	})
	call := converseCall(t, bedrock.OpConverse, `{`+hi+`}`)
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", Engine: "vllm"})
	count, err := b.CountTokens(t.Context(), call)
	if err != nil || count != (outcrop.TokenCount{InputTokens: 7}) {
		t.Errorf("vLLM counts %+v, %v", count, err)
	}
	b = newBackend(t, Config{BaseURL: server.URL + "/v1", Engine: "llama.cpp"})
	count, err = b.CountTokens(t.Context(), call)
	if err != nil || count != (outcrop.TokenCount{InputTokens: 3}) {
		t.Errorf("llama.cpp counts %+v, %v", count, err)
	}
	if want := `{"add_special":true,"parse_special":true,"content":"<|user|>Hi"}`; r.asked["/tokenize"] != want {
		t.Errorf("llama.cpp was asked %s", r.asked["/tokenize"])
	}
	// Without a tokenizer to ask, and for pictures: an estimate that says so.
	picture := converseCall(t, bedrock.OpConverse, `{"messages":[{"role":"user","content":[{"text":"x"},{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}}]}]}`)
	for _, c := range []struct {
		b    *Backend
		call *outcrop.Call
	}{{newBackend(t, Config{}), call}, {b, picture}} {
		count, err := c.b.CountTokens(t.Context(), c.call)
		if err != nil || !count.Estimated || count.InputTokens == 0 {
			t.Errorf("estimate is %+v, %v", count, err)
		}
	}
	body := []byte(`{"anthropic_version":"x","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}`)
	count, err = b.CountTokens(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, "anthropic.claude-x", body))
	if err != nil || count.InputTokens != 3 {
		t.Errorf("a native body counts %+v, %v", count, err)
	}
}

func TestModels(t *testing.T) {
	r, server := record(t, map[string]string{"/v1/models": `{"object":"list","data":[{"id":"a","owned_by":"vllm","max_model_len":4096},{"id":"b","owned_by":"llamacpp","meta":{"n_ctx_train":8192}}]}`})
	b := newBackend(t, Config{
		BaseURL: server.URL + "/v1/", APIKey: secret, Header: map[string]string{"X-Team": "t"},
		Models: map[string]string{"anthropic.claude-x": "b", "anthropic.claude-y": "gone"},
	})
	models, err := b.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range models {
		lines = append(lines, m.ID+" "+m.Name+" "+m.Provider)
	}
	if got := strings.Join(lines, ", "); got != "a a vllm, b b llamacpp, anthropic.claude-x b llamacpp" {
		t.Errorf("models are %s", got)
	}
	if models[0].ContextWindow != 4096 || models[1].ContextWindow != 8192 {
		t.Errorf("context windows are %d, %d", models[0].ContextWindow, models[1].ContextWindow)
	}
	if r.header.Get("Authorization") != "Bearer "+secret || r.header.Get("X-Team") != "t" {
		t.Errorf("headers were %v", r.header)
	}
}

func TestEmbed(t *testing.T) {
	r, server := record(t, map[string]string{"/v1/embeddings": `{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":5}}`})
	b := newBackend(t, Config{BaseURL: server.URL + "/v1", Model: "e"})
	reply, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, "cohere.embed-english-v3", []byte(`{"texts":["a","b"],"input_type":"search_query"}`)))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := reply.Body()
	if !strings.Contains(string(body), `"embeddings":[[3,4],[0,2]]`) || reply.Meta.Usage.InputTokens != 5 {
		t.Errorf("body is %s, meta %+v", body, reply.Meta)
	}
	if want := `{"encoding_format":"float","model":"e","input":["a","b"]}`; r.asked["/v1/embeddings"] != want {
		t.Errorf("the server was asked %s", r.asked["/v1/embeddings"])
	}
	// One vector for two texts, or two for one.
	_, err = b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, "amazon.titan-embed-text-v2:0", []byte(`{"inputText":"a"}`)))
	want(t, err, bedrock.CodeModelError, "")
	_, err = b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, "amazon.titan-embed-text-v2:0", []byte(`{"inputText":"a"}`)))
	want(t, err, bedrock.CodeValidation, "")
	v := []float64{3, 4}
	normalize(v)
	if math.Abs(v[0]-0.6) > 1e-9 || math.Abs(v[1]-0.8) > 1e-9 {
		t.Errorf("normalized to %v", v)
	}
	normalize([]float64{0, 0}) // stays
}
