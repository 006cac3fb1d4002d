package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// ownErrorMembers are the parts of an outcrop.Error that AWS's errors lack.
type ownErrorMembers struct {
	Field   string              `json:"field,omitzero"`
	Partial bedrock.Document    `json:"partial,omitzero"`
	Usage   *bedrock.TokenUsage `json:"usage,omitzero"`
}

// IsZero tells whether there is nothing to say.
func (m ownErrorMembers) IsZero() bool { return m.Field == "" && m.Partial == nil && m.Usage == nil }

// statusError is an error whose HTTP status is not the one of its code.
type statusError struct {
	status int
	header http.Header
	err    *outcrop.Error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// fail answers with an error: the one writer of errors.
func (x *exchange) fail(err error) {
	status, e := x.judge(err)
	x.code = e.Code
	x.takeRest()
	header := x.w.Header()
	header["X-Amzn-Errortype"] = []string{e.Code}
	tellAttempts(header, e.Attempts, e.MaxAttempts)
	if e.RetryAfter > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		header["Retry-After"] = []string{strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10)} // whole seconds, not too few
	}
	if s, ok := errors.AsType[*statusError](err); ok {
		for name, values := range s.header {
			header[name] = values
		}
	}
	_ = x.send(status, contentJSON, errorBody(e))
}

// judge finds the code and the HTTP status of an error.
func (x *exchange) judge(err error) (int, *outcrop.Error) {
	if x.draining() {
		err = outcrop.Errorf(bedrock.CodeServiceUnavailable, "The server is shutting down.")
	}
	if refused, ok := errors.AsType[*sigv4.Error](err); ok {
		return refused.Status, &outcrop.Error{Code: refused.Code, Message: refused.Message}
	}
	e := outcrop.AsError(err)
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.status, e
	}
	return bedrock.Code(e.Code).Status, e
}

// errorBody is the JSON of an error: its message, or what a failed Construct
// has to tell. What AWS's errors have no members for stands beside it, where
// Outcrop's own client finds it and others pass over it.
func errorBody(e *outcrop.Error) []byte {
	var body any = struct {
		Message string          `json:"message"`
		Own     ownErrorMembers `json:"outcrop,omitzero"`
	}{e.Message, ownErrorMembers{e.Field, e.Partial, e.Usage}}
	if failure, ok := errors.AsType[*bedrock.SchemaFailure](e); ok && e.Code == bedrock.CodeSchemaValidation {
		body = failure
	}
	text, err := bedrock.Marshal(body)
	if err != nil { // a partial value that is no JSON, or a message that is no UTF-8
		return []byte(`{"message":"the error could not be written as JSON"}`)
	}
	return text
}
