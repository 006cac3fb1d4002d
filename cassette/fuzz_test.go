package cassette

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead: no file makes the reader panic, and one that it can read is
// written again as it was read.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(names) == 0 {
		f.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("format: outcrop-cassette/1\nrequest:\n  operation: Converse\n  text: \"a\\r\\n\\u0000b\"\nerror:\n  code: x\n  partial: \"[1]\"\n"))
	f.Add([]byte("format: outcrop-cassette/1\nrequest:\n  operation: I\n  params:\n    \"a b\": c\n  base64: AAE=\nreply:\n  stream: true\n  events: |\n    1s a base64:AA==\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := read("x.yaml", text)
		if err != nil {
			return
		}
		written, err := write(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read("x.yaml", written)
		if err != nil || !same(e, again) {
			t.Fatalf("%v\n%s", err, written)
		}
	})
}

// FuzzBody: every body survives a file, whatever is in it.
func FuzzBody(f *testing.F) {
	for _, text := range []string{`{"a":[1,"x"]}`, "{ \"a\": 1 }", "a: b\n  c", "\x00\xff", "\r\n", " ", "\u2028\u0085 x", "- a\n- b", "'", "\t", "null", "~", "|\n", "\n\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e := &exchange{file: "x.yaml", request: request{Operation: "InvokeModel", Model: "m", Body: text}, body: text}
		written, err := write(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := read("x.yaml", written)
		if err != nil || !bytes.Equal(again.body, text) || !bytes.Equal(again.request.Body, text) {
			t.Fatalf("%v\n%s", err, written)
		}
	})
}
