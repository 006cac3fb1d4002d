package s3client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// answering is an HTTP client whose reads do not wait for ever for an answer to
// begin, from a service that has taken the connection and says nothing. Each try
// has its own time, so that the SDK asks again. What is written may take as long
// as it does to be sent.
type answering struct {
	next   aws.HTTPClient
	within time.Duration
}

func (a answering) Do(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return a.next.Do(r)
	}
	ctx, cancel := context.WithCancel(r.Context())
	timer := time.AfterFunc(a.within, cancel)
	response, err := a.next.Do(r.WithContext(ctx))
	late := !timer.Stop() && r.Context().Err() == nil
	switch {
	case late:
		cancel()
		if err == nil {
			response.Body.Close()
		}
		return nil, &lateError{a.within}
	case err != nil:
		cancel()
		return nil, err
	}
	response.Body = &answer{response.Body, cancel}
	return response, nil
}

// answer is a body that frees what its request holds.
type answer struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (a *answer) Close() error {
	defer a.cancel()
	return a.ReadCloser.Close()
}

// lateError is an answer that did not begin in time. It is a timeout, after which
// the SDK asks again.
type lateError struct{ within time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("no answer began within %v", e.within) }
func (*lateError) Timeout() bool   { return true }
