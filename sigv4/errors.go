package sigv4

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Reason says why a request was refused.
type Reason uint8

// The reasons, each with its codes in the table below.
const (
	// MissingToken: the request has neither signature nor token.
	MissingToken Reason = iota
	// Incomplete: a part of the signature is missing or cannot be read.
	Incomplete
	// UnknownKey: nobody has this access key.
	UnknownKey
	// Mismatch: the signature is not that of the request.
	Mismatch
	// BadScope: the signature is for another date, region or service.
	BadScope
	// Expired: the signature is too old, NotYetCurrent: it is from the future.
	Expired
	NotYetCurrent
	// BodyMismatch: the body is not the one whose hash was signed.
	BodyMismatch
	// UnsignedHeader: a header that has to be signed is not.
	UnsignedHeader
	// UnsupportedBody: the body is signed in a way that is not served here.
	UnsupportedBody
	// BadToken: nobody has this bearer token.
	BadToken
	// MissingHash: the head does not say how the body is signed.
	MissingHash
	// BadChunk: a body in chunks is malformed, or ends early.
	BadChunk
)

// codes are what a client of Bedrock, and one of S3, sees for each reason.
// Bedrock answers 403 to all of them.
var codes = [...]struct {
	bedrock  string
	s3       string
	s3Status int
}{
	MissingToken:    {"MissingAuthenticationTokenException", "AccessDenied", http.StatusForbidden},
	Incomplete:      {"IncompleteSignatureException", "AuthorizationHeaderMalformed", http.StatusBadRequest},
	UnknownKey:      {"UnrecognizedClientException", "InvalidAccessKeyId", http.StatusForbidden},
	Mismatch:        {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	BadScope:        {"InvalidSignatureException", "AuthorizationHeaderMalformed", http.StatusBadRequest},
	Expired:         {"InvalidSignatureException", "RequestTimeTooSkewed", http.StatusForbidden},
	NotYetCurrent:   {"InvalidSignatureException", "RequestTimeTooSkewed", http.StatusForbidden},
	BodyMismatch:    {"InvalidSignatureException", "XAmzContentSHA256Mismatch", http.StatusBadRequest},
	UnsignedHeader:  {"InvalidSignatureException", "AccessDenied", http.StatusForbidden},
	UnsupportedBody: {"InvalidSignatureException", "NotImplemented", http.StatusNotImplemented},
	BadToken:        {"AccessDeniedException", "AccessDenied", http.StatusForbidden},
	MissingHash:     {"InvalidSignatureException", "InvalidRequest", http.StatusBadRequest},
	BadChunk:        {"InvalidSignatureException", "IncompleteBody", http.StatusBadRequest},
}

// Error is the only error of Parse and Verify. Its message is for the client:
// it holds names and times, never a secret, a token or a signature.
type Error struct {
	// Reason tells the cases apart where AWS's codes do not.
	Reason Reason
	// Code is what Bedrock puts into x-amzn-ErrorType.
	Code string
	// Message is worded as AWS words it, so that what people know of it helps.
	Message string
	// Status is the HTTP status that Bedrock answers with.
	Status int
}

// Error joins code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// S3 is the code and the status that S3 gives for the same reason.
func (e *Error) S3() (code string, status int) {
	c := codes[e.Reason]
	return c.s3, c.s3Status
}

func fail(reason Reason, format string, args ...any) *Error {
	message := format
	if len(args) > 0 { // every request without a signature comes here
		message = fmt.Sprintf(format, args...)
	}
	return &Error{
		Reason:  reason,
		Code:    codes[reason].bedrock,
		Message: message,
		Status:  http.StatusForbidden,
	}
}

func errMismatch() *Error {
	return fail(Mismatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func errUnknownKey() *Error {
	return fail(UnknownKey, "The security token included in the request is invalid.")
}

func errBadToken() *Error {
	return fail(BadToken, "Authentication failed: Please make sure your API Key is valid.")
}

func errExpired(signed, now time.Time, allowed time.Duration) *Error {
	return fail(Expired, "Signature expired: %s is now earlier than %s (%s - %s)",
		stamp(signed), stamp(now.Add(-allowed)), stamp(now), minutes(allowed))
}

func errNotYetCurrent(signed, now time.Time, allowed time.Duration) *Error {
	return fail(NotYetCurrent, "Signature not yet current: %s is still later than %s (%s + %s)",
		stamp(signed), stamp(now.Add(allowed)), stamp(now), minutes(allowed))
}

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func minutes(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min.", d/time.Minute)
	}
	return fmt.Sprintf("%d sec.", d/time.Second)
}

// quote shortens and quotes what came from the client and may be shown again.
func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return "'" + strings.ToValidUTF8(strings.Map(printable, s), "?") + "'"
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
