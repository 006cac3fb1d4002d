package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// legacyURL is a request by a presigned URL of version 2, signed over text.
func legacyURL(path, query, host, text string, expires int64) *http.Request {
	q := url.Values{legacyKeyID: {docID}, legacyExpires: {strconv.FormatInt(expires, 10)}, legacySignature: {signLegacy(docSecret, text)}}
	if query != "" {
		query += "&"
	}
	return &http.Request{Method: http.MethodGet, Host: host, RequestURI: path + "?" + query + q.Encode(), URL: &url.URL{}, Header: http.Header{}}
}

func TestLegacyPresigned(t *testing.T) {
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	at := now.Add(time.Hour).Unix()
	text := func(path string) string { return "GET\n\n\n" + strconv.FormatInt(at, 10) + "\n" + path }
	for name, tt := range map[string]struct {
		r      *http.Request
		change func(*http.Request)
		reason Reason // when refused
		good   bool
	}{
		"path style":   {legacyURL("/bucket/a%20b", "", "127.0.0.1:8777", text("/bucket/a%20b"), at), nil, 0, true},
		"virtual host": {legacyURL("/a", "", "bucket.localhost:8777", text("/bucket/a"), at), nil, 0, true},
		"a parameter that is signed": {
			legacyURL("/bucket/a", "response-content-type=text%2Fhtml&x-id=GetObject", "127.0.0.1", text("/bucket/a?response-content-type=text/html"), at), nil, 0, true,
		},
		"a signed parameter that was added": {legacyURL("/bucket/a", "uploads", "127.0.0.1", text("/bucket/a"), at), nil, Mismatch, false},
		"another object":                    {legacyURL("/bucket/b", "", "127.0.0.1", text("/bucket/a"), at), nil, Mismatch, false},
		"another method":                    {legacyURL("/bucket/a", "", "127.0.0.1", text("/bucket/a"), at), func(r *http.Request) { r.Method = http.MethodPut }, Mismatch, false},
		"a header that copies": {
			legacyURL("/bucket/a", "", "127.0.0.1", text("/bucket/a"), at),
			func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "other/secret") }, Mismatch, false,
		},
		// The host is not signed: none may make the bucket another.
		"another bucket by a name in the host":      {legacyURL("/bucket/a", "", "other.localhost:8777", text("/bucket/a"), at), nil, Mismatch, false},
		"another bucket that begins like the one":   {legacyURL("/a", "", "bucket.other.localhost:8777", text("/bucket/a"), at), nil, Mismatch, false},
		"a host that does not name a bucket":        {legacyURL("/other/a", "", "bucket.example.com", text("/bucket/other/a"), at), nil, Mismatch, false},
		"the same object, named in the host's name": {legacyURL("/a", "", "BUCKET.LOCALHOST", text("/bucket/a"), at), nil, 0, true},

		"expired":  {legacyURL("/bucket/a", "", "127.0.0.1", "GET\n\n\n1369353599\n/bucket/a", 1369353599), nil, Expired, false},
		"for ever": {legacyURL("/bucket/a", "", "127.0.0.1", "GET\n\n\n9369353599\n/bucket/a", 9369353599), nil, NotYetCurrent, false},
	} {
		if tt.change != nil {
			tt.change(tt.r)
		}
		req, err := Parse(tt.r)
		if err != nil || req.Scheme != LegacyQuery || req.Scope.Service != "s3" {
			t.Errorf("%s: %+v, error %v", name, req, err)
			continue
		}
		id, _, err := docVerifier(t).VerifyHead(req)
		if tt.good {
			if err != nil || id.Tenant.Name != "docs" {
				t.Errorf("%s: %v, error %v", name, id, err)
			}
			continue
		}
		if reason, ok := reasonOf(err); !ok || reason != tt.reason {
			t.Errorf("%s: error %v, want reason %d", name, err, tt.reason)
		}
	}
}

// The example of AWS's documentation, and what version 1.45 of the AWS CLI
// made of the key y.
func TestLegacySignature(t *testing.T) {
	for _, tt := range []struct{ secret, text, want string }{
		{docSecret, "GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg", "NpgCjnDzrM+WFzoENXmpNDUsSn8="},
		{"y", "GET\n\n\n1795383366\n/bucket1/dir/a.txt", "xnoR/K/B0dhvS/HOLHOhqCc5g24="},
	} {
		if got := signLegacy(tt.secret, tt.text); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
		}
	}
}

// Bedrock takes no signature of version 2, whatever it says of itself.
func TestLegacyIsForS3(t *testing.T) {
	v := docVerifier(t)
	v.Services = []string{"bedrock"}
	at := time.Date(2013, 5, 24, 1, 0, 0, 0, time.UTC).Unix()
	r := legacyURL("/model/m/converse", "", "127.0.0.1", "GET\n\n\n"+strconv.FormatInt(at, 10)+"\n/model/m/converse", at)
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(req, nil); err == nil {
		t.Error("Verify let it in")
	}
	if _, _, err := v.VerifyHead(req); err == nil {
		t.Error("VerifyHead let it in")
	}
}
