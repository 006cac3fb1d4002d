package amazon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// failure is the error of a call that got no answer, or an answer that could
// not be read. It tells what the caller's context, the limits and the network
// had to do with it.
func (b *Backend) failure(w *upstream.Watch, op *operation, err error, requestID string) *outcrop.Error {
	e := *b.classify(w, op, err) // whoever gave a cause may share it
	if e.RequestID == "" {
		e.RequestID = requestID
	}
	return &e
}

func (b *Backend) classify(w *upstream.Watch, op *operation, err error) *outcrop.Error {
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		return e
	}
	if cause := context.Cause(w.Context()); cause != nil {
		if late, ok := errors.AsType[*upstream.LateError](cause); ok {
			return outcrop.Errorf(bedrock.CodeModelTimeout, "%w", late)
		}
		return outcrop.AsError(cause)
	}
	host := b.base[op.Service].Host
	if e := upstream.Untrusted(host, err); e != nil {
		return e
	}
	if errors.Is(err, errTooLarge) {
		return outcrop.Errorf(bedrock.CodeModelError, "%w", err)
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s %s: %w", host, upstream.Trouble(err), err)
}

// maxErrorBody is how much of an error's body is read, in bytes.
const maxErrorBody = 64 << 10

// refusal is the error of a reply that is one. Its body is read first, also of
// a 5xx: it says what is wrong.
func (b *Backend) refusal(w *upstream.Watch, op *operation, caller outcrop.Caller, resp *http.Response) *outcrop.Error {
	// What the body would have said is missing when it cannot be read, but the
	// status and the headers stand.
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && w.Context().Err() != nil {
		return b.failure(w, op, err, first(resp.Header, headerRequestID))
	}
	e := refused(resp.StatusCode, resp.Header, text)
	if e.Code == codeExpired {
		b.auth.refresh(caller)
	}
	e = ours(e)
	return e
}

// errorBody is the JSON of an error, as the services have been seen to write
// it.
type errorBody struct {
	Type    string `json:"__type"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Upper   string `json:"Message"`
}

// refused reads an error out of its parts: the code from the header, else from
// the body, else from the status.
func refused(status int, header http.Header, text []byte) *outcrop.Error {
	var body errorBody
	// A body that is no JSON, a proxy's page, is not repeated: it may hold
	// anything. The status speaks for it.
	_ = bedrock.Unmarshal(text, &body)
	code := upstream.CleanCode(first(header, "X-Amzn-Errortype"))
	if code == "" {
		code = upstream.CleanCode(body.Type)
	}
	if code == "" {
		code = upstream.CleanCode(body.Code)
	}
	named := code
	known := bedrock.Code(code)
	if alias, ok := aliases[code]; ok {
		code = alias
	} else if code == "" || known.Status == http.StatusInternalServerError && code != bedrock.CodeInternalServer {
		code = upstream.CodeOfStatus(status)
	}
	message := body.Message
	if message == "" {
		message = body.Upper
	}
	switch {
	case message == "":
		message = "Amazon Bedrock answered " + strconv.Itoa(status) + " " + http.StatusText(status)
		if named != "" {
			message += ", " + named
		}
	case named != code && named != "":
		message = named + ": " + message
	}
	return &outcrop.Error{
		Code: code, Message: message, RequestID: first(header, headerRequestID),
		Retryable: bedrock.Code(code).Retryable, RetryAfter: upstream.RetryAfter(first(header, "Retry-After")),
	}
}

const codeExpired = "ExpiredTokenException"

// aliases are other names that the services and what stands before them have
// for the same errors.
var aliases = map[string]string{
	"ServiceUnavailable":         bedrock.CodeServiceUnavailable,
	"InternalFailure":            bedrock.CodeInternalServer,
	"InternalServerError":        bedrock.CodeInternalServer,
	"Throttling":                 bedrock.CodeThrottling,
	"ThrottledException":         bedrock.CodeThrottling,
	"TooManyRequestsException":   bedrock.CodeThrottling,
	"AccessDenied":               bedrock.CodeAccessDenied,
	"ValidationError":            bedrock.CodeValidation,
	"RequestTimeout":             bedrock.CodeModelTimeout,
	"RequestTimeoutException":    bedrock.CodeModelTimeout,
	"ExpiredToken":               codeExpired,
	codeExpired:                  codeExpired,
	"InvalidClientTokenId":       bedrock.CodeUnrecognizedClient,
	"SignatureDoesNotMatch":      bedrock.CodeInvalidSignature,
	"RequestExpired":             bedrock.CodeInvalidSignature,
	"MissingAuthenticationToken": bedrock.CodeMissingAuthentication,
}

// ours makes an error about Outcrop's own credentials one that a caller can
// tell from an error about his.
func ours(e *outcrop.Error) *outcrop.Error {
	switch e.Code {
	case codeExpired, bedrock.CodeUnrecognizedClient, bedrock.CodeInvalidSignature, bedrock.CodeIncompleteSignature, bedrock.CodeMissingAuthentication:
		e.Message = "Amazon Bedrock refused Outcrop's credentials: " + e.Code + ": " + e.Message
		e.Retryable = e.Code == codeExpired // they are fetched anew
		e.Code = bedrock.CodeAccessDenied
	}
	return e
}

// inBand is the error that a frame of a stream carries.
func inBand(m eventstream.Message) *outcrop.Error {
	var body errorBody
	_ = bedrock.Unmarshal(m.Payload, &body)
	code := upstream.CleanCode(string(m.ExceptionType()))
	if code == "" {
		code = upstream.CleanCode(string(m.ErrorCode()))
		body.Message = string(m.ErrorMessage())
	}
	if code != "" {
		code = strings.ToUpper(code[:1]) + code[1:]
	}
	message := body.Message
	if message == "" {
		message = body.Upper
	}
	if alias, ok := aliases[code]; ok {
		code = alias
	}
	if known := bedrock.Code(code); code == "" || known.Status == http.StatusInternalServerError && code != bedrock.CodeInternalServer {
		message = strings.TrimPrefix(code+": "+message, ": ")
		code = bedrock.CodeModelStreamError
	}
	if message == "" {
		message = "the model's stream failed"
	}
	return ours(&outcrop.Error{Code: code, Message: message, Retryable: bedrock.Code(code).Retryable})
}
