package native

import (
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
