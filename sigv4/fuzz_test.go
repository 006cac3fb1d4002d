package sigv4

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzParse feeds claims of any form to Parse and to Verify: neither panics,
// errors have a code and do not show the Authorization header, and nobody is
// let in, since nobody guesses a signature.
func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "20150830T123600Z", "/", "a=b")
	f.Add("Bearer token", "", "/model/m/converse", "")
	f.Add("", "", "/b/k%2F", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
	v := exampleVerifier(vectorTime)
	f.Fuzz(func(t *testing.T, auth, date, path, query string) {
		r := &http.Request{
			Method: "POST", RequestURI: "/" + path + "?" + query, URL: &url.URL{}, Host: "127.0.0.1:8777",
			Header: http.Header{"Authorization": {auth}, "X-Amz-Date": {date}},
		}
		if auth == "" {
			r.Header.Del("Authorization")
		}
		req, err := Parse(r)
		if (req == nil) != (err != nil) {
			t.Fatalf("request %v with error %v", req, err)
		}
		if err == nil {
			_, err = v.Verify(req, nil)
		}
		var e *Error
		if !errors.As(err, &e) || e.Code == "" || e.Message == "" {
			t.Fatalf("let in, or an odd error: %v", err)
		}
		if len(e.Message) > 1024 || len(auth) > 100 && strings.Contains(e.Message, auth) {
			t.Fatalf("the error shows too much: %s", e.Message)
		}
	})
}

// FuzzCanonical builds canonical paths and queries of anything: encoding is
// complete, and encoding once is the same the second time.
func FuzzCanonical(f *testing.F) {
	f.Add("/model/a%3Ab/../converse", "b=2&a=%zz&a=+&&=x")
	f.Add("//..//", "X-Amz-Signature=1&%")
	f.Fuzz(func(t *testing.T, path, query string) {
		const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/"
		for name, got := range map[string]string{"path": string(appendPath(nil, path)), "S3 path": string(appendS3Path(nil, path))} {
			if strings.Trim(got, allowed) != "" || len(got) > 3*len(path)+1 || got == "" {
				t.Fatalf("%s of %q is %q", name, path, got)
			}
		}
		if once := appendS3Path(nil, path); string(appendS3Path(nil, string(once))) != string(once) {
			t.Fatalf("S3 path of %q is %q, then another", path, once)
		}
		once := string(appendQuery(nil, query, false))
		if strings.Trim(once, allowed+"=&") != "" {
			t.Fatalf("query of %q is %q", query, once)
		}
		if twice := string(appendQuery(nil, once, false)); twice != once {
			t.Fatalf("query of %q is %q, then %q", query, once, twice)
		}
	})
}

// FuzzKeysFile reads any text as a keys file.
func FuzzKeysFile(f *testing.F) {
	f.Add([]byte(keysText))
	f.Add([]byte("tenants: [{name: dev, accessKeys: [{id: A, secret: b}], bearerTokens: [x]}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		keys, err := ParseKeys("keys.yaml", data)
		if (keys == nil) != (err != nil) {
			t.Fatalf("keys %v with error %v", keys, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "keys.yaml:") {
			t.Fatalf("the error names no file: %v", err)
		}
		if err == nil && len(keys.Tenants()) == 0 {
			t.Fatal("no tenants and no error")
		}
	})
}
