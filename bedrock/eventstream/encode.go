package eventstream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// AppendEvent appends the frame of an event to dst and returns the longer
// slice. It allocates only when dst has no room. An empty contentType leaves
// that header out. What it asks of its arguments is what BeginEvent and End
// ask.
func AppendEvent(dst []byte, eventType, contentType string, payload []byte) []byte {
	start := len(dst)
	dst = BeginEvent(dst, eventType, contentType)
	return End(append(dst, payload...), start)
}

// AppendException appends the frame of an exception, as AppendEvent does for
// an event. It is how a stream that has begun tells of an error.
func AppendException(dst []byte, exceptionType, contentType string, payload []byte) []byte {
	start := len(dst)
	dst = BeginException(dst, exceptionType, contentType)
	return End(append(dst, payload...), start)
}

// BeginEvent appends the beginning of an event's frame to dst: append the
// payload to the result, then call End with what the length of dst was before.
//
//	start := len(buf)
//	buf = eventstream.BeginEvent(buf, "contentBlockDelta", "application/json")
//	buf = appendJSON(buf, delta)
//	buf = eventstream.End(buf, start)
//
// When the payload cannot be made, drop the frame with buf = buf[:start].
//
// Event and content types are a program's constants, so one that is longer
// than MaxHeaderValue is a bug and panics.
func BeginEvent(dst []byte, eventType, contentType string) []byte {
	return begin(dst, ":event-type", eventType, contentType, "event")
}

// BeginException appends the beginning of an exception's frame, as BeginEvent
// does for an event.
func BeginException(dst []byte, exceptionType, contentType string) []byte {
	return begin(dst, ":exception-type", exceptionType, contentType, "exception")
}

// End closes the frame that a Begin function opened at start. It fills in the
// lengths and checksums and returns the slice with the whole frame at its end.
// It reads the frame once, for the checksum, and copies nothing.
//
// AWS's clients refuse a payload longer than MaxPayload; End does not, since
// only its caller can tell the model's user. A frame that does not fit 32-bit
// lengths, or a start that no Begin function gave, panics.
func End(frame []byte, start int) []byte {
	f := frame[start:]
	total := len(f) + trailerLen
	if total < minFrameLen || uint64(total) > math.MaxUint32 {
		panic(fmt.Sprintf("eventstream: a frame of %d bytes", total))
	}
	binary.BigEndian.PutUint32(f, uint32(total))
	binary.BigEndian.PutUint32(f[8:], crc32.ChecksumIEEE(f[:8]))
	return binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(f))
}

// AppendMessage appends a frame with headers of any type. Its error names the
// header, or the part, that breaks a limit of the format; dst is then returned
// as it was. It allocates only when dst has no room.
func AppendMessage(dst []byte, headers []Header, payload []byte) ([]byte, error) {
	start := len(dst)
	out := append(dst, zeroPrelude[:]...)
	for i, h := range headers {
		if err := checkHeader(h); err != nil {
			return dst, fmt.Errorf("header %d (%.32q): %w", i, h.Name, err)
		}
		out = append(out, byte(len(h.Name)))
		out = append(out, h.Name...)
		out = h.Value.append(out)
	}
	size := len(out) - start - preludeLen
	if size > MaxHeaders {
		return dst, fmt.Errorf("%w: headers of %d bytes, the limit is %d", ErrTooLarge, size, MaxHeaders)
	}
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("%w: payload of %d bytes, the limit is %d", ErrTooLarge, len(payload), MaxPayload)
	}
	binary.BigEndian.PutUint32(out[start+4:], uint32(size))
	return End(append(out, payload...), start), nil
}

func checkHeader(h Header) error {
	switch {
	case h.Name == "":
		return fmt.Errorf("%w: the name is empty", ErrMalformed)
	case len(h.Name) > MaxHeaderName:
		return fmt.Errorf("%w: a name of %d bytes, the limit is %d", ErrTooLarge, len(h.Name), MaxHeaderName)
	case len(h.Value.data) > MaxHeaderValue:
		return fmt.Errorf("%w: a value of %d bytes, the limit is %d", ErrTooLarge, len(h.Value.data), MaxHeaderValue)
	}
	return nil
}

var zeroPrelude [preludeLen]byte

// begin appends a prelude that holds the length of the headers so far, and the
// headers in the order in which AWS sends them.
func begin(dst []byte, kindHeader, kind, contentType, messageType string) []byte {
	start := len(dst)
	dst = append(dst, zeroPrelude[:]...)
	dst = appendText(dst, kindHeader, kind)
	if contentType != "" {
		dst = appendText(dst, ":content-type", contentType)
	}
	dst = appendText(dst, ":message-type", messageType)
	binary.BigEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-preludeLen))
	return dst
}

func appendText(dst []byte, name, value string) []byte {
	if len(value) > MaxHeaderValue {
		panic(fmt.Sprintf("eventstream: %s of %d bytes", name, len(value)))
	}
	dst = append(dst, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, byte(TypeString))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}
