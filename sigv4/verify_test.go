package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var signedAt = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// converse is a request as the server gets it, signed by the package's own
// sign over the headers named; what they are is written out here.
func converse(t testing.TB, target, canonicalPath, signed, canonicalHeaders string, body []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	r.Host = "127.0.0.1:8777"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amz-Date", stamp(signedAt))
	canonical := "POST\n" + canonicalPath + "\n\n" + canonicalHeaders + "\n" + signed + "\n" + bodyHash(body)
	req := &Request{Scope: Scope{"20260304", "us-east-1", "bedrock"}, stamp: stamp(signedAt)}
	sum := req.sign(deriveKey(exampleSecret, req.Scope), sha256.Sum256([]byte(canonical)))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260304/us-east-1/bedrock/aws4_request, SignedHeaders=%s, Signature=%x", exampleID, signed, sum))
	return r
}

// TestRequestsOfRealClients: what differs among AWS's clients is accepted.
func TestRequestsOfRealClients(t *testing.T) {
	const (
		encoded   = "/model/amazon.nova-lite-v1%3A0/converse"
		raw       = "/model/amazon.nova-lite-v1:0/converse"
		canonical = "/model/amazon.nova-lite-v1%253A0/converse"
		ctype     = "content-type:application/json\n"
		date      = "x-amz-date:20260304T050607Z\n"
	)
	for _, tt := range []struct {
		name, target, path, signed, headers string
		change                              func(*http.Request)
	}{
		{
			"botocore", encoded, canonical, "content-type;host;x-amz-date",
			ctype + "host:127.0.0.1:8777\n" + date, nil,
		},
		{
			"JavaScript over h2c", encoded, canonical, ":authority;content-length;content-type;x-amz-date",
			":authority:127.0.0.1:8777\ncontent-length:2\n" + ctype + date, nil,
		},
		{
			"a raw colon in the path", raw, "/model/amazon.nova-lite-v1%3A0/converse", "host;x-amz-date",
			"host:127.0.0.1:8777\n" + date, nil,
		},
		{
			"an ARN as one segment", "/model/arn%3Aaws%3Abedrock%3A%3A1%3Ax%2Fy/invoke", "/model/arn%253Aaws%253Abedrock%253A%253A1%253Ax%252Fy/invoke",
			"host;x-amz-date", "host:127.0.0.1:8777\n" + date, nil,
		},
		{
			"the path rewritten by a handler", encoded, canonical, "host;x-amz-date",
			"host:127.0.0.1:8777\n" + date, func(r *http.Request) { r.URL.Path = "/converse" },
		},
		{
			"default port sent, not signed", encoded, canonical, "host;x-amz-date",
			"host:example.com\n" + date, func(r *http.Request) { r.Host = "example.com:80" },
		},
		{
			"default port signed, not sent", encoded, canonical, "host;x-amz-date",
			"host:example.com:443\n" + date, func(r *http.Request) { r.Host, r.TLS = "example.com", &tls.ConnectionState{} },
		},
		{
			"default port of IPv6", encoded, canonical, "host;x-amz-date",
			"host:[::1]:80\n" + date, func(r *http.Request) { r.Host = "[::1]" },
		},
		{
			"transfer encoding", encoded, canonical, "host;transfer-encoding;x-amz-date",
			"host:127.0.0.1:8777\ntransfer-encoding:chunked\n" + date, func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
		},
		{
			"Date instead of X-Amz-Date", encoded, canonical, "date;host",
			"date:Wed, 04 Mar 2026 05:06:07 GMT\nhost:127.0.0.1:8777\n", func(r *http.Request) {
				r.Header.Del("X-Amz-Date")
				r.Header.Set("Date", "Wed, 04 Mar 2026 05:06:07 GMT")
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := converse(t, tt.target, tt.path, tt.signed, tt.headers, []byte("{}"))
			if tt.change != nil {
				tt.change(r)
			}
			req, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := exampleVerifier(signedAt).Verify(req, []byte("{}")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestErrors: each case has AWS's code and words.
func TestErrors(t *testing.T) {
	auth := func(r *http.Request, old, with string) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
	for _, tt := range []struct {
		name   string
		reason Reason
		code   string
		says   string
		change func(*http.Request)
	}{
		{"nothing", MissingToken, "MissingAuthenticationTokenException", "Missing Authentication Token", func(r *http.Request) { r.Header.Del("Authorization") }},
		{
			"another scheme", Incomplete, "IncompleteSignatureException",
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
			func(r *http.Request) { r.Header.Set("Authorization", "Basic c2VjcmV0") },
		},
		{"SigV4A", Incomplete, "IncompleteSignatureException", "'AWS4-ECDSA-P256-SHA256'", func(r *http.Request) { auth(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }},
		{"no signature", Incomplete, "IncompleteSignatureException", "requires 'Signature' parameter", func(r *http.Request) { auth(r, "Signature=", "Other=") }},
		{"two credentials", Incomplete, "IncompleteSignatureException", "more than one 'Credential'", func(r *http.Request) { auth(r, "SignedHeaders=", "Credential=x, SignedHeaders=") }},
		{"no equal sign", Incomplete, "IncompleteSignatureException", "missing equal-sign", func(r *http.Request) { auth(r, "Signature=", "Signature ") }},
		{"two headers", Incomplete, "IncompleteSignatureException", "more than one Authorization", func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }},
		{"no date", Incomplete, "IncompleteSignatureException", "'X-Amz-Date' or a 'Date'", func(r *http.Request) { r.Header.Del("X-Amz-Date") }},
		{"odd date", Incomplete, "IncompleteSignatureException", "Got '20260304T050607.5Z'", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260304T050607.5Z") }},
		{"short scope", Incomplete, "IncompleteSignatureException", "exactly 5 slash-delimited", func(r *http.Request) { auth(r, "/us-east-1", "") }},
		{"long scope", Incomplete, "IncompleteSignatureException", "exactly 5 slash-delimited", func(r *http.Request) { auth(r, "/us-east-1", "/us/east-1") }},
		{"empty region", Incomplete, "IncompleteSignatureException", "exactly 5 slash-delimited", func(r *http.Request) { auth(r, "/us-east-1", "/") }},
		{"terminator", BadScope, "InvalidSignatureException", "valid terminator: 'aws4_request', not 'aws5_request'", func(r *http.Request) { auth(r, "aws4_request", "aws5_request") }},
		{"date of the scope", BadScope, "InvalidSignatureException", "'20260305' != '20260304', from '20260304T050607Z'", func(r *http.Request) { auth(r, "20260304", "20260305") }},
		{"service", BadScope, "InvalidSignatureException", "Credential should be scoped to correct service: 'bedrock', 's3'", func(r *http.Request) { auth(r, "/bedrock/", "/sqs/") }},
		{"region", BadScope, "InvalidSignatureException", "Credential should be scoped to a valid region.", func(r *http.Request) { auth(r, "us-east-1", "mars-1") }},
		{"unsigned host", UnsignedHeader, "InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader'", func(r *http.Request) { auth(r, ";host", "") }},
		{"unsorted", Incomplete, "IncompleteSignatureException", "sorted", func(r *http.Request) { auth(r, "content-type;host", "host;content-type") }},
		{"upper case", Incomplete, "IncompleteSignatureException", "lower case", func(r *http.Request) { auth(r, "content-type", "Content-type") }},
		{"missing header", Incomplete, "IncompleteSignatureException", "'accept' is named as a SignedHeader, but it does not exist", func(r *http.Request) { auth(r, "SignedHeaders=", "SignedHeaders=accept;") }},
		{"unknown key", UnknownKey, "UnrecognizedClientException", "The security token included in the request is invalid.", func(r *http.Request) { auth(r, exampleID, "AKIDOTHER") }},
		{"short signature", Mismatch, "InvalidSignatureException", "The request signature we calculated does not match", func(r *http.Request) { auth(r, "Signature=", "Signature=0") }},
		{"no hex", Mismatch, "InvalidSignatureException", "The request signature we calculated does not match", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-1]+"x")
		}},
		{"another port", Mismatch, "InvalidSignatureException", "The request signature we calculated does not match", func(r *http.Request) { r.Host = "127.0.0.1:80" }},
		{"chunked body", UnsupportedBody, "InvalidSignatureException", "'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") }},
		{"unsigned body outside S3", Mismatch, "InvalidSignatureException", "does not match", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }},
		{"empty bearer token", BadToken, "AccessDeniedException", "Authentication failed", func(r *http.Request) { r.Header.Set("Authorization", "Bearer  ") }},
		{"unknown bearer token", BadToken, "AccessDeniedException", "Authentication failed", func(r *http.Request) { r.Header.Set("Authorization", "Bearer nobody") }},
		{"long header", Incomplete, "IncompleteSignatureException", "longer than 16384", func(r *http.Request) { auth(r, "Signature=", strings.Repeat("a=b,", MaxAuthorization/4)+"Signature=") }},
		{"many headers", Incomplete, "IncompleteSignatureException", "more than 100", func(r *http.Request) {
			many := ""
			for i := range 100 {
				many += fmt.Sprintf("a%03d;", i)
			}
			auth(r, "SignedHeaders=", "SignedHeaders="+many)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := converse(t, "/model/m/converse", "/model/m/converse", "content-type;host;x-amz-date",
				"content-type:application/json\nhost:127.0.0.1:8777\nx-amz-date:20260304T050607Z\n", []byte("{}"))
			tt.change(r)
			v := exampleVerifier(signedAt)
			v.Services, v.Regions = []string{"bedrock", "s3"}, []string{"us-east-1"}
			req, err := Parse(r)
			if err == nil {
				_, err = v.Verify(req, []byte("{}"))
			}
			wantError(t, err, tt.reason, tt.code, tt.says)
		})
	}
}

