package sigv4

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func FuzzStamp(f *testing.F) {
	for _, s := range []string{"20260101T000000Z", "20240229T235959Z", "20250229T235959Z", "20260101T000060Z", "2026010aT000000Z", "20261301T000000Z", "20260100T000000Z", "00000101T000000Z", "20260101T00000.Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(timeFormat, s)
		got, ok := parseStamp(s)
		if ok != (err == nil && len(s) == len(timeFormat)) || ok && !got.Equal(want) {
			t.Errorf("parseStamp(%q) = %v, %v; package time: %v, %v", s, got, ok, want, err)
		}
	})
}

// TestClaimedScope holds the short way to the long one, for what that accepts.
func TestClaimedScope(t *testing.T) {
	const rest = ", SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000"
	const query = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Feu-west-1%2Fbedrock%2Faws4_request" +
		"&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000"
	for _, tt := range []struct{ name, auth, query, region string }{
		{"signed", "AWS4-HMAC-SHA256 Credential=AK/20260101/us-west-2/bedrock/aws4_request" + rest, "", "us-west-2"},
		{"presigned", "", query, "eu-west-1"},
		{"short credential", "AWS4-HMAC-SHA256 Credential=AK/20260101/us-west-2/bedrock" + rest, "", ""},
		{"bearer", "Bearer Credential=AK/20260101/us-west-2/bedrock/aws4_request", "", ""},
		{"nothing", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/model/m/converse"+tt.query, http.NoBody)
			r.Header.Set("X-Amz-Date", "20260101T000000Z")
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			got := ClaimedScope(r)
			if got.Region != tt.region {
				t.Errorf("the region is %q, want %q", got.Region, tt.region)
			}
			if req, err := Parse(r); err == nil && req.Scope != got {
				t.Errorf("the scope is %v, Parse says %v", got, req.Scope)
			}
		})
	}
}
