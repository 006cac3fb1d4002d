package amazon_test

import (
	"net/http"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestPauses: the back-end says that it is about to wait when it has delivered
// what has come, and not between frames that came together. The service sends
// its second part only after that.
func TestPauses(t *testing.T) {
	signedIn(t)
	more := make(chan struct{})
	s := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		all := helloFrames()
		var first []byte
		for _, f := range all[:3] {
			first = append(first, f...)
		}
		sendFrames(w, first)
		select {
		case <-more:
			sendFrames(w, all[3:]...)
		case <-r.Context().Done():
		}
	})
	reply, err := open(t, s.URL).Do(t.Context(), converseCall(bedrock.OpConverseStream, hello))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Stream.Close()
	events := 0
	said := false
	if !reply.Stream.BeforeWait(func() {
		if events < 3 {
			t.Errorf("it waits after %d events, and 3 have come", events)
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
	if !said || events != 6 {
		t.Errorf("%d events", events)
	}
}
