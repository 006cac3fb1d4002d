package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/server"
)

// TestPage: a page gets what browsers ask for at its path, and everything else is
// answered as if it were not there.
func TestPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	s3 := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mounts := []server.Mount{{Name: "s3", Service: "s3", Stray: true, Handler: s3}}
	with := append([]server.Mount{{Name: "page", Path: "/", Page: true, Handler: page}}, mounts...)
	html := map[string]string{"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
	signed := func(service string) map[string]string {
		return map[string]string{
			"Accept": html["Accept"], "X-Amz-Date": "20260101T000000Z",
			"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/" + service + "/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64),
		}
	}
	for _, config := range []server.Config{{}, {Keys: keyring(t)}} {
		config.Mounts = mounts
		before := start(t, config)
		config.Mounts = with
		after := start(t, config)
		c := client(t, &http.Transport{})
		for _, tt := range []struct {
			name, method, target string
			header               map[string]string
			takes                bool
		}{
			{"a browser", "GET", "/", html, true},
			{"a browser that looks only", "HEAD", "/", html, true},
			{"a browser with a query", "GET", "/?list-type=2", html, false},
			{"a browser elsewhere", "GET", "/unknown", html, false},
			{"a browser at an object", "GET", "/bucket/key", html, false},
			{"curl", "GET", "/", map[string]string{"Accept": "*/*"}, false},
			{"nobody says what", "GET", "/", nil, false},
			{"a form", "POST", "/", html, false},
			{"a bucket without a name", "PUT", "/", html, false},
			{"nothing to delete", "DELETE", "/", html, false},
			{"what may be done", "OPTIONS", "/", html, false},
			{"ListBuckets", "GET", "/", signed("s3"), false},
			{"signed for Bedrock", "GET", "/", signed("bedrock"), false},
			{"presigned", "GET", "/?X-Amz-Credential=id%2F20260101%2Fus-east-1%2Fs3%2Faws4_request", html, false},
			{"signed by halves", "GET", "/", map[string]string{"Accept": "text/html", "Authorization": "AWS4-HMAC-SHA256 Credential=x"}, false},
			{"a token", "GET", "/", map[string]string{"Accept": "text/html", "Authorization": "Bearer the-token-of-team-a"}, false},
		} {
			was, is := send(t, c, tt.method, before.url+tt.target, "", tt.header), send(t, c, tt.method, after.url+tt.target, "", tt.header)
			if tt.takes {
				if is.status != http.StatusTeapot {
					t.Errorf("%s: %d %s, want the page", tt.name, is.status, is.body)
				}
				continue
			}
			if is.status != was.status || is.body != was.body || is.status == http.StatusTeapot {
				t.Errorf("%s: %d %s\nwithout the page: %d %s", tt.name, is.status, is.body, was.status, was.body)
			}
		}
		for name, value := range map[string]string{"Host": "evil.example", "Origin": "https://evil.example"} {
			a := send(t, c, "GET", after.url+"/", "", map[string]string{"Accept": "text/html", name: value})
			checkRefused(t, a, 403, "AccessDeniedException", name)
		}
	}
}
