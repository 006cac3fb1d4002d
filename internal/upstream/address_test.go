package upstream

import (
	"net/url"
	"strings"
	"testing"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"localhost": true, "LocalHost.": true, "bucket.localhost": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "example.com": false, "localhost.example.com": false, "notlocalhost": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

// FuzzWriteLabel: a label is one segment, and reads as what it was.
func FuzzWriteLabel(f *testing.F) {
	f.Add("anthropic.claude-3:0")
	f.Add("arn:aws:bedrock:us-east-1::foundation-model/m")
	f.Add("é/%2F?#")
	f.Fuzz(func(t *testing.T, label string) {
		var b strings.Builder
		WriteLabel(&b, label)
		back, err := url.PathUnescape(b.String())
		if err != nil || back != label || strings.ContainsAny(b.String(), "/?#:") {
			t.Errorf("%q becomes %q, which reads as %q, %v", label, b.String(), back, err)
		}
	})
}
