package outcrop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Error is the one error type of Outcrop. Whatever a back-end, the manager or
// the door reports is an *Error, or wraps one; [AsError] finds or makes it.
//
// Code is one of Bedrock's exception names, and package bedrock's table says
// what it means: its HTTP status and whether another attempt can help.
type Error struct {
	Code      string
	Message   string              // for people; names the field and never holds prompt text
	Field     string              // the member at fault: "messages.0.content.1.text"
	Retryable bool                // the same call may succeed later or elsewhere
	Partial   bedrock.Document    // what had arrived when it failed: a message, or a constructed value
	Usage     *bedrock.TokenUsage // what it cost, where that is known
	RequestID string
	Cause     error

	// RetryAfter is how long the model asks to be left alone; 0 when it does
	// not say.
	RetryAfter time.Duration

	// Attempts is how often a back-end was asked before the error was final; 0
	// means once. MaxAttempts is how often one may be asked; 0 where nobody asks
	// again.
	Attempts, MaxAttempts int
}

// InvalidModel is what Bedrock says to a model id that it does not know.
const InvalidModel = "The provided model identifier is invalid."

// Error is the message with its code before it.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error of a code, retryable as the code's table says. A %w
// in the format becomes the cause.
func Errorf(code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Retryable: bedrock.Code(code).Retryable, Cause: errors.Unwrap(err)}
}

// Invalid makes a ValidationException about one field.
func Invalid(field, format string, args ...any) *Error {
	e := Errorf(bedrock.CodeValidation, format, args...)
	e.Field = field
	if field != "" {
		e.Message = field + ": " + e.Message
	}
	return e
}

// AsError finds the *Error in err. Other errors become one: errors of reading
// and of constraints and rules a ValidationException, an ended context a
// ModelTimeoutException, everything else an InternalServerException whose
// message does not repeat err, which may hold anything.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*bedrock.DecodeError](err); ok {
		return &Error{Code: bedrock.CodeValidation, Message: e.Error(), Field: e.Field, Cause: err}
	}
	if e, ok := errors.AsType[*bedrock.ConstraintError](err); ok {
		return &Error{Code: bedrock.CodeValidation, Message: e.Error(), Field: e.Violations[0].Field, Cause: err}
	}
	if e, ok := errors.AsType[*native.RequestError](err); ok {
		return &Error{Code: bedrock.CodeValidation, Message: e.Error(), Field: e.Field, Cause: err}
	}
	if e, ok := errors.AsType[*bedrock.RuleError](err); ok {
		return &Error{Code: bedrock.CodeValidation, Message: e.Error(), Field: e.Field, Cause: err}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: bedrock.CodeModelTimeout, Message: "the model did not answer within the time limit", Retryable: true, Cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Code: bedrock.CodeModelTimeout, Message: "the call was cancelled", Cause: err}
	}
	return &Error{Code: bedrock.CodeInternalServer, Message: "internal error", Retryable: true, Cause: err}
}
