package clients_test

import "testing"

// sdk is a client of which every operation is tested.
type sdk struct {
	name    string
	handler string // the SDK's class that carries its requests
	start   func(*testing.T, env) *program
}

var sdks = []sdk{
	{"js-h2c", "NodeHttp2Handler", func(t *testing.T, e env) *program { return node(t, "aws.mjs", e) }},
	{"js-http1", "NodeHttpHandler", func(t *testing.T, e env) *program { return node(t, "aws.mjs", e.with("CLIENT_TRANSPORT", "h1")) }},
	{"boto3", "", func(t *testing.T, e env) *program { return boto3(t, e) }},
}

// TestSDKs has each SDK do everything: with the program, which verifies each
// signature, and with a server whose model fails as it is told.
func TestSDKs(t *testing.T) {
	t.Parallel()
	need(t, "")
	verified := serveKeys(t)
	want := expected(t)
	for _, c := range sdks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := c.start(t, nil)
			if got := p.configure(t, signed(verified.url)); c.handler != "" && got["handler"] != c.handler {
				t.Errorf("requests go through %v", got["handler"])
			}
			t.Run("calls", func(t *testing.T) { calls(t, p, want) })
			t.Run("open", func(t *testing.T) { open(t, p, want) })
			t.Run("bearer", func(t *testing.T) { bearer(t, p, verified.url, want) })
			t.Run("refusals", func(t *testing.T) { refusals(t, p, verified.url) })

			backend, url := serveScripted(t)
			p.configure(t, signed(url))
			t.Run("exceptions", func(t *testing.T) { exceptions(t, p, backend) })
			t.Run("broken-streams", func(t *testing.T) { brokenStreams(t, p, c) })
			p.configure(t, signed(url).with("AWS_MAX_ATTEMPTS", "3"))
			t.Run("retries", func(t *testing.T) { retries(t, p, backend) })
		})
	}
}
