package server

import (
	"net/url"
	"testing"
)

func FuzzEscapedPath(f *testing.F) {
	f.Add("/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse", "")
	f.Add("/model/arn%3aaws%3Abedrock%2Fx/converse", "")
	f.Add("/model/a:0/converse", "/model/b:0/converse")
	f.Add("/%zz%4", "/")
	f.Add("/a%2", "/a%2")
	f.Add("/é%20[", "")
	f.Fuzz(func(t *testing.T, raw, path string) {
		for _, u := range []*url.URL{{RawPath: raw, Path: path}, parsed(raw)} {
			if got, want := escapedPath(u), u.EscapedPath(); got != want {
				t.Errorf("the path of %#v is %q, want %q", u, got, want)
			}
		}
	})
}

// parsed is a URL as net/http makes it of a request line.
func parsed(path string) *url.URL {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return &url.URL{}
	}
	return u
}
