package journal

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What can be asked of an error with errors.Is.
var (
	// ErrConflict: the subject's last message is not the one that the writer
	// expected. Somebody else has written; nothing was stored.
	ErrConflict = errors.New("somebody else has written in between")

	// ErrNotFound: there is no such message, key or stream.
	ErrNotFound = errors.New("not found in the journal")

	// ErrTooLarge: the message is longer than the server takes.
	ErrTooLarge = errors.New("larger than the journal takes in one piece")
)

// failed tells what could not be done, in the terms above where they fit.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			err = ErrConflict
		case jetstream.JSErrCodeMessageNotFound, jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeConsumerNotFound:
			err = ErrNotFound
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		err = ErrNotFound
	case errors.Is(err, nats.ErrMaxPayload):
		err = ErrTooLarge
	}
	return fmt.Errorf("journal: %s: %w", what, err)
}
