// Package eventstream frames and reads application/vnd.amazon.eventstream,
// the format in which Bedrock streams its replies.
//
// A frame is a prelude (total length, headers length, checksum), typed
// headers, a payload and a checksum over all before it:
//
//	uint32 total | uint32 headers | uint32 crc | headers | payload | uint32 crc
//
// To write, call [AppendEvent] or [AppendException]. To let an encoder append
// its payload straight into the frame, without a copy, put it between
// [BeginEvent] and [End]. [AppendMessage] takes headers of any type.
//
// To read, call [NewDecoder] and [Decoder.Next] on a stream, or [Parse] on
// bytes in memory. Both give a [Message] whose parts are views of one frame.
//
//	value ── Begin… · append · End ──▶ frame ── Decoder.Next · Parse ──▶ Message
//
// The package does no I/O other than reading from the Decoder's reader, and
// imports the standard library only.
//
// Format: https://smithy.io/2.0/aws/amazon-eventstream.html
package eventstream

import "errors"

// ContentType is the media type of a stream of frames.
const ContentType = "application/vnd.amazon.eventstream"

const (
	preludeLen  = 12 // two lengths and their checksum
	trailerLen  = 4  // the message checksum
	minFrameLen = preludeLen + trailerLen

	// MaxHeaders is the largest header block of a frame, in bytes, and
	// MaxHeaderName and MaxHeaderValue are the largest name and the largest
	// string or byte-buffer value. All three belong to the format.
	MaxHeaders     = 128 << 10
	MaxHeaderName  = 255
	MaxHeaderValue = 1<<15 - 1

	// MaxPayload is the largest payload that AWS clients take, in bytes.
	MaxPayload = 16 << 20

	// DefaultMaxMessage is the largest frame that a Decoder takes unless it
	// is told otherwise: one with MaxPayload and MaxHeaders.
	DefaultMaxMessage = minFrameLen + MaxHeaders + MaxPayload
)

// Errors of a damaged or unacceptable frame, to be tested with errors.Is. What
// a Decoder or Parse returns wraps one of them and says more.
var (
	// ErrChecksum says that the prelude or the message was altered on its way.
	ErrChecksum = errors.New("eventstream: checksum mismatch")
	// ErrTooLarge says that a part is longer than its limit.
	ErrTooLarge = errors.New("eventstream: too large")
	// ErrMalformed says that lengths or headers contradict the format.
	ErrMalformed = errors.New("eventstream: malformed")
)
