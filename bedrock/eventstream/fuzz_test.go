package eventstream_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// FuzzParse reads arbitrary bytes: Parse never panics, agrees with the
// Decoder, and takes nothing that AWS's decoder refuses or reads otherwise.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/aws/encoded/*/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, file := range files {
			f.Add(readFile(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkAgainstAWS(t, b) })
}

// FuzzHeaders lets the fuzzer past the checksums: it makes up headers and
// payload, and the frame around them is right.
func FuzzHeaders(f *testing.F) {
	event := mustParse(f, eventstream.AppendEvent(nil, "chunk", jsonType, []byte("{}")))
	f.Add([]byte(event.Headers), []byte(event.Payload))
	all := mustParse(f, readFile(f, "testdata/aws/encoded/positive/all_headers"))
	f.Add([]byte(all.Headers), []byte(all.Payload))
	f.Fuzz(func(t *testing.T, headers, payload []byte) { checkAgainstAWS(t, frameWith(headers, payload)) })
}

func checkAgainstAWS(t *testing.T, b []byte) {
	m, n, err := eventstream.Parse(b)
	d := eventstream.NewDecoder(bytes.NewReader(b))
	dm, derr := d.Next()
	if (err == nil) != (derr == nil) {
		// Only the Decoder has a limit that the bytes at hand do not set.
		if !errors.Is(derr, eventstream.ErrTooLarge) {
			t.Fatalf("Parse: %v, Decoder: %v", err, derr)
		}
	}
	if err != nil {
		known := errors.Is(err, io.EOF) && len(b) == 0
		for _, e := range []error{io.ErrUnexpectedEOF, eventstream.ErrChecksum, eventstream.ErrMalformed, eventstream.ErrTooLarge} {
			known = known || errors.Is(err, e)
		}
		if !known {
			t.Fatalf("unknown error %v", err)
		}
		return
	}
	if n != len(m.Raw) || !bytes.Equal(m.Raw, b[:n]) || (derr == nil && !bytes.Equal(dm.Raw, m.Raw)) {
		t.Fatalf("Raw is not the frame: %x of %x", m.Raw, b)
	}
	am, err := aws.NewDecoder().Decode(bytes.NewReader(b), nil)
	if err != nil {
		t.Fatalf("AWS refuses what we take: %v\n%x", err, b)
	}
	if !bytes.Equal(am.Payload, m.Payload) {
		t.Fatalf("payload %x, AWS reads %x", m.Payload, am.Payload)
	}
	names := map[string]bool{}
	for h := range m.Headers.All() {
		names[h.Name] = true
		if v, ok := m.Headers.Get(h.Name); !ok || !sameValue(v, am.Headers.Get(h.Name)) {
			t.Fatalf("header %q is %v, AWS reads %v", h.Name, v, am.Headers.Get(h.Name))
		}
	}
	if len(names) != len(am.Headers) {
		t.Fatalf("%d headers, AWS reads %d", len(names), len(am.Headers))
	}
}