func wantError(t *testing.T, err error, reason Reason, code, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error", err)
	}
	if e.Reason != reason || e.Code != code || e.Status != http.StatusForbidden || !strings.Contains(e.Message, says) {
		t.Errorf("got %d %v, want %d %s: …%s…", e.Reason, e, reason, code, says)
	}
	if s3, status := e.S3(); s3 == "" || status < 400 {
		t.Errorf("no S3 code for %v", e)
	}
}

func TestClockSkew(t *testing.T) {
	r := converse(t, "/", "/", "host;x-amz-date", "host:127.0.0.1:8777\nx-amz-date:20260304T050607Z\n", nil)
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{-DefaultMaxSkew, 0, DefaultMaxSkew} {
		if _, err := exampleVerifier(signedAt.Add(off)).Verify(req, nil); err != nil {
			t.Errorf("clock off by %v: %v", off, err)
		}
	}
	_, err = exampleVerifier(signedAt.Add(DefaultMaxSkew+time.Second)).Verify(req, nil)
	wantError(t, err, Expired, "InvalidSignatureException",
		"Signature expired: 20260304T050607Z is now earlier than 20260304T050608Z (20260304T051108Z - 5 min.)")
	_, err = exampleVerifier(signedAt.Add(-DefaultMaxSkew-time.Second)).Verify(req, nil)
	wantError(t, err, NotYetCurrent, "InvalidSignatureException",
		"Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z (20260304T050106Z + 5 min.)")
	v := exampleVerifier(signedAt.Add(31 * time.Second))
	v.MaxSkew = 30 * time.Second
	_, err = v.Verify(req, nil)
	wantError(t, err, Expired, "InvalidSignatureException", "- 30 sec.)")
}

