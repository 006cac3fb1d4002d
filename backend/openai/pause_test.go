package openai

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestPauses: the back-end says that it is about to wait when it has delivered
// what has come, and not between chunks that came together. The server sends
// its second part only after that.
func TestPauses(t *testing.T) {
	more := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, chunks(`"delta":{"role":"assistant","content":"a"}`, `"delta":{"content":"b"}`, `"delta":{"content":"c"}`))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
			_, _ = io.WriteString(w, chunks(`"delta":{"content":"d"}`, `"delta":{},"finish_reason":"stop"`, usageChunk, doneChunk))
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	backend := newBackend(t, quiet(s.URL))
	reply, err := backend.Do(t.Context(), converseCall(t, bedrock.OpConverseStream, `{`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	events := 0
	said := false
	if !reply.Stream.BeforeWait(func() {
		if events < 4 { // a start and three texts
			t.Errorf("it waits after %d events, and 4 have come", events)
		}
		if !said {
			said = true
			close(more)
		}
	}) {
		t.Fatal("it does not say when it waits")
	}
	for _, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		events++
	}
	if !said || events != 8 {
		t.Errorf("%d events", events)
	}
}
