package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/owner"
)

// TestServerGone: a command whose server is not there any more says what to do,
// by what has become of it.
func TestServerGone(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(t *testing.T, lock *owner.Lock) string // its URL
		hint  string
	}{
		{"stopping", func(t *testing.T, _ *owner.Lock) string { return nobodyAt(t) }, "it is stopping (process "},
		{"stopped", func(t *testing.T, lock *owner.Lock) string {
			return cutting(t, func() { _ = lock.Release() })
		}, "it has stopped; the same command, run again, answers by itself"},
		{"still there", func(t *testing.T, _ *owner.Lock) string { return cutting(t, func() {}) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			lock, err := owner.Acquire(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Release() //nolint:errcheck // a test's
			if err := lock.Publish(owner.Server{URL: test.serve(t, lock), Token: owner.NewToken()}); err != nil {
				t.Fatal(err)
			}
			words := complaint(t, exitUnavailable, "batch", "list", "--data", dir)
			if test.hint == "" && strings.Count(words, "\n") != 1 || !strings.Contains(words, test.hint) {
				t.Errorf("%q does not say %q", words, test.hint)
			}
		})
	}
}

// complaint runs the program, and returns what it wrote on standard error.
func complaint(t *testing.T, code int, args ...string) string {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv(endpointVariable, "")
	var out, words bytes.Buffer
	if got := run(context.Background(), args, strings.NewReader(""), &out, &words); got != code {
		t.Errorf("%q ended with %d, and not %d: %s", args, got, code, words.String())
	}
	return words.String()
}

// nobodyAt is a URL at which nobody listens.
func nobodyAt(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// cutting is a server that does something when it is asked, and hangs up.
func cutting(t *testing.T, then func()) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		then()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
