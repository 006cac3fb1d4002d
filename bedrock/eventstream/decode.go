package eventstream

import (
	"fmt"
	"io"
)

// Decoder reads frames from a stream. It is not safe for concurrent use. It
// reads what it needs and no byte more, in two reads a frame, so an unbuffered
// connection wants a bufio.Reader around it.
type Decoder struct {
	// MaxMessage is the largest frame to accept, in bytes; 0 means
	// DefaultMaxMessage. It bounds the memory of one Next. Set it before the
	// first Next.
	MaxMessage int

	r       io.Reader
	prelude [preludeLen]byte
	err     error
}

// NewDecoder makes a decoder that reads from r. It does not close r.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{r: r} }

// Next reads the next frame. Each frame is one allocation of its own: a
// message and its parts stay valid after later calls, and belong to the
// caller.
//
// The error is io.EOF only where a frame could begin, and io.ErrUnexpectedEOF
// when the stream ends inside one; another error of the reader is returned as
// it is; all others wrap ErrChecksum, ErrTooLarge or ErrMalformed. After an
// error the place of the next frame is unknown, so Next repeats the error.
func (d *Decoder) Next() (Message, error) {
	if d.err != nil {
		return Message{}, d.err
	}
	m, err := d.next()
	d.err = err
	return m, err
}

func (d *Decoder) next() (Message, error) {
	if _, err := io.ReadFull(d.r, d.prelude[:]); err != nil {
		return Message{}, err
	}
	total, headers, err := readPrelude(d.prelude[:])
	if err != nil {
		return Message{}, err
	}
	limit := d.MaxMessage
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	if uint64(total) > uint64(limit) {
		return Message{}, fmt.Errorf("%w: a frame of %d bytes, the limit is %d", ErrTooLarge, total, limit)
	}
	frame := make([]byte, total)
	copy(frame, d.prelude[:])
	if _, err := io.ReadFull(d.r, frame[preludeLen:]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, err
	}
	return newMessage(frame, int(headers))
}
