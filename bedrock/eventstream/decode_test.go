package eventstream_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

func TestStreamEnds(t *testing.T) {
	one := eventstream.AppendEvent(nil, "messageStart", jsonType, []byte(`{"role":"assistant"}`))
	for n := range 2*len(one) + 1 {
		stream := append(bytes.Clone(one), one...)[:n]
		d := eventstream.NewDecoder(iotest.OneByteReader(bytes.NewReader(stream)))
		count := 0
		var err error
		for err == nil {
			if _, err = d.Next(); err == nil {
				count++
			}
		}
		want := io.ErrUnexpectedEOF
		if n%len(one) == 0 {
			want = io.EOF
		}
		if !errors.Is(err, want) || count != n/len(one) {
			t.Fatalf("cut at byte %d: %d messages, %v; want %d, %v", n, count, err, n/len(one), want)
		}
		if _, again := d.Next(); again != err {
			t.Fatalf("cut at byte %d: %v, then %v", n, err, again)
		}
	}
}

func TestReaderErrorIsPassedOn(t *testing.T) {
	cause := errors.New("connection reset")
	frame := eventstream.AppendEvent(nil, "chunk", jsonType, []byte("{}"))
	d := eventstream.NewDecoder(io.MultiReader(bytes.NewReader(frame[:20]), iotest.ErrReader(cause)))
	if _, err := d.Next(); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

func TestMessagesOutliveTheNextCall(t *testing.T) {
	first := eventstream.AppendEvent(nil, "first", jsonType, []byte(`{"n":1}`))
	second := eventstream.AppendEvent(nil, "other", jsonType, []byte(`{"n":2}`))
	d := eventstream.NewDecoder(bytes.NewReader(append(bytes.Clone(first), second...)))
	a, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Raw, first) || !bytes.Equal(b.Raw, second) || string(a.EventType()) != "first" || string(a.Payload) != `{"n":1}` {
		t.Errorf("the first message changed: %q %q", a.EventType(), a.Payload)
	}
}

// TestAnyFlippedBitIsFound: a CRC-32 finds every single-bit error.
func TestAnyFlippedBitIsFound(t *testing.T) {
	frame := eventstream.AppendEvent(nil, "chunk", jsonType, []byte(`{"bytes":"aGk="}`))
	for bit := range 8 * len(frame) {
		bad := bytes.Clone(frame)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, _, err := eventstream.Parse(bad); !errors.Is(err, eventstream.ErrChecksum) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
	}
}

func TestLimits(t *testing.T) {
	frame := eventstream.AppendEvent(nil, "chunk", jsonType, make([]byte, 1000))
	d := eventstream.NewDecoder(bytes.NewReader(frame))
	d.MaxMessage = len(frame)
	if _, err := d.Next(); err != nil {
		t.Errorf("a frame of just the limit: %v", err)
	}
	d = eventstream.NewDecoder(bytes.NewReader(frame))
	d.MaxMessage = len(frame) - 1
	if _, err := d.Next(); !errors.Is(err, eventstream.ErrTooLarge) {
		t.Errorf("a frame over the limit: %v", err)
	}

	// With checksums that fit, the lengths alone are at fault.
	for _, tt := range []struct {
		name           string
		total, headers uint32
		want           error
	}{
		{"default limit", eventstream.DefaultMaxMessage + 1, 0, eventstream.ErrTooLarge},
		{"all ones", 1<<32 - 1, 1<<32 - 1, eventstream.ErrTooLarge},
		{"long headers", 1 << 20, eventstream.MaxHeaders + 1, eventstream.ErrTooLarge},
		{"nothing", 0, 0, eventstream.ErrMalformed},
		{"no room for the trailer", 15, 0, eventstream.ErrMalformed},
		{"headers past the end", 20, 5, eventstream.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prelude := binary.BigEndian.AppendUint32(nil, tt.total)
			prelude = binary.BigEndian.AppendUint32(prelude, tt.headers)
			prelude = binary.BigEndian.AppendUint32(prelude, crc32.ChecksumIEEE(prelude))
			if _, err := eventstream.NewDecoder(bytes.NewReader(prelude)).Next(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestMalformedHeaders(t *testing.T) {
	for name, block := range map[string]string{
		"empty name":        "\x00\x00",
		"name past the end": "\x09abc",
		"no type":           "\x03abc",
		"unknown type":      "\x01a\x0a",
		"no integer":        "\x01a\x04\x00\x00",
		"no string length":  "\x01a\x07\x00",
		"short string":      "\x01a\x07\x00\x05abcd",
		"short uuid":        "\x01a\x09123456789012345",
		"second is broken":  "\x01a\x00\x01b",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := eventstream.Parse(frameWith([]byte(block), []byte("{}"))); !errors.Is(err, eventstream.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestHeaderLookups(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	frame, err := eventstream.AppendMessage(nil, []eventstream.Header{
		{Name: ":message-type", Value: eventstream.String("error")},
		{Name: ":error-code", Value: eventstream.String("InternalError")},
		{Name: ":error-message", Value: eventstream.String("the model is away")},
		{Name: ":content-type", Value: eventstream.Int8(-3)},
		{Name: "twice", Value: eventstream.Int16(1)},
		{Name: "twice", Value: eventstream.Timestamp(at)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := mustParse(t, frame)
	if string(m.MessageType()) != "error" || string(m.ErrorCode()) != "InternalError" || string(m.ErrorMessage()) != "the model is away" {
		t.Errorf("read %q %q %q", m.MessageType(), m.ErrorCode(), m.ErrorMessage())
	}
	if m.EventType() != nil || m.ExceptionType() != nil {
		t.Errorf("headers out of nowhere: %q %q", m.EventType(), m.ExceptionType())
	}
	if m.ContentType() != nil {
		t.Errorf("a number was taken for a text: %q", m.ContentType())
	}
	if v, ok := m.Headers.Get("twice"); !ok || !v.Time().Equal(at) || v.Int() != 0 || v.Bool() {
		t.Errorf("twice is %v %v (%v)", v.Type(), v.Time(), ok)
	}
	if v, ok := m.Headers.Get(":content-type"); !ok || v.Int() != -3 || !v.Time().IsZero() {
		t.Errorf("int8 is %d", v.Int())
	}
	if _, ok := m.Headers.Get("missing"); ok {
		t.Error("found a header that is not there")
	}
	for h := range m.Headers.All() { // stopping early is allowed
		if h.Name != ":message-type" {
			t.Errorf("first header is %q", h.Name)
		}
		break
	}
}

func TestDecoderAllocatesOnceAFrame(t *testing.T) {
	frame := eventstream.AppendEvent(nil, "contentBlockDelta", jsonType, []byte(delta))
	d := eventstream.NewDecoder(bytes.NewReader(bytes.Repeat(frame, 102)))
	if n := testing.AllocsPerRun(100, func() {
		if m, err := d.Next(); err != nil || string(m.EventType()) != "contentBlockDelta" {
			t.Error(err)
		}
	}); n != 1 {
		t.Errorf("%v allocations a frame, want 1", n)
	}
}

// frameWith puts checksums around a header block and a payload.
func frameWith(headers, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(16+len(headers)+len(payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}
