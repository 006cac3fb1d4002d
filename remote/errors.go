package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// failure is the error of a call that got no answer, or one that could not be
// read.
func (c *Client) failure(w *upstream.Watch, err error, requestID string) *outcrop.Error {
	e := c.classify(w, err)
	e.RequestID = requestID
	return e
}

func (c *Client) classify(w *upstream.Watch, err error) *outcrop.Error {
	if cause := context.Cause(w.Context()); cause != nil {
		if late, ok := errors.AsType[*upstream.LateError](cause); ok {
			return outcrop.Errorf(bedrock.CodeModelTimeout, "%s: %w", c.base.Host, late)
		}
		e := *outcrop.AsError(cause) // whoever gave the cause may share it
		return &e
	}
	if e := upstream.Untrusted(c.base.Host, err); e != nil {
		return e
	}
	if errors.Is(err, errTooLarge) {
		return outcrop.Errorf(bedrock.CodeModelError, "%s: %w", c.base.Host, err)
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "the server at %s %s: %w", c.base, upstream.Trouble(err), err)
}

// maxErrorBody is how much of an error's body is read, in bytes. A failed
// Construct's holds the value that came closest.
const maxErrorBody = 4 << 20

// errorBody is the JSON of an error.
type errorBody struct {
	Message string `json:"message"`
	// Of an error within a stream whose operation does not have its code.
	OriginalMessage string `json:"originalMessage"`
	// What AWS's errors have no members for.
	Own struct {
		Field   string              `json:"field"`
		Partial bedrock.Document    `json:"partial"`
		Usage   *bedrock.TokenUsage `json:"usage"`
	} `json:"outcrop"`
}

// refusal is the error of a reply that is one.
func (c *Client) refusal(status int, header http.Header, text []byte) *outcrop.Error {
	code := upstream.CleanCode(header.Get("X-Amzn-Errortype"))
	e := errorOf(code, text)
	e.RequestID, e.RetryAfter = header.Get(headerRequestID), upstream.RetryAfter(header.Get("Retry-After"))
	e.Attempts, e.MaxAttempts = attempts(header)
	if !known(e.Code) {
		e.Code = upstream.CodeOfStatus(status)
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("%s answered %d %s", c.base.Host, status, http.StatusText(status))
		if code == "" {
			e.Message += ": is it an Outcrop server?"
		}
	}
	e.Retryable = bedrock.Code(e.Code).Retryable
	return e
}

// inBand is the error that a frame of a stream carries.
func inBand(m eventstream.Message) *outcrop.Error {
	code := upstream.CleanCode(string(m.ExceptionType()))
	if code != "" {
		code = strings.ToUpper(code[:1]) + code[1:]
	}
	e := errorOf(code, m.Payload)
	if !known(e.Code) {
		e.Code = bedrock.CodeModelStreamError
	}
	if e.Message == "" {
		e.Message = "the model's stream failed"
	}
	e.Retryable = bedrock.Code(e.Code).Retryable
	return e
}

// errorOf reads the body of an error. A body that cannot be read is not
// repeated, since it may hold anything: the code speaks for it.
func errorOf(code string, text []byte) *outcrop.Error {
	if code == bedrock.CodeSchemaValidation {
		failure := new(bedrock.SchemaFailure)
		if bedrock.Unmarshal(text, failure) == nil {
			return &outcrop.Error{
				Code: code, Message: failure.Message, Field: "output",
				Partial: failure.PartialOutput, Usage: &failure.Usage, Cause: failure,
			}
		}
	}
	var body errorBody
	_ = bedrock.Unmarshal(text, &body)
	e := &outcrop.Error{Code: code, Message: body.Message, Field: body.Own.Field, Partial: body.Own.Partial, Usage: body.Own.Usage}
	if code != bedrock.CodeModelStreamError || body.OriginalMessage == "" {
		return e
	}
	// The server wraps a code that the stream's operation does not have.
	original, message, ok := strings.Cut(body.Message, ": ")
	if ok && message == body.OriginalMessage && known(original) {
		e.Code, e.Message = original, message
	}
	return e
}

// known tells whether package bedrock's table has a code.
func known(code string) bool {
	return code == bedrock.CodeInternalServer || bedrock.Code(code).Status != http.StatusInternalServerError
}