// presign makes a presigned URL with AWS's signer and receives its request.
func presign(t *testing.T, service, expires string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8777/bucket/key%2Fa%20b//c", nil)
	r.URL.RawQuery = "X-Amz-Expires=" + expires
	creds := aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}
	uri, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, r, unsignedPayload, service, "us-east-1", signedAt,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	if r, err = http.NewRequest(http.MethodGet, uri, nil); err != nil {
		t.Fatal(err)
	}
	return receive(t, r)
}

func TestPresignedURLs(t *testing.T) {
	req, err := Parse(presign(t, serviceS3, "900"))
	if err != nil {
		t.Fatal(err)
	}
	if req.Scheme != Query || req.Scope.Service != serviceS3 || req.Expires != 15*time.Minute || req.PayloadHash != unsignedPayload {
		t.Errorf("parsed %+v", req)
	}
	if _, err := exampleVerifier(signedAt.Add(15*time.Minute)).Verify(req, nil); err != nil {
		t.Error(err)
	}
	_, err = exampleVerifier(signedAt.Add(15*time.Minute+time.Second)).Verify(req, nil)
	wantError(t, err, Expired, "InvalidSignatureException", "- 15 min.)")
	_, err = exampleVerifier(signedAt.Add(-6*time.Minute)).Verify(req, nil)
	wantError(t, err, NotYetCurrent, "InvalidSignatureException", "is still later than")

	for _, bad := range []string{"0", "-1", "604801", "1e3", "99999999999999999999"} {
		_, err := Parse(presign(t, serviceS3, bad))
		wantError(t, err, Incomplete, "IncompleteSignatureException", "X-Amz-Expires must be a number of seconds from 1 to 604800")
	}
	if _, err := Parse(presign(t, serviceS3, "604800")); err != nil {
		t.Error(err)
	}
	for i, p := range presigned[:6] {
		r := presign(t, serviceS3, "900")
		r.RequestURI = strings.Replace(r.RequestURI, p+"=", "x=", 1)
		_, err := Parse(r)
		wantError(t, err, Incomplete, "IncompleteSignatureException", "must include '"+presigned[i]+"'")
		r = presign(t, serviceS3, "900")
		r.RequestURI += "&" + p + "=1"
		_, err = Parse(r)
		wantError(t, err, Incomplete, "IncompleteSignatureException", "'"+p+"' once")
	}
}

