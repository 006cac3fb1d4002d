package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

// sent is a request as a client of AWS's SDK for Go signs and sends it.
type sent struct {
	method, path, query string // path and query as they go over the wire
	header              http.Header
	body                []byte
	service             string
	presign             bool
	declare             bool // send x-amz-content-sha256
	unsigned            bool // s3: declare UNSIGNED-PAYLOAD
}

func genSent() *rapid.Generator[sent] {
	return rapid.Custom(func(t *rapid.T) sent {
		s := sent{
			method:   rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method"),
			header:   http.Header{},
			body:     rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body"),
			service:  rapid.SampledFrom([]string{"bedrock", "s3"}).Draw(t, "service"),
			presign:  rapid.Bool().Draw(t, "presign"),
			declare:  rapid.Bool().Draw(t, "declare"),
			unsigned: rapid.Bool().Draw(t, "unsigned"),
		}
		// The SDK leaves dot segments as they are, where AWS wants them gone.
		segment := rapid.StringMatching(`[a-zA-Z0-9:_~%@ é+=&;,-]{1,12}`)
		for _, p := range rapid.SliceOfN(segment, 0, 4).Draw(t, "path") {
			s.path += "/" + string(appendEscaped(p))
		}
		if s.path == "" {
			s.path = "/"
		}
		q := url.Values{}
		for _, p := range rapid.SliceOfN(rapid.StringN(1, 8, -1), 0, 4).Draw(t, "query") {
			q.Add(p, p+"+/ =")
			q.Add(p[:1]+"-", "")
		}
		s.query = q.Encode()
		for _, v := range rapid.SliceOfN(rapid.StringMatching(`[a-z ,;=]{0,12}`), 0, 3).Draw(t, "values") {
			s.header.Add("X-Custom", v)
		}
		if rapid.Bool().Draw(t, "content type") {
			s.header.Set("Content-Type", "application/json;  charset=utf-8 ")
		}
		return s
	})
}

func appendEscaped(segment string) (dst []byte) {
	for i := range len(segment) {
		dst = appendByte(dst, segment[i])
	}
	return dst
}

// sign signs with AWS's signer, writes the request, and reads it as net/http's
// server does.
func (s sent) sign(t interface{ Fatal(...any) }, id, secret string, at time.Time) *http.Request {
	r, err := http.NewRequest(s.method, "http://127.0.0.1:8777"+s.path+"?"+s.query, bytes.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = s.header.Clone()
	hash := bodyHash(s.body)
	if s.service == serviceS3 && (s.presign || s.unsigned) {
		hash = unsignedPayload
	}
	if s.declare || hash == unsignedPayload && !s.presign {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	creds := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: "session/token+="}
	options := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == serviceS3 }
	if s.presign {
		q := r.URL.Query()
		q.Set("X-Amz-Expires", strconv.Itoa(900))
		r.URL.RawQuery = q.Encode()
		uri, header, err := v4.NewSigner(options).PresignHTTP(context.Background(), creds, r, hash, s.service, "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = http.NewRequest(s.method, uri, bytes.NewReader(s.body)); err != nil {
			t.Fatal(err)
		}
		r.Header = header
		r.Header.Del("Host")
	} else if err := v4.NewSigner(options).SignHTTP(context.Background(), creds, r, hash, s.service, "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	return receive(t, r)
}

func receive(t interface{ Fatal(...any) }, r *http.Request) *http.Request {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestVerifiesWhatTheSDKSigns: what AWS's signer signs is verified, and not
// when any signed part of it has changed.
func TestVerifiesWhatTheSDKSigns(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	v := exampleVerifier(at.Add(time.Minute))
	rapid.Check(t, func(t *rapid.T) {
		s := genSent().Draw(t, "request")
		r := s.sign(t, exampleID, exampleSecret, at)
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, s.body) {
			t.Fatal("the body was not sent", err)
		}
		req, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		want := Scope{"20260304", "us-east-1", s.service}
		if req.AccessKeyID != exampleID || req.Scope != want || !req.Time.Equal(at) || req.SecurityToken != "session/token+=" {
			t.Fatalf("parsed %+v", req)
		}
		if id, err := v.Verify(req, body); err != nil || id.Tenant.Name != "dev" {
			t.Fatalf("%v\n%s %s\n%v", err, r.Method, r.RequestURI, r.Header)
		}

		change := mutate(t, r, s, &body)
		req, err = Parse(r)
		if err == nil {
			_, err = v.Verify(req, body)
		}
		var e *Error
		if !errors.As(err, &e) || e.Status != http.StatusForbidden {
			t.Fatalf("%s: %v\n%s %s", change, err, r.Method, r.RequestURI)
		}
		if text := err.Error(); strings.Contains(text, exampleSecret) || strings.Contains(text, "session/token") {
			t.Fatalf("the error tells too much: %s", text)
		}
	})
}

// mutate changes one signed part of a received request and says which.
func mutate(t *rapid.T, r *http.Request, s sent, body *[]byte) string {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	changes := map[string]func(){
		"method":        func() { r.Method = "PATCH" },
		"path":          func() { r.RequestURI = path + "x?" + query },
		"slash":         func() { r.RequestURI = strings.TrimSuffix(path, "/") + "/x/?" + query },
		"query":         func() { r.RequestURI += "&x=y" },
		"query at head": func() { r.RequestURI = path + "?a=&" + query },
		"host":          func() { r.Host = "127.0.0.1:8778" },
		"signature":     func() { replaceAll(r, "Signature=", "Signature=0000") },
		"region":        func() { replaceAll(r, "us-east-1", "us-west-2") },
		"key":           func() { replaceAll(r, exampleID, exampleID+"2") },
		"signed list":   func() { replaceAll(r, "SignedHeaders=", "SignedHeaders=a-new;") },
	}
	if s.service != serviceS3 || (!s.presign && !s.unsigned) {
		changes["body"] = func() { *body = append(*body, ' ') }
	}
	if s.header.Get("Content-Type") != "" {
		changes["header"] = func() { r.Header.Set("Content-Type", "text/plain") }
		changes["header gone"] = func() { r.Header.Del("Content-Type") }
		changes["header twice"] = func() { r.Header.Add("Content-Type", "text/plain") }
	}
	if s.service == serviceS3 {
		changes["new amz header"] = func() { r.Header.Set("X-Amz-Copy-Source", "/other/key") }
	}
	if !s.presign {
		changes["date"] = func() { r.Header.Set("X-Amz-Date", "20260304T050608Z") }
		changes["security token"] = func() { r.Header.Set("X-Amz-Security-Token", "other") }
	} else {
		changes["expires"] = func() { replaceAll(r, "X-Amz-Expires=900", "X-Amz-Expires=901") }
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(changes))).Draw(t, "change")
	changes[name]()
	return name
}

func replaceAll(r *http.Request, old, with string) {
	r.RequestURI = strings.ReplaceAll(r.RequestURI, old, with)
	if a := r.Header.Get("Authorization"); a != "" {
		r.Header.Set("Authorization", strings.ReplaceAll(a, old, with))
	}
}
