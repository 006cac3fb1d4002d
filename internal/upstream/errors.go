package upstream

import (
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
)

// Untrusted is the error of a host whose certificate is not to be trusted, or
// nil when err is no such thing.
func Untrusted(host string, err error) *outcrop.Error {
	certificate, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return nil
	}
	e := outcrop.Errorf(bedrock.CodeServiceUnavailable, "the certificate of %s is not to be trusted: %w", host, certificate)
	e.Retryable = false // it will be the same one
	return e
}

// Trouble says in a few words what kind of failure of the network it was, after
// the name of the host.
func Trouble(err error) string {
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

// CleanCode is an error code without what AWS's services put around one: a
// namespace before #, a URL after :. What cannot be a code is none.
func CleanCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	code = strings.TrimSpace(code[strings.LastIndexByte(code, '#')+1:])
	if len(code) > 128 || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return code
}

// CodeOfStatus is the code that fits an HTTP status, of an error that has none,
// from a proxy perhaps.
func CodeOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
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

// maxRetryAfter bounds what is believed.
const maxRetryAfter = time.Hour

// RetryAfter reads Retry-After in its form of seconds, an hour at most. The
// other form, a date, is passed over: clocks differ.
func RetryAfter(value string) time.Duration {
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
}
