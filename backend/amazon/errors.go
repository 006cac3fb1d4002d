package amazon

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// failure is the error of a call that got no answer, or an answer that could
// not be read. It tells what the caller's context, the limits and the network
// had to do with it.
func (b *Backend) failure(w *watch, op *operation, err error, requestID string) *outcrop.Error {
	e := b.classify(w, op, err)
	if e.RequestID == "" {
		e.RequestID = requestID
	}
	return e
}

func (b *Backend) classify(w *watch, op *operation, err error) *outcrop.Error {
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		return e
	}
	if cause := context.Cause(w.ctx); cause != nil {
		if late, ok := errors.AsType[*timeoutError](cause); ok {
			return outcrop.Errorf(bedrock.CodeModelTimeout, "%w", late)
		}
		return outcrop.AsError(cause)
	}
	host := b.base[op.Service].Host
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e := outcrop.Errorf(bedrock.CodeServiceUnavailable, "the certificate of %s is not to be trusted: %w", host, certificate)
		e.Retryable = false // it will be the same one
		return e
	}
	if errors.Is(err, errTooLarge) {
		return outcrop.Errorf(bedrock.CodeModelError, "%w", err)
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s %s: %w", host, trouble(err), err)
}

// trouble says in a few words what kind of failure of the network it was.
func trouble(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "cannot be reached"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "cannot be found"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "cut the connection"
	}
	return "did not answer as it should"
}

// maxErrorBody is how much of an error's body is read, in bytes.
const maxErrorBody = 64 << 10

// refusal is the error of a reply that is one. Its body is read first, also of
// a 5xx: it says what is wrong.
func (b *Backend) refusal(w *watch, op *operation, caller outcrop.Caller, resp *http.Response) *outcrop.Error {
	// What the body would have said is missing when it cannot be read, but the
	// status and the headers stand.
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && w.ctx.Err() != nil {
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
	code := cleanCode(first(header, "X-Amzn-Errortype"))
	if code == "" {
		code = cleanCode(body.Type)
	}
	if code == "" {
		code = cleanCode(body.Code)
	}
	named := code
	known := bedrock.Code(code)
	if alias, ok := aliases[code]; ok {
		code = alias
	} else if code == "" || known.Status == http.StatusInternalServerError && code != bedrock.CodeInternalServer {
		code = codeOfStatus(status)
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
		Retryable: bedrock.Code(code).Retryable, RetryAfter: retryAfter(first(header, "Retry-After")),
	}
}

// cleanCode is an error code without what surrounds it: a namespace before #,
// a URL after :.
func cleanCode(code string) string {
	if i := strings.IndexByte(code, ':'); i >= 0 {
		code = code[:i]
	}
	if i := strings.LastIndexByte(code, '#'); i >= 0 {
		code = code[i+1:]
	}
	code = strings.TrimSpace(code)
	if len(code) > 128 || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return code
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

// codeOfStatus is the code that fits an HTTP status.
func codeOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return bedrock.CodeAccessDenied
	case http.StatusNotFound:
		return bedrock.CodeResourceNotFound
	case http.StatusRequestTimeout:
		return bedrock.CodeModelTimeout
	case http.StatusConflict:
		return bedrock.CodeConflict
	case http.StatusRequestEntityTooLarge:
		return bedrock.CodeRequestTooLarge
	case http.StatusFailedDependency:
		return bedrock.CodeModelError
	case http.StatusTooManyRequests:
		return bedrock.CodeThrottling
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return bedrock.CodeServiceUnavailable
	}
	switch {
	case status >= 500:
		return bedrock.CodeInternalServer
	case status >= 400:
		return bedrock.CodeValidation
	}
	return bedrock.CodeServiceUnavailable // a redirection, which a service does not send
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

// retryAfter reads Retry-After in its form of seconds. The other one, a date,
// is passed over: clocks differ.
func retryAfter(value string) time.Duration {
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// maxRetryAfter bounds what is believed.
const maxRetryAfter = time.Hour

// inBand is the error that a frame of a stream carries.
func inBand(m eventstream.Message) *outcrop.Error {
	var body errorBody
	_ = bedrock.Unmarshal(m.Payload, &body)
	code := cleanCode(string(m.ExceptionType()))
	if code == "" {
		code = cleanCode(string(m.ErrorCode()))
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
