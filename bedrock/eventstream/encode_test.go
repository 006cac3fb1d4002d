package eventstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

const (
	jsonType = "application/json"
	delta    = `{"contentBlockIndex":0,"delta":{"text":" The quick brown fox"},"p":"abcdefghijklmnop"}`
)

func Example() {
	// Writing: the payload is appended inside the frame.
	var buf []byte
	for i, word := range []string{"Hello", " world"} {
		start := len(buf)
		buf = eventstream.BeginEvent(buf, "contentBlockDelta", jsonType)
		buf = fmt.Appendf(buf, `{"contentBlockIndex":%d,"delta":{"text":%q}}`, i, word)
		buf = eventstream.End(buf, start)
	}
	buf = eventstream.AppendException(buf, "throttlingException", jsonType, []byte(`{"message":"slow down"}`))

	// Reading.
	d := eventstream.NewDecoder(bytes.NewReader(buf))
	for {
		m, err := d.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		switch string(m.MessageType()) {
		case "event":
			fmt.Printf("%s %s\n", m.EventType(), m.Payload)
		case "exception":
			fmt.Printf("%s: %s\n", m.ExceptionType(), m.Payload)
		}
	}
	// Output:
	// contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"Hello"}}
	// contentBlockDelta {"contentBlockIndex":1,"delta":{"text":" world"}}
	// throttlingException: {"message":"slow down"}
	// EOF
}

func TestEventsAndExceptionsAreAWSFrames(t *testing.T) {
	event := eventstream.AppendEvent([]byte("x"), "contentBlockDelta", jsonType, []byte(delta))
	if want := awsFrame(t, eventHeaders("event", "contentBlockDelta", jsonType), []byte(delta)); !bytes.Equal(event[1:], want) {
		t.Errorf("event\n got %x\nwant %x", event[1:], want)
	}
	exception := eventstream.AppendException(nil, "validationException", jsonType, []byte(`{}`))
	if want := awsFrame(t, eventHeaders("exception", "validationException", jsonType), []byte(`{}`)); !bytes.Equal(exception, want) {
		t.Errorf("exception\n got %x\nwant %x", exception, want)
	}
}

func TestEmptyContentTypeLeavesTheHeaderOut(t *testing.T) {
	m := mustParse(t, eventstream.AppendEvent(nil, "ping", "", nil))
	if m.ContentType() != nil || string(m.EventType()) != "ping" || len(m.Payload) != 0 {
		t.Errorf("content type %q, event type %q, payload %q", m.ContentType(), m.EventType(), m.Payload)
	}
}

func TestFrameGrowsInPlace(t *testing.T) {
	want := eventstream.AppendEvent(nil, "metadata", jsonType, []byte(delta))
	for room := range len(want) + 2 {
		buf := eventstream.BeginEvent(make([]byte, 0, room), "metadata", jsonType)
		for i := range len(delta) { // a byte at a time, so that it moves
			buf = append(buf, delta[i])
		}
		if got := eventstream.End(buf, 0); !bytes.Equal(got, want) {
			t.Fatalf("with room for %d bytes\n got %x\nwant %x", room, got, want)
		}
	}
}

func TestAppendMessageNamesTheBrokenLimit(t *testing.T) {
	long := strings.Repeat("a", eventstream.MaxHeaderValue+1)
	full := make([]eventstream.Header, 5)
	for i := range full {
		full[i] = eventstream.Header{Name: fmt.Sprint("h", i), Value: eventstream.String(long[1:])}
	}
	tests := []struct {
		name    string
		headers []eventstream.Header
		payload int
		is      error
		says    string
	}{
		{"empty name", []eventstream.Header{{Name: "ok"}, {}}, 0, eventstream.ErrMalformed, "header 1"},
		{"long name", []eventstream.Header{{Name: long[:256]}}, 0, eventstream.ErrTooLarge, "name of 256 bytes"},
		{"long value", []eventstream.Header{{Name: "big", Value: eventstream.String(long)}}, 0, eventstream.ErrTooLarge, `"big"`},
		{"many headers", full, 0, eventstream.ErrTooLarge, "limit is 131072"},
		{"long payload", nil, eventstream.MaxPayload + 1, eventstream.ErrTooLarge, "payload of 16777217 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dst, err := eventstream.AppendMessage([]byte("kept"), tt.headers, make([]byte, tt.payload))
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.is, tt.says)
			}
			if string(dst) != "kept" {
				t.Errorf("dst became %d bytes", len(dst))
			}
		})
	}
}

func TestLargestNameAndValueFit(t *testing.T) {
	h := eventstream.Header{
		Name:  strings.Repeat("n", eventstream.MaxHeaderName),
		Value: eventstream.String(strings.Repeat("v", eventstream.MaxHeaderValue)),
	}
	frame, err := eventstream.AppendMessage(nil, []eventstream.Header{h}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := mustParse(t, frame).Headers.Get(h.Name); !ok || len(v.Bytes()) != eventstream.MaxHeaderValue {
		t.Errorf("read back %d bytes (%v)", len(v.Bytes()), ok)
	}
}

func TestMisuseOfEndPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("End closed a frame that was never opened")
		}
	}()
	eventstream.End([]byte("abc"), 0)
}

func TestNoAllocationWithRoom(t *testing.T) {
	buf := make([]byte, 0, 1024)
	payload := []byte(delta)
	headers := []eventstream.Header{
		{Name: ":event-type", Value: eventstream.String("chunk")},
		{Name: "n", Value: eventstream.Int32(7)},
	}
	frame := eventstream.AppendEvent(nil, "chunk", jsonType, payload)
	for name, f := range map[string]func(){
		"AppendEvent":     func() { eventstream.AppendEvent(buf, "chunk", jsonType, payload) },
		"AppendException": func() { eventstream.AppendException(buf, "modelTimeoutException", jsonType, payload) },
		"AppendMessage": func() {
			if _, err := eventstream.AppendMessage(buf, headers, payload); err != nil {
				t.Error(err)
			}
		},
		"Parse and read": func() {
			m, _, err := eventstream.Parse(frame)
			if err != nil || string(m.EventType()) != "chunk" || string(m.MessageType()) != "event" {
				t.Error(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func mustParse(t testing.TB, frame []byte) eventstream.Message {
	t.Helper()
	m, n, err := eventstream.Parse(frame)
	if err != nil || n != len(frame) {
		t.Fatalf("Parse took %d of %d bytes: %v", n, len(frame), err)
	}
	return m
}
