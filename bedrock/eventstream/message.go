package eventstream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
)

// Message is a frame that was checked, with views of its parts. Nothing in it
// is copied, and reading it allocates nothing: whoever changes Raw changes the
// message. It may be read concurrently.
type Message struct {
	// Raw is the whole frame, ready to be forwarded byte for byte.
	Raw []byte
	// Headers are the frame's headers.
	Headers Headers
	// Payload is the frame's payload, empty when there is none.
	Payload []byte
}

// MessageType is the header ":message-type": event, exception or error; nil
// when it is missing. Like the other accessors it returns a view: compare it
// as string(m.MessageType()) == "event", which does not allocate.
func (m Message) MessageType() []byte { return m.Headers.text(":message-type") }

// EventType is the header ":event-type", nil when it is missing.
func (m Message) EventType() []byte { return m.Headers.text(":event-type") }

// ExceptionType is the header ":exception-type", nil when it is missing.
func (m Message) ExceptionType() []byte { return m.Headers.text(":exception-type") }

// ContentType is the header ":content-type", nil when it is missing.
func (m Message) ContentType() []byte { return m.Headers.text(":content-type") }

// ErrorCode is the header ":error-code", nil when it is missing.
func (m Message) ErrorCode() []byte { return m.Headers.text(":error-code") }

// ErrorMessage is the header ":error-message", nil when it is missing.
func (m Message) ErrorMessage() []byte { return m.Headers.text(":error-message") }

// Headers are a frame's headers in their wire form, as Parse and Decoder
// checked them.
type Headers []byte

// All ranges over the headers in the order of the frame. Names are new
// strings; values are views of the frame.
func (h Headers) All() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		for rest := []byte(h); len(rest) > 0; {
			name, v, n := readHeader(rest)
			if n < 0 || !yield(Header{Name: string(name), Value: v}) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Get finds a header by its exact name. Of a name that appears twice the last
// counts, as it does for AWS's clients. It allocates nothing.
func (h Headers) Get(name string) (Value, bool) {
	var found Value
	ok := false
	for rest := []byte(h); len(rest) > 0; {
		key, v, n := readHeader(rest)
		if n < 0 {
			break
		}
		if string(key) == name {
			found, ok = v, true
		}
		rest = rest[n:]
	}
	return found, ok
}

func (h Headers) text(name string) []byte {
	v, ok := h.Get(name)
	if !ok || v.typ != TypeString {
		return nil
	}
	return v.data
}

// readHeader reads the header at the start of b and returns how many bytes it
// took, or -1 when there is no whole and valid header.
func readHeader(b []byte) (name []byte, v Value, n int) {
	if len(b) < 1 {
		return nil, v, -1
	}
	at := 1 + int(b[0])
	if at == 1 || len(b) < at+1 {
		return nil, v, -1
	}
	v, size := readValue(Type(b[at]), b[at+1:])
	if size < 0 {
		return nil, v, -1
	}
	return b[1:at], v, at + 1 + size
}

// Parse reads the first frame of b, and returns the message with how many
// bytes of b it took. The message is a view of b, so it is good for as long as
// b is left alone. Parse returns io.EOF when b is empty and
// io.ErrUnexpectedEOF when it holds a part of a frame; other errors wrap
// ErrChecksum, ErrTooLarge or ErrMalformed.
//
// Parse sets no limit to the frame's length, since the bytes are there already.
func Parse(b []byte) (Message, int, error) {
	if len(b) == 0 {
		return Message{}, 0, io.EOF
	}
	if len(b) < preludeLen {
		return Message{}, 0, io.ErrUnexpectedEOF
	}
	total, headers, err := readPrelude(b)
	if err != nil {
		return Message{}, 0, err
	}
	if uint64(len(b)) < uint64(total) {
		return Message{}, 0, io.ErrUnexpectedEOF
	}
	m, err := newMessage(b[:total:total], int(headers))
	if err != nil {
		return Message{}, 0, err
	}
	return m, int(total), nil
}

// readPrelude checks the first preludeLen bytes of a frame and returns its
// lengths. The checksum comes first: without it the lengths mean nothing.
func readPrelude(b []byte) (total, headers uint32, err error) {
	if crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
		return 0, 0, fmt.Errorf("%w in the prelude", ErrChecksum)
	}
	total, headers = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if headers > MaxHeaders {
		return 0, 0, fmt.Errorf("%w: headers of %d bytes, the limit is %d", ErrTooLarge, headers, MaxHeaders)
	}
	if total < minFrameLen || headers > total-minFrameLen {
		return 0, 0, fmt.Errorf("%w: a frame of %d bytes with headers of %d", ErrMalformed, total, headers)
	}
	return total, headers, nil
}

// newMessage checks a whole frame whose prelude was read.
func newMessage(frame []byte, headersLen int) (Message, error) {
	end := len(frame) - trailerLen
	if crc32.ChecksumIEEE(frame[:end]) != binary.BigEndian.Uint32(frame[end:]) {
		return Message{}, fmt.Errorf("%w in the message", ErrChecksum)
	}
	split := preludeLen + headersLen
	m := Message{
		Raw:     frame,
		Headers: Headers(frame[preludeLen:split:split]),
		Payload: frame[split:end:end],
	}
	for rest := []byte(m.Headers); len(rest) > 0; {
		_, _, n := readHeader(rest)
		if n < 0 {
			return Message{}, fmt.Errorf("%w: header at byte %d of the frame", ErrMalformed, split-len(rest))
		}
		rest = rest[n:]
	}
	return m, nil
}
