package amazon

import (
	"net/http"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// A server that a call may come back to hears which back-end sent it on; AWS is
// not told what its users call it.
func TestVia(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	for endpoint, want := range map[string]string{"http://127.0.0.1:1": "1.1 a (eu%20west)", "": "1.1 a"} {
		sent := ""
		b, err := New(t.Context(), Config{Name: "eu west", Flag: Choice{Region: "us-east-1", Endpoint: endpoint}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r.Header.Get("Via")
			return nil, http.ErrServerClosed
		})})
		if err != nil {
			t.Fatal(err)
		}
		ctx := outcrop.WithOrigin(t.Context(), outcrop.Origin{Via: "1.1 a"})
		if _, err := b.Do(ctx, outcrop.NewInvokeCall(bedrock.OpInvokeModel, "m", []byte("{}"))); err == nil || sent != want {
			t.Errorf("to %q goes Via: %q, want %q; error %v", endpoint, sent, want, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
