package journal

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
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

	// ErrFull: the server has reached the limit of what it may store, which is
	// Config.MaxDisk or the cluster's own. A full disk is a [*DiskError]. It is an
	// outcrop.Error too.
	ErrFull error = outcrop.Errorf(bedrock.CodeServiceUnavailable, "the journal has reached the limit of what its NATS server may store: make room there, or raise it")
)

// The server's codes of limits that are reached, which nats.go does not name:
// of the account, of the server, of its storage.
const (
	codeAccountFull jetstream.ErrorCode = 10002
	codeServerFull  jetstream.ErrorCode = 10023
	codeStorageFull jetstream.ErrorCode = 10047
)

// failed tells what could not be done, in the terms above where they fit. While
// the disk is full, anything else is due to that.
func (j *Journal) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	if known := translate(err); known != nil {
		err = known
	} else if disk := j.Err(); disk != nil {
		err = disk
	}
	return fmt.Errorf("journal: %s: %w", what, err)
}

// translate is one of the errors above, or nil.
func translate(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return ErrConflict
		case jetstream.JSErrCodeMessageNotFound, jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeConsumerNotFound:
			return ErrNotFound
		case codeAccountFull, codeServerFull, codeStorageFull:
			return ErrFull
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrNotFound
	case errors.Is(err, nats.ErrMaxPayload):
		return ErrTooLarge
	}
	return nil
}
