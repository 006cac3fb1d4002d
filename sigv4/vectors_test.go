package sigv4

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	exampleID     = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// vectorTime is when the requests of the test suite were signed.
var vectorTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func exampleVerifier(now time.Time) *Verifier {
	keys := &Keyring{}
	tenant, err := keys.AddTenant(Tenant{Name: "dev"})
	if err == nil {
		err = keys.AddKey(tenant, exampleID, exampleSecret)
	}
	if err != nil {
		panic(err)
	}
	return &Verifier{Keys: keys, Tokens: keys, Now: func() time.Time { return now }}
}

// TestAWSVectors verifies each signed request of AWS's test suite, and
// compares the canonical request on the way.
func TestAWSVectors(t *testing.T) {
	count := 0
	err := filepath.WalkDir("testdata/aws4_testsuite", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sreq" {
			return err
		}
		count++
		base := strings.TrimSuffix(path, ".sreq")
		t.Run(filepath.Base(base), func(t *testing.T) {
			r, body := readVector(t, path)
			// The session token case has a wrong signature in .sreq only.
			r.Header.Set("Authorization", readText(t, base+".authz"))
			req, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			canonical, cerr := req.appendCanonical(nil, r.Host, bodyHash(body))
			if want := readText(t, base+".creq"); cerr != nil || string(canonical) != want {
				t.Errorf("canonical request (%v)\n got %q\nwant %q", cerr, canonical, want)
			}
			sum := sha256.Sum256(canonical)
			if want := readText(t, base+".sts"); !strings.HasSuffix(want, hex.EncodeToString(sum[:])) {
				t.Errorf("hash %x is not in %q", sum, want)
			}
			id, err := exampleVerifier(vectorTime).Verify(req, body)
			if err != nil || id.AccessKeyID != exampleID || id.Tenant.Name != "dev" {
				t.Errorf("Verify: %+v, %v", id, err)
			}
			var e *Error
			_, err = exampleVerifier(vectorTime).Verify(req, append(body, '!'))
			if !errors.As(err, &e) || e.Reason != Mismatch {
				t.Errorf("another body: %v", err)
			}
		})
		return nil
	})
	if err != nil || count < 26 {
		t.Fatalf("%d vectors, want 26 or more: %v", count, err)
	}
}

// readVector reads a request that may break HTTP's rules, as some vectors do
// on purpose: raw UTF-8 and spaces in the target, no line break at the end.
func readVector(t *testing.T, path string) (*http.Request, []byte) {
	t.Helper()
	head, body, _ := strings.Cut(readText(t, path), "\n\n")
	line, fields, _ := strings.Cut(head, "\n")
	method, rest, _ := strings.Cut(line, " ")
	uri := strings.TrimSuffix(rest, " HTTP/1.1")
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(fields + "\n\n"))).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{
		Method: method, RequestURI: uri, URL: &url.URL{}, Header: http.Header(header),
		Host: header.Get("Host"), ContentLength: int64(len(body)),
	}
	r.Header.Del("Host") // as net/http does
	return r, []byte(body)
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}
