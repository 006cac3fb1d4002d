package route_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/route"
)

const (
	sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	nova   = "amazon.nova-lite-v1:0"
	body   = `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`
)

// fake remembers its calls and answers by a function, or at once.
type fake struct {
	calls  []*outcrop.Call
	answer func(call *outcrop.Call) (*outcrop.Reply, error)
	models []outcrop.Model
	err    error // of Models
}

func (f *fake) Do(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	f.calls = append(f.calls, call)
	if f.answer != nil {
		return f.answer(call)
	}
	text := "hello"
	return outcrop.NewConverseReply(outcrop.Meta{Backend: "fake"}, &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}},
		StopReason: bedrock.StopReasonEndTurn,
	}), nil
}

func (f *fake) CountTokens(_ context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	f.calls = append(f.calls, call)
	return outcrop.TokenCount{InputTokens: 7}, nil
}

func (f *fake) SchemaProfile(id string) string { return "profile of " + id }

func (f *fake) Models(context.Context) ([]outcrop.Model, error) { return f.models, f.err }

func (f *fake) Embed(_ context.Context, call *outcrop.Call, _ *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	f.calls = append(f.calls, call)
	return &native.Embeddings{}, outcrop.Meta{}, nil
}

// last is the model and the body of the last call.
func (f *fake) last() (string, string) {
	call := f.calls[len(f.calls)-1]
	return call.ModelID, string(call.Raw)
}

