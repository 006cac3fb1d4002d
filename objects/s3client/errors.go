package s3client

import (
	"context"
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// where names the service, for messages.
func (s *Store) where() string {
	if s.endpoint != "" {
		return s.endpoint
	}
	return "Amazon S3"
}

// failure is an error of the SDK as one about the object. done says what could
// not be done: "read", "written".
func (s *Store) failure(done, uri string, err error) error {
	e := s.judge(done, objects.Shown(uri), err)
	e.Cause = err
	return e
}

func (s *Store) judge(done, uri string, err error) *outcrop.Error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return outcrop.AsError(err)
	}
	status := 0
	var header http.Header
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
		if r.Response != nil {
			header = r.Response.Header
		}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return s.unanswered(done, uri, status, err)
	}
	said := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		said += ": " + objects.Shown(m)
	}
	switch api.ErrorCode() {
	case "NoSuchBucket":
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "the bucket of %s does not exist", uri)
	case "NoSuchKey", "NotFound":
		return outcrop.Errorf(bedrock.CodeResourceNotFound, "the object %s does not exist", uri)
	case "PreconditionFailed":
		return outcrop.Errorf(bedrock.CodeConflict, "%s was replaced while it was %s", uri, done)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		region := ""
		if r := header.Get("X-Amz-Bucket-Region"); r != "" {
			region = " (" + objects.Shown(r) + ")"
		}
		return outcrop.Errorf(bedrock.CodeValidation, "%s cannot be %s: its bucket is in another Region%s than %s, in which it was looked for; the setting is objects.region (%s)", uri, done, region, s.region, said)
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests":
		return outcrop.Errorf(bedrock.CodeThrottling, "%s cannot be %s now: %s says %s", uri, done, s.where(), said)
	}
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized, strings.HasSuffix(api.ErrorCode(), "Token"):
		return outcrop.Errorf(bedrock.CodeAccessDenied, "%s cannot be %s: %s says %s", uri, done, s.where(), said)
	case status >= http.StatusInternalServerError:
		return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be %s: %s says %s", uri, done, s.where(), said)
	}
	e := outcrop.Errorf(bedrock.CodeValidation, "%s cannot be %s: %s says %s", uri, done, s.where(), said)
	if status == http.StatusConflict {
		e = outcrop.Errorf(bedrock.CodeConflict, "%s cannot be %s: %s says %s", uri, done, s.where(), said)
	}
	return e
}

// unanswered is an error that S3 did not send. It does not repeat everything
// that the SDK tells, which may hold signed URLs.
func (s *Store) unanswered(done, uri string, status int, err error) *outcrop.Error {
	if late, ok := errors.AsType[*lateError](err); ok {
		return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be %s: %s did not begin to answer within %v", uri, done, s.where(), late.within)
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "get identity"), strings.Contains(text, "failed to refresh cached credentials"):
		return outcrop.Errorf(bedrock.CodeAccessDenied, "%s cannot be %s: no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in objects.profile", uri, done)
	case strings.Contains(text, "checksum did not match"):
		return outcrop.Errorf(bedrock.CodeInternalServer, "%s cannot be %s: what arrived has another checksum than what %s stores", uri, done, s.where())
	case status != 0:
		return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be %s: %s answered with status %d and nothing that S3 would say; is it an S3 service?", uri, done, s.where(), status)
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s cannot be %s: %s cannot be reached", uri, done, s.where())
}
