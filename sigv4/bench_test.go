package sigv4

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// BenchmarkVerify parses and verifies a Converse request of 260 bytes as the
// SDK signs it; with AWS's signer, which does the same work the other way
// round and caches keys as well, for comparison.
func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"` + strings.Repeat("word ", 41) + `!"}]}]}`)
	if len(body) != 260 {
		b.Fatalf("the body has %d bytes", len(body))
	}
	creds := aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}
	newRequest := func() *http.Request {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:8777/model/amazon.nova-lite-v1%3A0/converse", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	signer := v4.NewSigner()
	sign := func(r *http.Request) {
		if err := signer.SignHTTP(context.Background(), creds, r, bodyHash(body), "bedrock", "us-east-1", signedAt); err != nil {
			b.Fatal(err)
		}
	}
	signed := newRequest()
	sign(signed)
	r := receive(b, signed)

	verify := func(b *testing.B, v *Verifier) {
		req, err := Parse(r)
		if err == nil {
			_, err = v.Verify(req, body)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("cached key", func(b *testing.B) {
		b.ReportAllocs()
		v := exampleVerifier(signedAt)
		for b.Loop() {
			verify(b, v)
		}
	})
	b.Run("new key", func(b *testing.B) {
		b.ReportAllocs()
		v := exampleVerifier(signedAt)
		for b.Loop() {
			clear(v.cache.entries)
			verify(b, v)
		}
	})
	b.Run("body hash alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bodyHash(body)
		}
	})
	b.Run("AWS signs it", func(b *testing.B) {
		b.ReportAllocs()
		r := newRequest()
		for b.Loop() {
			sign(r)
		}
	})
}