func TestDeclaredBodyHashIsChecked(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "http://127.0.0.1:8777/bucket/key", strings.NewReader("body"))
	r.Header.Set("X-Amz-Content-Sha256", bodyHash([]byte("body")))
	creds := aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}
	err := v4.NewSigner().SignHTTP(context.Background(), creds, r, bodyHash([]byte("body")), serviceS3, "us-east-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := exampleVerifier(signedAt)
	if _, err := v.Verify(req, []byte("body")); err != nil {
		t.Error(err)
	}
	_, err = v.Verify(req, []byte("BODY"))
	wantError(t, err, BodyMismatch, "InvalidSignatureException", "'x-amz-content-sha256' header does not match")
}

func TestBearerTokens(t *testing.T) {
	keys := &Keyring{}
	tenant, err := keys.AddTenant(Tenant{Name: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("hashed-token"))
	for _, token := range []string{"plain-token", "sha256:" + hex.EncodeToString(sum[:])} {
		if err := keys.AddToken(tenant, token); err != nil {
			t.Fatal(err)
		}
	}
	v := &Verifier{Tokens: keys}
	for auth, ok := range map[string]bool{
		"Bearer plain-token": true, "bearer  plain-token ": true, "Bearer hashed-token": true,
		"Bearer plain-toke": false, "Bearer sha256:" + hex.EncodeToString(sum[:]): false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", auth)
		req, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		id, err := v.Verify(req, nil)
		if (err == nil) != ok || ok && (id.Tenant != tenant || id.AccessKeyID != "") {
			t.Errorf("%s: %+v, %v", auth, id, err)
		}
	}
}

func TestZeroVerifierRefusesEverybody(t *testing.T) {
	v := &Verifier{Now: func() time.Time { return signedAt }}
	for want, r := range map[Reason]*http.Request{
		UnknownKey: converse(t, "/", "/", "host;x-amz-date", "host:127.0.0.1:8777\nx-amz-date:20260304T050607Z\n", nil),
		BadToken:   {Header: http.Header{"Authorization": {"Bearer token"}}, RequestURI: "/"},
	} {
		req, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		if _, err := v.Verify(req, nil); !errors.As(err, &e) || e.Reason != want {
			t.Errorf("got %v", err)
		}
	}
}

// TestSigningKeyCache: a cached key is used, forgotten with its secret, and
// the cache stays within its bound.
func TestSigningKeyCache(t *testing.T) {
	r := converse(t, "/", "/", "host;x-amz-date", "host:127.0.0.1:8777\nx-amz-date:20260304T050607Z\n", nil)
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := exampleVerifier(signedAt)
	v.CacheSize = 2
	other := *req
	other.signature[0]++
	if _, err := v.Verify(&other, nil); err == nil || len(v.cache.entries) != 0 {
		t.Errorf("a wrong signature left %d keys in the cache (%v)", len(v.cache.entries), err)
	}
	for range 2 {
		if _, err := v.Verify(req, nil); err != nil || len(v.cache.entries) != 1 {
			t.Errorf("%d keys in the cache, want 1: %v", len(v.cache.entries), err)
		}
	}
	keys := v.Keys.(*Keyring)
	keys.keys[exampleID] = Key{Secret: "changed"}
	_, err = v.Verify(req, nil)
	wantError(t, err, Mismatch, "InvalidSignatureException", "does not match")

	for i := range 10 {
		req.Scope.Region = fmt.Sprint("region-", i)
		v.cache.put(req, exampleSecret, [32]byte{}, v.CacheSize)
		if n := len(v.cache.entries); n > 2 {
			t.Fatalf("%d keys in the cache, the bound is 2", n)
		}
		if _, ok := v.cache.get(req, exampleSecret); !ok {
			t.Fatal("the newest key is not in the cache")
		}
	}
}

func TestKeysDoNotPrintSecrets(t *testing.T) {
	k := Key{Secret: exampleSecret, Tenant: Tenant{Name: "dev"}}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprint(&k)} {
		if strings.Contains(text, exampleSecret) {
			t.Errorf("printed %s", text)
		}
	}
}

// TestConcurrentUse is for the race detector: one Verifier, one Request.
func TestConcurrentUse(t *testing.T) {
	r := converse(t, "/", "/", "host;x-amz-date", "host:127.0.0.1:8777\nx-amz-date:20260304T050607Z\n", nil)
	req, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	v := exampleVerifier(signedAt)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := v.Verify(req, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
