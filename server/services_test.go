package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
)

// TestWhatAServiceGets: the scope of the signature chooses, also where the
// signature cannot be read; and what nobody signed and no path takes may be
// meant for it. Everything else is Bedrock's.
func TestWhatAServiceGets(t *testing.T) {
	s3 := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	manager, err := outcrop.New(outcrop.Config{Backend: outcrop.BackendFunc(nil)})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(stray bool) http.Handler {
		s, err := New(Config{Manager: manager, Mounts: []Mount{{Name: "s3", Service: "s3", Stray: stray, Handler: s3}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Handler()
	}
	const auth = "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/SERVICE/aws4_request, SignedHeaders=host, Signature="
	for _, tt := range []struct {
		name, method, target string
		header               map[string]string
		reaches, strayOnly   bool
	}{
		{"signed for it", "GET", "/bucket/key", map[string]string{"Authorization": strings.Replace(auth, "SERVICE", "s3", 1) + strings.Repeat("0", 64), "X-Amz-Date": "20260101T000000Z"}, true, false},
		{"signed for it, with a path of Bedrock's", "POST", "/model/m/converse", map[string]string{"Authorization": strings.Replace(auth, "SERVICE", "s3", 1) + strings.Repeat("0", 64), "X-Amz-Date": "20260101T000000Z"}, true, false},
		{"signed for it, unreadable", "GET", "/bucket", map[string]string{"Authorization": strings.Replace(auth, "SERVICE", "s3", 1)}, true, false},
		{"presigned, unreadable", "GET", "/bucket/k?X-Amz-Credential=id%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", nil, true, false},
		{"presigned by version 2", "GET", "/bucket?AWSAccessKeyId=a&Signature=b&Expires=1", nil, true, false},
		{"signed for Bedrock", "GET", "/bucket/key", map[string]string{"Authorization": strings.Replace(auth, "SERVICE", "bedrock", 1)}, false, false},
		{"a bearer token", "GET", "/bucket/key", map[string]string{"Authorization": "Bearer token"}, false, false},
		{"nobody signed, an object", "GET", "/bucket/key", nil, true, true},
		{"nobody signed, a bucket", "PUT", "/bucket", nil, true, true},
		{"nobody signed, a list", "GET", "/bucket?list-type=2", nil, true, true},
		{"nobody signed, a word", "GET", "/unknown", nil, false, false},
		{"nobody signed, a door of the server", "GET", "/healthz", nil, false, false},
		{"nobody signed, another method of an operation", "PUT", "/foundation-models", nil, false, false},
		{"nobody signed, JSON", "POST", "/model/m/talk", map[string]string{"Content-Type": "application/json"}, false, false},
	} {
		for _, stray := range []bool{true, false} {
			r := httptest.NewRequest(tt.method, tt.target, nil)
			r.Host = "127.0.0.1:8777"
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			serve(stray).ServeHTTP(w, r)
			want := tt.reaches && (stray || !tt.strayOnly)
			if got := w.Code == http.StatusTeapot; got != want {
				t.Errorf("%s, stray %v: status %d, reaches it %v, want %v", tt.name, stray, w.Code, got, want)
			}
		}
	}
}
