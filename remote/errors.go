package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// failure is the error of a call that got no answer, or one that could not be
// read.
func (c *Client) failure(w *wait, err error, requestID string) *outcrop.Error {
	e := c.classify(w, err)
	e.RequestID = requestID
	return e
}

func (c *Client) classify(w *wait, err error) *outcrop.Error {
	if cause := context.Cause(w.ctx); cause != nil {
		if late, ok := errors.AsType[*lateError](cause); ok {
			return outcrop.Errorf(bedrock.CodeModelTimeout, "%s: %w", c.base.Host, late)
		}
		e := *outcrop.AsError(cause) // whoever gave the cause may share it
		return &e
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		e := outcrop.Errorf(bedrock.CodeServiceUnavailable, "the certificate of %s is not to be trusted: %w", c.base.Host, certificate)
		e.Retryable = false // it will be the same one
		return e
	}
	if errors.Is(err, errTooLarge) {
		return outcrop.Errorf(bedrock.CodeModelError, "%s: %w", c.base.Host, err)
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "the server at %s %s: %w", c.base, trouble(err), err)
}

// trouble says in a few words what kind of failure of the network it was.
func trouble(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "cannot be reached"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "cut the connection"
	}
	return "did not answer as it should"
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
	code := cleanCode(header.Get("X-Amzn-Errortype"))
	e := errorOf(code, text)
	e.RequestID, e.RetryAfter = header.Get(headerRequestID), retryAfter(header.Get("Retry-After"))
	e.Attempts, e.MaxAttempts = attempts(header)
	if !known(e.Code) {
		e.Code = codeOfStatus(status)
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
	code := cleanCode(string(m.ExceptionType()))
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

// cleanCode is an error code without what AWS's services put around one: a
// namespace before #, a URL after :.
func cleanCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	code = strings.TrimSpace(code[strings.LastIndexByte(code, '#')+1:])
	if len(code) > 128 || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return code
}

// codeOfStatus is the code of an error that has none, from a proxy perhaps.
func codeOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return bedrock.CodeAccessDenied
	case http.StatusNotFound:
		return bedrock.CodeResourceNotFound
	case http.StatusRequestTimeout:
		return bedrock.CodeModelTimeout
	case http.StatusRequestEntityTooLarge:
		return bedrock.CodeRequestTooLarge
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
	return bedrock.CodeServiceUnavailable // a redirection, which no server of ours sends
}

// maxRetryAfter bounds what is believed.
const maxRetryAfter = time.Hour

// retryAfter reads Retry-After in its form of seconds.
func retryAfter(value string) time.Duration {
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
}
