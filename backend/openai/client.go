package openai

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// send asks the server. path is below the base URL, or below its root when
// it begins with "//". The caller closes the body of a response; a response
// that is an error has been read and closed.
func (b *Backend) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	url := b.config.BaseURL + path
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		url = strings.TrimSuffix(b.config.BaseURL, "/v1") + "/" + rest
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, reader) //nolint:gosec // the configuration names the server
	if err != nil {
		return nil, outcrop.Errorf(bedrock.CodeInternalServer, "the request to the server cannot be made")
	}
	if body != nil {
		req.Header["Content-Type"] = jsonHeader
	}
	req.Header["User-Agent"] = agentHeader
	// llama-server closes a connection after a stream without saying so, and a
	// request may be on its way into it by then. The empty header, which is
	// not sent, lets net/http send such a request again on a new connection,
	// when no byte of a response has come; all requests here can be repeated.
	req.Header["Idempotency-Key"] = nil
	for name, value := range b.config.Header {
		req.Header.Set(name, value)
	}
	if b.config.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+b.config.APIKey)
	}
	res, err := b.client.Do(req) //nolint:gosec // as above
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // what arrived is enough to judge by
	e := classify(res.StatusCode, text)
	e.RequestID, e.RetryAfter = res.Header.Get("X-Request-Id"), upstream.RetryAfter(res.Header.Get("Retry-After"))
	return nil, e
}

var (
	jsonHeader  = []string{"application/json"}
	agentHeader = []string{"outcrop"}
)

// maxErrorBody is how much of an error's body is read.
const maxErrorBody = 64 << 10

// readAll reads a whole reply, up to the limit.
func (b *Backend) readAll(ctx context.Context, res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	size := 4096
	if n := res.ContentLength; n > 0 && n < 1<<20 {
		size = int(n) + 1 // the reader sees the end without growing
	}
	text := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	n, err := text.ReadFrom(io.LimitReader(res.Body, b.config.MaxReply+1))
	switch {
	case err != nil:
		return nil, broken(ctx, err)
	case n > b.config.MaxReply:
		return nil, outcrop.Errorf(bedrock.CodeModelError, "the server's reply is longer than the limit of %d bytes", b.config.MaxReply)
	}
	return text.Bytes(), nil
}

// unreachable is the error of a request that brought no response.
func unreachable(ctx context.Context, err error) *outcrop.Error {
	if e := ended(ctx); e != nil {
		return e
	}
	if e := upstream.Untrusted("the server", err); e != nil {
		return e
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return unavailable("the server cannot be reached", err)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return unavailable("the server cannot be reached in time", err)
	}
	return unavailable("the connection to the server broke before it answered", err)
}

// broken is the error of a reply that broke off before any of it was
// delivered.
func broken(ctx context.Context, err error) *outcrop.Error {
	if e := ended(ctx); e != nil {
		return e
	}
	return unavailable("the server's reply broke off", err)
}

func unavailable(message string, cause error) *outcrop.Error {
	e := outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s", message)
	e.Cause = cause
	return e
}

// ended is the error of a call whose context has ended: a limit's, or the
// caller's.
func ended(ctx context.Context) *outcrop.Error {
	if ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if s, ok := errors.AsType[*upstream.LateError](cause); ok {
		e := outcrop.Errorf(bedrock.CodeModelTimeout, "%w", s)
		return e
	}
	return outcrop.AsError(cause)
}
