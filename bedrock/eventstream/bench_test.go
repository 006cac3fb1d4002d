package eventstream_test

import (
	"bytes"
	"testing"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// The write benchmarks frame one text delta of a Converse stream; "fresh"
// starts without a buffer, "reused" keeps one as a server does.

func BenchmarkWriteDelta(b *testing.B) {
	payload := []byte(delta)
	b.Run("ours/fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = eventstream.AppendEvent(make([]byte, 0, 256), "contentBlockDelta", jsonType, payload)
		}
	})
	b.Run("ours/reused", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = eventstream.AppendEvent(buf[:0], "contentBlockDelta", jsonType, payload)
		}
	})
	b.Run("aws/fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var w bytes.Buffer
			msg := aws.Message{Headers: eventHeaders("event", "contentBlockDelta", jsonType), Payload: payload}
			if err := aws.NewEncoder().Encode(&w, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("aws/reused", func(b *testing.B) {
		b.ReportAllocs()
		var w bytes.Buffer
		e := aws.NewEncoder()
		for b.Loop() {
			w.Reset()
			msg := aws.Message{Headers: eventHeaders("event", "contentBlockDelta", jsonType), Payload: payload}
			if err := e.Encode(&w, msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadDelta(b *testing.B) {
	frame := eventstream.AppendEvent(nil, "contentBlockDelta", jsonType, []byte(delta))
	b.Run("ours/Decoder", func(b *testing.B) {
		b.ReportAllocs()
		d := eventstream.NewDecoder(&endless{frame: frame})
		for b.Loop() {
			m, err := d.Next()
			if err != nil || string(m.EventType()) != "contentBlockDelta" {
				b.Fatal(err)
			}
		}
	})
	b.Run("ours/Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, _, err := eventstream.Parse(frame)
			if err != nil || string(m.EventType()) != "contentBlockDelta" {
				b.Fatal(err)
			}
		}
	})
	b.Run("aws", func(b *testing.B) {
		b.ReportAllocs()
		d := aws.NewDecoder()
		r := &endless{frame: frame}
		for b.Loop() {
			m, err := d.Decode(r, nil)
			if err != nil || m.Headers.Get(":event-type").String() != "contentBlockDelta" {
				b.Fatal(err)
			}
		}
	})
}

var sink []byte

// endless repeats a frame for ever.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.frame[e.at:])
	e.at = (e.at + n) % len(e.frame)
	return n, nil
}
