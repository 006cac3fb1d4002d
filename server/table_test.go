package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

func operationTable(t testing.TB, mounts ...Mount) *table {
	t.Helper()
	s := &Server{config: Config{Mounts: mounts}}
	table, err := newTable(s.doors())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestOperations: every operation is found under its own path, with the values
// of its labels, however the client escaped them.
func TestOperations(t *testing.T) {
	table := operationTable(t)
	values := map[string]string{ // escaped: meant
		"amazon.nova-lite-v1:0":   "amazon.nova-lite-v1:0",
		"amazon.nova-lite-v1%3A0": "amazon.nova-lite-v1:0",
		"amazon.nova-lite-v1%3a0": "amazon.nova-lite-v1:0",
		"arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.a.b-v1%3A0": "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.a.b-v1:0",
		"arn:aws:bedrock:us-east-1:123456789012:model-invocation-job%2Fabcdef123456":         "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abcdef123456",
		"openai%2Fgpt-oss":  "openai/gpt-oss",
		"..":                "..",
		"%2e%2e%2fconverse": "../converse",
		"a%2525b":           "a%25b",
		"converse":          "converse",
	}
	for _, op := range bedrock.Operations {
		for escaped, meant := range values {
			path := op.Path
			for i := strings.IndexByte(path, '{'); i >= 0; i = strings.IndexByte(path, '{') {
				path = path[:i] + escaped + path[i+strings.IndexByte(path[i:], '}')+1:]
			}
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			var got labels
			r, err := table.find(op.Method, u.EscapedPath(), &got)
			if err != nil || r.name != op.Name {
				t.Errorf("%s %s is %v, %v", op.Method, path, r, err)
				continue
			}
			for i := range strings.Count(op.Path, "{") {
				if got[i] != meant {
					t.Errorf("%s %s: label %q, want %q", op.Method, path, got[i], meant)
				}
			}
		}
	}
}

// TestServed: what the operation table calls served has a handler, and nothing
// else has.
func TestServed(t *testing.T) {
	for _, op := range bedrock.Operations {
		if _, ok := operations[op.Name]; ok != op.Served {
			t.Errorf("%s: served %v, with a handler %v", op.Name, op.Served, ok)
		}
	}
}

// TestMountPaths: whole paths, subtrees, the longest first; clashes and holes
// are refused.
func TestMountPaths(t *testing.T) {
	h := http.NotFoundHandler()
	table := operationTable(t,
		Mount{Name: "console", Path: "/", Methods: reads, Handler: h},
		Mount{Name: "ui", Path: "/ui/*", Methods: reads, Handler: h},
		Mount{Name: "assets", Path: "/ui/assets/*", Handler: h},
		Mount{Name: "talk", Path: "/talks/{id}", Methods: []string{"GET", "DELETE"}, Handler: h},
		Mount{Name: "s3", Service: "s3", Handler: h},
	)
	for request, want := range map[string]string{
		"GET /":               "console",
		"GET /ui":             "ui",
		"HEAD /ui/a/b":        "ui",
		"POST /ui/a":          "",
		"PUT /ui/assets/x.js": "assets",
		"GET /uix":            "",
		"GET /talks/c1":       "talk",
		"DELETE /talks/c1":    "talk",
		"POST /talks/c1":      "",
		"GET /healthz":        "healthz",
	} {
		method, path, _ := strings.Cut(request, " ")
		r, err := table.find(method, path, new(labels))
		if (want == "") != (err != nil) || err == nil && r.name != want {
			t.Errorf("%s: %v, %v; want %q", request, r, err, want)
		}
	}
	if table.services["s3"].name != "s3" {
		t.Error("the service s3 has no route")
	}
	for name, m := range map[string]Mount{
		"no handler":        {Path: "/x"},
		"no path":           {Handler: h},
		"a relative path":   {Path: "x", Handler: h},
		"an empty segment":  {Path: "/x//y", Handler: h},
		"a path that is in": {Path: "/healthz", Handler: h},
		"the same labels":   {Path: "/model/{other}/converse", Methods: []string{"POST"}, Handler: h},
	} {
		s := &Server{config: Config{Mounts: []Mount{m}}}
		if _, err := newTable(s.doors()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// FuzzRouter: whatever the path, the router answers with a route that the path
// fits or with an error of a known code, and its labels are clean.
func FuzzRouter(f *testing.F) {
	for _, path := range []string{
		"/model/a/converse", "/model/a%3A0/converse-stream", "/model/arn%3Aaws%2Fx/invoke", "/", "//", "/model//converse",
		"/model/%zz/converse", "/model/%00/converse", "/model/a/converse?x=y", "/model/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
		"/foundation-models", "/ui/x", "*", "", "/model/\xff/invoke", "/model/a/converse/", "/healthz",
	} {
		f.Add("POST", path)
		f.Add("GET", path)
	}
	table := operationTable(f, Mount{Name: "ui", Path: "/ui/*", Handler: http.NotFoundHandler()})
	f.Fuzz(func(t *testing.T, method, path string) {
		escaped := path
		if u, err := url.ParseRequestURI(path); err == nil {
			escaped = u.EscapedPath()
		}
		var got labels
		r, err := table.find(method, escaped, &got)
		if err != nil {
			e := outcrop.AsError(err)
			if e.Code != bedrock.CodeUnknownOperation && e.Code != bedrock.CodeValidation {
				t.Fatalf("%s %q: %v", method, path, err)
			}
			return
		}
		if !r.allows(method) {
			t.Fatalf("%s %q became %s", method, path, r.name)
		}
		parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
		if !r.subtree && len(parts) != len(r.segments) {
			t.Fatalf("%q has %d segments and became %s", path, len(parts), r.path)
		}
		for _, value := range got {
			if len(value) > maxLabel || strings.ContainsFunc(value, notInIdentifier) {
				t.Fatalf("%q gave the label %q", path, value)
			}
		}
		n := 0
		for i, segment := range r.segments {
			if isLabel(segment) {
				if value, err := url.PathUnescape(parts[i]); err != nil || value != got[n] {
					t.Fatalf("%q: label %q, the segment means %q", path, got[n], value)
				}
				n++
			} else if segment != parts[i] {
				t.Fatalf("%q became %s", path, r.path)
			}
		}
	})
}

// TestFindAllocates: finding a route costs no memory but an unescaped label.
func TestFindAllocates(t *testing.T) {
	table := operationTable(t)
	var got labels
	if n := testing.AllocsPerRun(100, func() {
		if _, err := table.find("POST", "/model/amazon.nova-lite-v1:0/converse", &got); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
