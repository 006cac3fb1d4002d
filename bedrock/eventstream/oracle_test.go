package eventstream_test

import (
	"bytes"
	"testing"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"pgregory.net/rapid"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// pair is one header as both implementations write it.
type pair struct {
	ours   eventstream.Header
	theirs aws.Value
}

func genPair() *rapid.Generator[pair] {
	return rapid.Custom(func(t *rapid.T) pair {
		p := pair{ours: eventstream.Header{Name: rapid.StringMatching(`[:a-zA-Z][a-zA-Z0-9_-]{0,30}`).Draw(t, "name")}}
		switch rapid.IntRange(0, 8).Draw(t, "kind") {
		case 0:
			v := rapid.Bool().Draw(t, "bool")
			p.ours.Value, p.theirs = eventstream.Bool(v), aws.BoolValue(v)
		case 1:
			v := rapid.Int8().Draw(t, "int8")
			p.ours.Value, p.theirs = eventstream.Int8(v), aws.Int8Value(v)
		case 2:
			v := rapid.Int16().Draw(t, "int16")
			p.ours.Value, p.theirs = eventstream.Int16(v), aws.Int16Value(v)
		case 3:
			v := rapid.Int32().Draw(t, "int32")
			p.ours.Value, p.theirs = eventstream.Int32(v), aws.Int32Value(v)
		case 4:
			v := rapid.Int64().Draw(t, "int64")
			p.ours.Value, p.theirs = eventstream.Int64(v), aws.Int64Value(v)
		case 5:
			v := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
			p.ours.Value, p.theirs = eventstream.Bytes(v), aws.BytesValue(v)
		case 6:
			v := rapid.String().Draw(t, "string")
			p.ours.Value, p.theirs = eventstream.String(v), aws.StringValue(v)
		case 7:
			// The oracle counts nanoseconds, which overflow in the year 2262.
			v := time.UnixMilli(rapid.Int64Range(-9e12, 9e12).Draw(t, "time")).UTC()
			p.ours.Value, p.theirs = eventstream.Timestamp(v), aws.TimestampValue(v)
		case 8:
			var v [16]byte
			copy(v[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
			p.ours.Value, p.theirs = eventstream.UUID(v), aws.UUIDValue(v)
		}
		return p
	})
}

// TestSameBytesAsAWS writes random messages with both implementations: the
// frames are equal, and each reads what the other wrote.
func TestSameBytesAsAWS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOfNDistinct(genPair(), 0, 8, func(p pair) string { return p.ours.Name }).Draw(t, "headers")
		payload := rapid.SliceOfN(rapid.Byte(), 0, 512).Draw(t, "payload")

		var ours []eventstream.Header
		var theirs aws.Headers
		for _, p := range pairs {
			ours = append(ours, p.ours)
			theirs.Set(p.ours.Name, p.theirs)
		}
		prefix := []byte("already here")
		frame, err := eventstream.AppendMessage(prefix, ours, payload)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(frame, prefix) {
			t.Fatal("what was in dst is gone")
		}
		frame = frame[len(prefix):]
		want := awsFrame(t, theirs, payload)
		if !bytes.Equal(frame, want) {
			t.Fatalf("frames differ\n got %x\nwant %x", frame, want)
		}

		back, err := aws.NewDecoder().Decode(bytes.NewReader(frame), nil)
		if err != nil || !bytes.Equal(back.Payload, payload) {
			t.Fatalf("AWS reads payload %x (%v), want %x", back.Payload, err, payload)
		}
		m, n, err := eventstream.Parse(want)
		if err != nil || n != len(want) || !bytes.Equal(m.Payload, payload) || !bytes.Equal(m.Raw, want) {
			t.Fatalf("Parse: %d of %d bytes, payload %x: %v", n, len(want), m.Payload, err)
		}
		for _, p := range pairs {
			got, ok := m.Headers.Get(p.ours.Name)
			if !ok || !sameValue(got, back.Headers.Get(p.ours.Name)) {
				t.Fatalf("header %q is %+v (%v), AWS reads %v", p.ours.Name, got, ok, p.theirs)
			}
		}
	})
}

// sameValue compares what the two implementations read.
func sameValue(v eventstream.Value, a aws.Value) bool {
	switch a := a.(type) {
	case aws.BoolValue:
		return (v.Type() == eventstream.TypeTrue || v.Type() == eventstream.TypeFalse) && v.Bool() == bool(a)
	case aws.Int8Value:
		return v.Type() == eventstream.TypeInt8 && v.Int() == int64(a)
	case aws.Int16Value:
		return v.Type() == eventstream.TypeInt16 && v.Int() == int64(a)
	case aws.Int32Value:
		return v.Type() == eventstream.TypeInt32 && v.Int() == int64(a)
	case aws.Int64Value:
		return v.Type() == eventstream.TypeInt64 && v.Int() == int64(a)
	case aws.BytesValue:
		return v.Type() == eventstream.TypeBytes && bytes.Equal(v.Bytes(), a)
	case aws.StringValue:
		return v.Type() == eventstream.TypeString && string(v.Bytes()) == string(a)
	case aws.TimestampValue:
		return v.Type() == eventstream.TypeTimestamp && v.Time().UnixMilli() == time.Time(a).UnixMilli()
	case aws.UUIDValue:
		return v.Type() == eventstream.TypeUUID && bytes.Equal(v.Bytes(), a[:])
	}
	return false
}

func awsFrame(t interface{ Fatal(...any) }, headers aws.Headers, payload []byte) []byte {
	var buf bytes.Buffer
	if err := aws.NewEncoder().Encode(&buf, aws.Message{Headers: headers, Payload: payload}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// eventHeaders are the headers of a Bedrock event or exception as AWS's
// encoder takes them.
func eventHeaders(kind, name, contentType string) aws.Headers {
	var h aws.Headers
	h.Set(":"+kind+"-type", aws.StringValue(name))
	h.Set(":content-type", aws.StringValue(contentType))
	h.Set(":message-type", aws.StringValue(kind))
	return h
}
