package amazon_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestModelsComeFromTheService: the list of a second Outcrop, with its
// profiles.
func TestModelsComeFromTheService(t *testing.T) {
	signedIn(t)
	b := open(t, outcropOver(t, simulate(t), keys(t)).URL)
	models, err := b.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(models, func(m outcrop.Model) bool { return m.ID == modelID })
	if i < 0 {
		t.Fatalf("%s is not among %d models", modelID, len(models))
	}
	m := models[i]
	if m.Provider != "Anthropic" || !m.Streaming || m.Lifecycle != "ACTIVE" || m.Backend != amazon.Name || m.ContextWindow != 200_000 {
		t.Errorf("%+v", m)
	}
	if !slices.ContainsFunc(m.Profiles, func(p outcrop.Profile) bool { return p.ID == "us."+modelID && slices.Contains(p.Regions, "us-west-2") }) {
		t.Errorf("profiles %+v", m.Profiles)
	}
}

// TestProfilesComeInPages: all pages are read, and a list without an end is
// given up.
func TestProfilesComeInPages(t *testing.T) {
	signedIn(t)
	pages := 0
	endless := false
	service := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/foundation-models" {
			fmt.Fprintf(w, `{"modelSummaries":[{"modelId":%q,"modelArn":"arn:aws:bedrock:eu-central-1::foundation-model/x"}]}`, modelID)
			return
		}
		pages++
		next := ""
		if pages < 3 || endless {
			next = fmt.Sprintf(`,"nextToken":"t%d"`, pages)
		}
		if got := r.URL.Query().Get("nextToken"); pages > 1 && got != fmt.Sprintf("t%d", pages-1) {
			t.Errorf("page %d was asked for with the token %q", pages, got)
		}
		fmt.Fprintf(w, `{"inferenceProfileSummaries":[{"inferenceProfileId":"p%d","models":[{"modelArn":"arn:aws:bedrock:eu-west-1::foundation-model/%s"}]}]%s}`, pages, modelID, next)
	})
	b := open(t, service.URL)
	models, err := b.Models(t.Context())
	if err != nil || len(models) != 1 || len(models[0].Profiles) != 3 || models[0].Profiles[2].ID != "p3" {
		t.Errorf("%+v, %v", models, err)
	}
	pages, endless = 0, true
	if _, err := b.Models(t.Context()); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("an endless list: %v", err)
	}
}

// TestControlEndpoint: what was given for the runtime stands for the control
// plane, unless it is the runtime's own host.
func TestControlEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name, env, want string
		flag            amazon.Choice
	}{
		{name: "AWS's own", want: "https://bedrock.eu-central-1.amazonaws.com"},
		{name: "one port for both", flag: amazon.Choice{Endpoint: "http://127.0.0.1:9"}, want: "http://127.0.0.1:9"},
		{name: "a private network's", flag: amazon.Choice{Endpoint: "https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com"}, want: "https://bedrock.eu-central-1.amazonaws.com"},
		{name: "its own", flag: amazon.Choice{Endpoint: "http://127.0.0.1:9", Control: "http://127.0.0.1:8"}, want: "http://127.0.0.1:8"},
		{name: "the environment's", env: "http://127.0.0.1:7", want: "http://127.0.0.1:7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signedIn(t)
			t.Setenv("AWS_ENDPOINT_URL_BEDROCK", tt.env)
			tt.flag.Region = region
			place, err := amazon.Where(t.Context(), amazon.Config{Flag: tt.flag})
			if err != nil || place.Control.Value != tt.want {
				t.Errorf("%+v, %v; want %s", place.Control, err, tt.want)
			}
		})
	}
}

// TestGuardrailThroughTheServer: ApplyGuardrail reaches the service byte for
// byte, and comes back as it was said.
func TestGuardrailThroughTheServer(t *testing.T) {
	signedIn(t)
	const asked, answer = `{ "source":"INPUT", "content":[{"text":{"text":"x"}}]}`, `{"action":"NONE","outputs":[],"new":1}`
	var got seen
	service := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = see(t, r)
		fmt.Fprint(w, answer)
	})
	b := open(t, service.URL)
	if !b.Serves("ApplyGuardrail") || b.Serves(bedrock.OpConverse) || b.Serves("DeleteInferenceProfile") {
		t.Error("Serves is wrong")
	}
	door := outcropOver(t, b, nil)
	resp, err := http.Post(door.URL+"/guardrail/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aguardrail%2Fg1/version/DRAFT/apply", "application/json", strings.NewReader(asked))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || string(text) != answer || resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s, %v", resp.StatusCode, text, err)
	}
	if got.body != asked || !strings.HasPrefix(got.uri, "/guardrail/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aguardrail%2Fg1/version/DRAFT/apply") {
		t.Errorf("%s with %s", got.uri, got.body)
	}

	// A profile that no list has is asked for at the service.
	resp, err = http.Get(door.URL + "/inference-profiles/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fabc")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !strings.Contains(got.uri, "application-inference-profile") {
		t.Errorf("asked for %s", got.uri)
	}

	// Who has no guardrails says so.
	resp, err = http.Post(outcropOver(t, simulate(t), nil).URL+"/guardrail/g/version/1/apply", "application/json", strings.NewReader(asked))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ = io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "no back-end here serves ApplyGuardrail, which Amazon Bedrock does") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
