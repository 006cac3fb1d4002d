package eventstream_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// TestAWSVectors reads the frames that AWS publishes, compares each with its
// description in JSON, and writes it again byte for byte.
func TestAWSVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/aws/encoded/positive/*")
	if err != nil || len(files) != 5 {
		t.Fatalf("found %d vectors (%v), want 5", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			frame := readFile(t, file)
			var want struct {
				Total   int    `json:"total_length"`
				Headers int    `json:"headers_length"`
				Payload []byte `json:"payload"`
				Items   []struct {
					Name  string
					Type  eventstream.Type
					Value any
				} `json:"headers"`
			}
			if err := json.Unmarshal(readFile(t, "testdata/aws/decoded/positive/"+name), &want); err != nil {
				t.Fatal(err)
			}

			m, n, err := eventstream.Parse(frame)
			if err != nil || n != want.Total || n != len(frame) {
				t.Fatalf("Parse took %d of %d bytes: %v", n, len(frame), err)
			}
			if len(m.Headers) != want.Headers || !bytes.Equal(m.Payload, want.Payload) {
				t.Errorf("headers of %d bytes and payload %q, want %d and %q", len(m.Headers), m.Payload, want.Headers, want.Payload)
			}
			var headers []eventstream.Header
			for h := range m.Headers.All() {
				headers = append(headers, h)
			}
			if len(headers) != len(want.Items) {
				t.Fatalf("%d headers, want %d", len(headers), len(want.Items))
			}
			for i, w := range want.Items {
				got := headers[i]
				if got.Name != w.Name || got.Value.Type() != w.Type || plain(got.Value) != w.Value {
					t.Errorf("header %d is %q %v %v, want %q %v %v", i, got.Name, got.Value.Type(), plain(got.Value), w.Name, w.Type, w.Value)
				}
			}
			again, err := eventstream.AppendMessage(nil, headers, m.Payload)
			if err != nil || !bytes.Equal(again, frame) {
				t.Errorf("written again it differs (%v)\n got %x\nwant %x", err, again, frame)
			}
		})
	}
}

// TestAWSDamagedVectors refuses the damaged frames that AWS publishes, each
// for the reason that AWS gives.
func TestAWSDamagedVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/aws/encoded/negative/*")
	if err != nil || len(files) != 4 {
		t.Fatalf("found %d vectors (%v), want 4", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			reason := string(readFile(t, "testdata/aws/decoded/negative/"+name))
			part, _, _ := strings.Cut(strings.ToLower(reason), " ") // "prelude" or "message"
			_, _, err := eventstream.Parse(readFile(t, file))
			if !errors.Is(err, eventstream.ErrChecksum) || !strings.Contains(err.Error(), part) {
				t.Errorf("got %v, want %q", err, reason)
			}
		})
	}
}

// plain is a value as the JSON vectors write it.
func plain(v eventstream.Value) any {
	switch v.Type() {
	case eventstream.TypeTrue, eventstream.TypeFalse:
		return v.Bool()
	case eventstream.TypeTimestamp:
		return float64(v.Time().UnixMilli())
	case eventstream.TypeBytes, eventstream.TypeString, eventstream.TypeUUID:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	default:
		return float64(v.Int())
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