func newRouter(t *testing.T, c route.Config) *route.Router {
	t.Helper()
	r, err := route.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func converse(id string) *outcrop.Call {
	text := "Hi"
	return outcrop.NewConverseCall(bedrock.OpConverse, &bedrock.ConverseRequest{
		ModelID: id, Messages: []bedrock.Message{{Role: bedrock.ConversationRoleUser, Content: []bedrock.ContentBlock{{Text: &text}}}},
	})
}

func TestWhoIsAsked(t *testing.T) {
	a, b := &fake{}, &fake{}
	r := newRouter(t, route.Config{
		Backends: map[string]route.Backend{"a": {Backend: a, Native: true}, "b": {Backend: b, Model: "qwen3"}},
		Routes: []route.Route{
			{Match: "us.anthropic.*", Targets: []route.Target{{Backend: "b", Name: "american-*"}}},
			{Match: "anthropic.*", Targets: []route.Target{{Backend: "a", Name: "eu.anthropic.*"}}},
			{Match: "exact", Targets: []route.Target{{Backend: "a"}}},
		},
		Default: "b",
		Aliases: map[string]string{"fast": "faster", "faster": sonnet},
	})
	for id, want := range map[string]string{
		sonnet:             "a eu." + sonnet,
		"us." + sonnet:     "b american-claude-sonnet-4-5-20250929-v1:0",
		"global." + sonnet: "a eu." + sonnet,
		"arn:aws:bedrock:us-east-1::foundation-model/" + sonnet:                 "a eu." + sonnet,
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + sonnet: "b american-claude-sonnet-4-5-20250929-v1:0",
		"jp.anthropic.claude-from-tomorrow":                                     "a eu.anthropic.claude-from-tomorrow",
		"exact":                                                                 "a exact",
		"fast":                                                                  "a eu." + sonnet,
		nova:                                                                    "b qwen3",
		"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd": "b qwen3",
	} {
		a.calls, b.calls = nil, nil
		reply, err := r.Do(context.Background(), converse(id))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		asked, name := b, "b"
		if len(a.calls) > 0 {
			asked, name = a, "a"
		}
		model, _ := asked.last()
		if got := name + " " + model; got != want || reply.Meta.Backend != name || len(a.calls)+len(b.calls) != 1 {
			t.Errorf("%s: asked %s (%s), want %s", id, got, reply.Meta.Backend, want)
		}
		if profile, want := r.SchemaProfile(id), "profile of "+model; profile != want {
			t.Errorf("%s: %s, want %s", id, profile, want)
		}
	}
}

// TestBytesAreKept: a call is passed on as it is, or with its bytes, except
// where the back-end does not take a model's own body under another name.
func TestBytesAreKept(t *testing.T) {
	a, b := &fake{}, &fake{}
	r := newRouter(t, route.Config{
		Backends: map[string]route.Backend{"a": {Backend: a, Native: true}, "b": {Backend: b}},
		Routes: []route.Route{
			{Match: "same", Targets: []route.Target{{Backend: "b"}}},
			{Match: "anthropic.*", Targets: []route.Target{{Backend: "a", Name: "us.anthropic.*"}}},
			{Match: nova, Targets: []route.Target{{Backend: "b", Name: "qwen3"}}},
		},
		Aliases: map[string]string{"small": nova},
	})
	same := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "same", []byte(body))
	if _, err := r.Do(context.Background(), same); err != nil || b.calls[0] != same {
		t.Errorf("the call was changed (%v)", err)
	}
	if _, err := r.Do(context.Background(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, sonnet, []byte(body))); err != nil {
		t.Error(err)
	} else if model, raw := a.last(); model != "us."+sonnet || raw != body {
		t.Errorf("asked %s with %s", model, raw)
	}
	novaBody := `{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"Hi"}]}]}`
	reply, err := r.Do(context.Background(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, "small", []byte(novaBody)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := reply.Body()
	if model, _ := b.last(); model != "qwen3" || b.calls[1].Operation != bedrock.OpConverse || err != nil || !strings.Contains(string(text), `"stopReason":"end_turn"`) {
		t.Errorf("asked %s by %s; replied %s (%v)", model, b.calls[1].Operation, text, err)
	}
	if reply.Meta.Backend != "b" {
		t.Errorf("answered by %q", reply.Meta.Backend)
	}
	count, err := r.CountTokens(context.Background(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, nova, []byte(novaBody)))
	if model, _ := b.last(); err != nil || count.InputTokens != 7 || model != "qwen3" || b.calls[2].Native() {
		t.Errorf("counted %+v by %s (%v)", count, model, err)
	}
}

func TestEmbeddings(t *testing.T) {
	b := &fake{}
	r := newRouter(t, route.Config{
		Backends: map[string]route.Backend{"b": {Backend: b}},
		Routes:   []route.Route{{Match: "amazon.titan-embed*", Targets: []route.Target{{Backend: "b", Name: "nomic"}}}},
	})
	call := outcrop.NewInvokeCall(bedrock.OpInvokeModel, "amazon.titan-embed-text-v2:0", []byte(`{"inputText":"Hi"}`))
	_, meta, err := r.Embed(context.Background(), call, &native.EmbedRequest{})
	if model, _ := b.last(); err != nil || model != "nomic" || meta.Backend != "b" {
		t.Errorf("asked %s, meta %+v, %v", model, meta, err)
	}
}

func TestUnknownModels(t *testing.T) {
	a := &fake{}
	r := newRouter(t, route.Config{
		Backends: map[string]route.Backend{"a": {Backend: a}},
		Routes:   []route.Route{{Match: "anthropic.*", Targets: []route.Target{{Backend: "a"}}}, {Match: "qwen3:8b", Targets: []route.Target{{Backend: "a"}}}},
		Aliases:  map[string]string{"fast": sonnet},
	})
	for id, want := range map[string][]string{
		"qwen3:9b":   {bedrock.CodeValidation, "The provided model identifier is invalid. Near it are qwen3:8b."},
		"fastt":      {bedrock.CodeValidation, "The provided model identifier is invalid. Near it are fast."},
		nova:         {bedrock.CodeValidation, "The provided model identifier is invalid."},
		"":           {bedrock.CodeValidation, "The provided model identifier is invalid."},
		"sonnet-4-5": {bedrock.CodeValidation, sonnet},
		"arn:aws:bedrock:us-east-1::foundation-model/" + nova: {bedrock.CodeResourceNotFound, "Could not resolve the foundation model"},
	} {
		_, err := r.Do(context.Background(), converse(id))
		e := outcrop.AsError(err)
		if err == nil || e.Code != want[0] || !strings.Contains(e.Message, want[1]) || e.Retryable || e.Field != "modelId" {
			t.Errorf("%q: %v, want %s", id, err, want)
		}
		if _, err := r.CountTokens(context.Background(), converse(id)); outcrop.AsError(err).Code != want[0] {
			t.Errorf("%q: counted: %v", id, err)
		}
	}
	if len(a.calls) > 0 {
		t.Errorf("somebody was asked: %d", len(a.calls))
	}
}

func TestConfigIsChecked(t *testing.T) {
	b := map[string]route.Backend{"a": {Backend: &fake{}}}
	for says, c := range map[string]route.Config{
		`no back-end "x"`:                 {Backends: b, Default: "x"},
		`no back-end "y"`:                 {Backends: b, Routes: []route.Route{{Match: "*", Targets: []route.Target{{Backend: "a"}, {Backend: "y"}}}}},
		"without a pattern":               {Backends: b, Routes: []route.Route{{Targets: []route.Target{{Backend: "a"}}}}},
		"without a target":                {Backends: b, Routes: []route.Route{{Match: "*"}}},
		`the alias "p" leads in a circle`: {Backends: b, Aliases: map[string]string{"p": "p"}},
	} {
		if _, err := route.New(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

func TestModels(t *testing.T) {
	ollama := &fake{models: []outcrop.Model{{ID: "qwen3:8b"}, {ID: "llama3"}}}
	down := &fake{err: errors.New("connection refused")}
	sim, err := simulator.New(simulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var unlisted []string
	r := newRouter(t, route.Config{
		Backends: map[string]route.Backend{"ollama": {Backend: ollama}, "down": {Backend: down}, "sim": {Backend: sim}},
		Routes: []route.Route{
			{Match: "anthropic.*", Targets: []route.Target{{Backend: "ollama", Name: "qwen3:8b"}}},
			{Match: "qwen3:*", Targets: []route.Target{{Backend: "ollama"}}},
			{Match: "far", Targets: []route.Target{{Backend: "down", Name: "away"}}},
			{Match: "amazon.nova-*", Targets: []route.Target{{Backend: "sim"}}},
		},
		Aliases:    map[string]string{"fast": sonnet, "quick": "fast"},
		OnUnlisted: func(name string, err error) { unlisted = append(unlisted, fmt.Sprint(name, ": ", err)) },
	})
	models, err := r.Models(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, m := range models {
		by[m.ID] = m.Backend
	}
	for id, backend := range map[string]string{sonnet: "ollama", "qwen3:8b": "ollama", "far": "down", nova: "sim", "fast": "ollama", "llama3": "", "meta.llama3-8b-instruct-v1:0": ""} {
		if by[id] != backend {
			t.Errorf("%s is answered by %q, want %q", id, by[id], backend)
		}
	}
	for _, m := range models {
		if alias := m.ID == "fast" || m.ID == "quick"; alias != (m.AliasOf == sonnet) || alias && m.Profiles != nil {
			t.Errorf("%s is an alias of %q, with profiles %v", m.ID, m.AliasOf, m.Profiles)
		}
	}
	if !slices.IsSortedFunc(models, func(a, b outcrop.Model) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the list has no order")
	}
	if !slices.Equal(unlisted, []string{"down: connection refused"}) {
		t.Errorf("told %q", unlisted)
	}
	alone := newRouter(t, route.Config{Backends: map[string]route.Backend{"down": {Backend: down}}, Default: "down"})
	if _, err := alone.Models(context.Background()); err == nil {
		t.Error("nobody could list, and nobody says so")
	}
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
