package console

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// ask is one request to a handler, with headers as pairs.
func ask(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func handlerOf(t *testing.T, c Config) http.Handler {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// assets are the paths of everything that the page loads, the modules of its
// modules too.
func assets(t *testing.T, h http.Handler) []string {
	t.Helper()
	page := text(t, ask(t, h, "GET", Page).Body)
	var list []string
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			list = append(list, path)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]*)"`).FindAllStringSubmatch(page, -1) {
		add(m[1])
	}
	imports := regexp.MustCompile(`from "\./([^"]*)"`)
	for i := 0; i < len(list); i++ {
		for _, m := range imports.FindAllStringSubmatch(text(t, ask(t, h, "GET", list[i]).Body), -1) {
			add(list[i][:strings.LastIndexByte(list[i], '/')+1] + m[1])
		}
	}
	return list
}

// TestHeaders: every reply keeps the page to its own server, and browsers to what
// was sent.
func TestHeaders(t *testing.T) {
	h := handlerOf(t, Config{})
	paths := append(assets(t, h), Page, Assets+"nothing")
	if len(paths) < 10 {
		t.Fatalf("the page loads %q", paths)
	}
	for _, path := range paths {
		header := ask(t, h, "GET", path).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
	}
}

// TestNothingInline: what the policy would refuse is not there, nor what would be
// loaded from elsewhere, nor a way from text to markup.
func TestNothingInline(t *testing.T) {
	h := handlerOf(t, Config{})
	for _, path := range append(assets(t, h), Page) {
		reply := ask(t, h, "GET", path)
		if reply.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, reply.Status)
		}
		body := text(t, reply.Body)
		for _, bad := range []string{" style=", " onclick=", " onload=", "<script>", "<style", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "src=\"http", " url(", ":url(", "@import", "import("} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		if strings.Contains(body, "{{") {
			t.Errorf("%s has a blank that nobody filled in", path)
		}
	}
}

// TestKinds: browsers take a script only under its type, with nosniff.
func TestKinds(t *testing.T) {
	h := handlerOf(t, Config{})
	for _, path := range append(assets(t, h), Page) {
		want := "text/html; charset=utf-8"
		switch {
		case strings.HasSuffix(path, ".js"):
			want = "text/javascript; charset=utf-8"
		case strings.HasSuffix(path, ".css"):
			want = "text/css; charset=utf-8"
		case strings.HasSuffix(path, ".svg"):
			want = "image/svg+xml"
		}
		if got := ask(t, h, "GET", path).Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestCaching: the page is asked for each time and not sent twice; what it loads is
// kept, under a name that changes with it.
func TestCaching(t *testing.T) {
	h := handlerOf(t, Config{})
	for _, path := range append(assets(t, h), Page) {
		want := "public, max-age=31536000, immutable"
		if path == Page {
			want = "no-cache"
		}
		for _, encoding := range []string{"identity", "gzip, br"} {
			reply := ask(t, h, "GET", path, "Accept-Encoding", encoding)
			tag := reply.Header.Get("ETag")
			if got := reply.Header.Get("Cache-Control"); got != want || reply.Header.Get("Vary") != "Accept-Encoding" || len(tag) < 10 {
				t.Errorf("%s: %v", path, reply.Header)
			}
			again := ask(t, h, "GET", path, "Accept-Encoding", encoding, "If-None-Match", `"other", W/`+tag)
			if body := text(t, again.Body); again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != tag || again.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s with its tag: %s %q", path, again.Status, body)
			}
			if other := ask(t, h, "GET", path, "Accept-Encoding", encoding, "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
				t.Errorf("%s with another tag: %s", path, other.Status)
			}
		}
	}
	other := handlerOf(t, Config{Simulators: []string{"test"}})
	if a, b := ask(t, h, "GET", Page).Header.Get("ETag"), ask(t, other, "GET", Page).Header.Get("ETag"); a == b {
		t.Errorf("two pages have the tag %s", a)
	}
}

// TestGzip: the same bytes for who takes gzip and who does not.
func TestGzip(t *testing.T) {
	h := handlerOf(t, Config{})
	for _, path := range append(assets(t, h), Page) {
		plain := ask(t, h, "GET", path)
		if plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is encoded for who did not ask", path)
		}
		zipped := ask(t, h, "GET", path, "Accept-Encoding", "br, gzip")
		unzip, err := gzip.NewReader(zipped.Body)
		if err != nil || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %v %v", path, err, zipped.Header)
		}
		if a, b := text(t, plain.Body), text(t, unzip); a != b {
			t.Errorf("%s differs: %d and %d bytes", path, len(a), len(b))
		}
	}
}

// TestMethods: HEAD says what GET would send; nothing else is taken.
func TestMethods(t *testing.T) {
	h := handlerOf(t, Config{})
	for _, path := range append(assets(t, h), Page) {
		get, head := ask(t, h, "GET", path), ask(t, h, "HEAD", path)
		if body := text(t, head.Body); body != "" || head.StatusCode != http.StatusOK || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %s %d bytes", path, head.Status, len(body))
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
			if reply := ask(t, h, method, path); reply.StatusCode != http.StatusMethodNotAllowed || reply.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %s", method, path, reply.Status)
			}
		}
	}
	for _, path := range []string{Assets, Assets + "../console.go", Assets + "0000000000000000/app.js", "/index.html"} {
		if reply := ask(t, h, "GET", path); reply.StatusCode != http.StatusNotFound || reply.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", path, reply.Status, reply.Header)
		}
	}
}

// TestKeys: the page knows whether to ask for a key.
func TestKeys(t *testing.T) {
	for _, keys := range []bool{true, false} {
		want := fmt.Sprintf(`<meta name="outcrop-keys" content="%v">`, keys)
		if page := text(t, ask(t, handlerOf(t, Config{Keys: keys}), "GET", Page).Body); !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// TestSimulators: names are told as they are, whatever is in them.
func TestSimulators(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, `content="[]"`},
		{[]string{"a", `b"><script>`}, `content="[&#34;a&#34;,&#34;b\&#34;\u003e\u003cscript\u003e&#34;]"`},
		{[]string{"{{assets}}"}, `content="[&#34;{{assets}}&#34;]"`},
	} {
		if page := text(t, ask(t, handlerOf(t, Config{Simulators: tt.names}), "GET", Page).Body); !strings.Contains(page, tt.want) {
			t.Errorf("%q: the page lacks %s", tt.names, tt.want)
		}
	}
}
