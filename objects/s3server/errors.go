package s3server

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// apiError is an error as S3 tells it.
type apiError struct {
	code    string
	status  int
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fail(code string, status int, format string, args ...any) error {
	message := format
	if len(args) > 0 {
		message = fmt.Sprintf(format, args...)
	}
	return &apiError{code, status, message}
}

func invalid(format string, args ...any) error {
	return fail("InvalidArgument", http.StatusBadRequest, format, args...)
}

// errNotModified ends a reply that has no body.
var errNotModified = &apiError{"NotModified", http.StatusNotModified, ""}

// judge is any error as S3 would tell it.
func judge(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		code, status := e.S3()
		return &apiError{code, status, e.Message}
	}
	e := outcrop.AsError(err)
	switch {
	case errors.Is(err, objects.ErrNoUpload):
		return &apiError{"NoSuchUpload", http.StatusNotFound, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."}
	case errors.Is(err, objects.ErrPrecondition):
		return &apiError{"PreconditionFailed", http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold"}
	case errors.Is(err, objects.ErrBucketNotEmpty):
		return &apiError{"BucketNotEmpty", http.StatusConflict, "The bucket you tried to delete is not empty"}
	}
	switch e.Code {
	case bedrock.CodeResourceNotFound:
		return &apiError{"NoSuchKey", http.StatusNotFound, "The specified key does not exist."}
	case bedrock.CodeAccessDenied:
		return &apiError{"AccessDenied", http.StatusForbidden, e.Message}
	case bedrock.CodeConflict:
		return &apiError{"KeyConflict", http.StatusConflict, e.Message}
	case bedrock.CodeValidation:
		return &apiError{"InvalidArgument", http.StatusBadRequest, e.Message}
	case bedrock.CodeModelTimeout: // an ended context
		return &apiError{"RequestTimeout", http.StatusBadRequest, "The request ended before it was answered."}
	case bedrock.CodeInternalServer:
		return &apiError{"InternalError", http.StatusInternalServerError, e.Message}
	}
	return &apiError{"InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again."}
}

// xmlError is the body of an error.
type xmlError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Bucket    string `xml:"BucketName,omitempty"`
	Key       string `xml:",omitempty"`
	Resource  string
	RequestID string `xml:"RequestId"`
}

func (c *call) xmlError(e *apiError) *xmlError {
	return &xmlError{Code: e.code, Message: e.message, Bucket: c.bucket, Key: c.key, Resource: c.r.URL.Path, RequestID: c.id}
}

// fail answers with an error. A reply that has begun is cut off, which the
// client sees.
func (c *call) fail(err error) {
	if c.begun {
		panic(http.ErrAbortHandler)
	}
	e := judge(err)
	if e.status == http.StatusNotModified {
		c.begin(e.status)
		return
	}
	header := c.w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Cache-Control", "Content-Disposition", "Content-Language", "Expires", "Last-Modified", "Etag", "Accept-Ranges"} {
		header.Del(name) // they were about the object
	}
	_ = c.sendXML(e.status, c.xmlError(e))
}
