package native

import (
	"slices"
	"strings"
	"testing"
)

// What Body writes is what Request reads, in every family.
func TestBodyIsReadBack(t *testing.T) {
	for _, f := range families() {
		t.Run(f.Name(), func(t *testing.T) {
			body, err := f.Body(Question{Prompt: "Why?", System: "Be brief.", MaxTokens: 7})
			if err != nil {
				t.Fatal(err)
			}
			if f.Embeds() {
				req, err := f.EmbedRequest(body)
				if err != nil || len(req.Texts) != 1 || req.Texts[0] != "Why?" {
					t.Fatalf("%s reads back as %+v, %v", body, req, err)
				}
				return
			}
			req, err := f.Request(body)
			if err != nil {
				t.Fatal(err)
			}
			if len(req.Messages) != 1 || req.Messages[0].Role != roleUser {
				t.Fatalf("%s reads back as %+v", body, req.Messages)
			}
			text, want := req.Messages[0].Text(), "Why?"
			if len(req.System) == 0 { // formats without a place for it
				want = "Be brief.\n\nWhy?"
			} else if *req.System[0].Text != "Be brief." {
				t.Errorf("the system prompt reads back as %q", *req.System[0].Text)
			}
			if text != want {
				t.Errorf("the prompt reads back as %q, want %q", text, want)
			}
			if limit, ok, err := f.OutputLimit(body); limit != 7 || !ok || err != nil {
				t.Errorf("the limit reads back as %d, %v, %v", limit, ok, err)
			}
		})
	}
}

// Sampling is read back too, or refused where the format has no place for it.
func TestBodySamples(t *testing.T) {
	given := Sampling{Temperature: new(0.25), TopP: new(0.5), StopSequences: []string{"END", "\n\n"}}
	for _, f := range families() {
		t.Run(f.Name(), func(t *testing.T) {
			wanted := given
			body, err := f.Body(Question{Prompt: "Why?", MaxTokens: 7, Sampling: wanted})
			if f == llamaText && err != nil {
				wanted.StopSequences = nil
				body, err = f.Body(Question{Prompt: "Why?", MaxTokens: 7, Sampling: wanted})
			}
			if f.Embeds() {
				if err == nil {
					t.Errorf("%s samples an embedding", body)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			req, err := f.Request(body)
			if err != nil {
				t.Fatal(err)
			}
			c := req.InferenceConfig
			if c == nil || c.Temperature == nil || *c.Temperature != 0.25 || c.TopP == nil || *c.TopP != 0.5 ||
				!slices.Equal(c.StopSequences, wanted.StopSequences) || c.MaxTokens == nil || *c.MaxTokens != 7 {
				t.Errorf("%s reads back as %+v", body, c)
			}
		})
	}
	if _, err := llamaText.Body(Question{Prompt: "Why?", Sampling: Sampling{StopSequences: []string{"END"}}}); err == nil || !strings.Contains(err.Error(), "the format meta-llama has no place for stop sequences") {
		t.Errorf("got %v", err)
	}
}

// Text finds the words of every family's replies and chunks.
func TestText(t *testing.T) {
	for _, f := range families() {
		if f.Embeds() {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			body, err := f.Reply(sampleInfo, sampleResponse())
			if err != nil {
				t.Fatal(err)
			}
			text, err := Text(body)
			if err != nil {
				t.Fatal(err)
			}
			var streamed string
			for _, chunk := range encodeAll(t, f, sampleEvents()) {
				piece, err := Text([]byte(chunk))
				if err != nil {
					t.Fatal(err)
				}
				streamed += piece
			}
			if text == "" || text != streamed {
				t.Errorf("the reply says %q, its stream %q", text, streamed)
			}
		})
	}
}
