// Package console is the web page of a server: try a model, look at jobs,
// conversations, quotas and usage. It is hand-written HTML, CSS and JavaScript in
// static, embedded as it is: no framework, no build step, and nothing from the
// network. The page asks the server's own API, as any client does, so a tenant
// sees in it what the tenant may see. New makes the handler; the page is at
// [Page], what it loads below [Assets].
//
// The scripts lie under a name made of their contents, so that browsers keep them
// for good and still have the new ones after an upgrade. The page itself is asked
// for each time, and is a few bytes where it is the same.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Where the console is.
const (
	Page   = "/"
	Assets = "/outcrop/console/"
)

//go:embed static
var static embed.FS

// Config is what the page is told beforehand, since no operation tells it.
type Config struct {
	// Simulators are the names of the back-ends that are simulators, for the page
	// to say so beside their answers.
	Simulators []string
	// Keys is whether the server asks for keys, for the page to do so before it
	// is refused.
	Keys bool
}

// New makes the handler of the page and of what it loads. It is safe for
// concurrent use.
func New(c Config) (http.Handler, error) {
	h := &handler{files: map[string]*file{}}
	names, err := fs.Glob(static, "static/*")
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	texts := map[string][]byte{}
	for _, name := range names { // sorted
		text, err := static.ReadFile(name)
		if err != nil {
			return nil, err
		}
		name = path.Base(name)
		texts[name] = text
		sum.Write([]byte(name + "\n"))
		sum.Write(text)
	}
	version := hex.EncodeToString(sum.Sum(nil)[:8])
	for name, text := range texts {
		at, cache := Assets+version+"/"+name, "public, max-age=31536000, immutable"
		if name == "index.html" {
			if text, err = render(text, Assets+version, c); err != nil {
				return nil, err
			}
			at, cache = Page, "no-cache"
		}
		h.files[at] = newFile(name, cache, text)
	}
	return h, nil
}

// render fills in the page's blanks.
func render(page []byte, assets string, c Config) ([]byte, error) {
	names, err := json.Marshal(append([]string{}, c.Simulators...))
	if err != nil {
		return nil, err
	}
	blanks := strings.NewReplacer("{{assets}}", assets, "{{simulators}}", html.EscapeString(string(names)), "{{keys}}", strconv.FormatBool(c.Keys))
	return []byte(blanks.Replace(string(page))), nil
}

// file is what is sent for one path.
type file struct {
	kind, cache string
	plain       []byte
	zipped      func() []byte // made for the first who takes it: most servers are never looked at
	tag         string        // of plain, without quotes
}

func newFile(name, cache string, text []byte) *file {
	sum := sha256.Sum256(text)
	return &file{
		kind: kinds[path.Ext(name)], cache: cache, plain: text, tag: hex.EncodeToString(sum[:8]),
		zipped: sync.OnceValue(func() []byte { return compressed(text) }),
	}
}

// compressed is a text in gzip. Writing to memory does not fail.
func compressed(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return out.Bytes()
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

type handler struct{ files map[string]*file }

// policy lets the page load and ask its own server alone. Scripts have no way to
// turn text into markup, and no other page may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ServeHTTP answers GET and HEAD.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	f := h.files[r.URL.Path]
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "The console takes GET and HEAD.")
	case f == nil:
		refuse(w, http.StatusNotFound, "The console has no such file. Load the page again: the server may have been upgraded since.")
	default:
		f.send(w, r)
	}
}

// refuse says in plain text what was wrong; nobody is to keep it.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, why, status)
}

// send answers with the file, or says that the browser has it.
func (f *file) send(w http.ResponseWriter, r *http.Request) {
	body, tag := f.plain, `"`+f.tag+`"`
	header := w.Header()
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", f.cache)
	if takesGzip(r) {
		body, tag = f.zipped(), `"`+f.tag+`-gzip"`
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", tag)
	if has(r, tag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.kind)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		w.Write(body) //nolint:errcheck // the browser has gone
	}
}

// takesGzip tells whether a client takes a body in gzip. One that names it with a
// weight gets the plain one, which suits everybody.
func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		if strings.TrimSpace(one) == "gzip" {
			return true
		}
	}
	return false
}

// has tells whether the client holds what the tag stands for.
func has(r *http.Request, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header["If-None-Match"], ","), ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}
