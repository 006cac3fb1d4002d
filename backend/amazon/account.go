package amazon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// What follows looks at an account without asking a model: none of it costs
// anything.

// Identity is who the credentials are.
type Identity struct {
	Account string
	ARN     string
}

// AtAWS tells whether the calls go to AWS, or to what stands for all of it:
// not when only Bedrock's endpoint is another server's.
func (b *Backend) AtAWS() bool {
	if os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_STS") != "" {
		return true
	}
	return isAWSHost(b.base[runtimeService.host].Hostname())
}

// Bearer tells whether a bearer token is sent, which stands for no identity
// that can be asked for.
func (b *Backend) Bearer() bool { return b.auth.bearer != "" }

// Identity asks AWS's Security Token Service who the credentials are. It takes
// no permission.
func (b *Backend) Identity(ctx context.Context) (Identity, error) {
	client := sts.NewFromConfig(b.loaded, func(o *sts.Options) { o.RetryMaxAttempts = 1 })
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, b.sdkError(ctx, err)
	}
	return Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}, nil
}

// sdkError makes an error of the SDK one of Outcrop's.
func (b *Backend) sdkError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return outcrop.AsError(cause)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		header := http.Header{"X-Amzn-Errortype": {api.ErrorCode()}}
		text, _ := bedrock.Marshal(errorBody{Message: api.ErrorMessage()})
		return ours(refused(http.StatusBadRequest, header, text))
	}
	if _, ok := errors.AsType[*smithy.OperationError](err); ok && strings.Contains(err.Error(), "get identity") {
		e := outcrop.Errorf(bedrock.CodeUnrecognizedClient, "there are no AWS credentials: %s", b.auth.advice())
		e.Cause = err
		return e
	}
	return outcrop.Errorf(bedrock.CodeServiceUnavailable, "AWS %s: %w", upstream.Trouble(err), err)
}

// Availability is what the account may do with a model.
type Availability struct {
	Agreement   string // AVAILABLE, PENDING, NOT_AVAILABLE, ERROR: the terms of the model's provider
	Authorized  bool
	Entitled    bool // access to the model was granted
	InRegion    bool // the Region has it
	Description string
}

// availability is an operation that the models of package bedrock do not list.
var availability = &operation{
	Operation: &bedrock.Operation{Name: "GetFoundationModelAvailability", Service: controlService.host, Method: http.MethodGet},
	pieces:    []string{"/foundation-model-availability/", "modelId"},
}

// Availability asks for a model's. It takes
// bedrock:GetFoundationModelAvailability.
func (b *Backend) Availability(ctx context.Context, modelID string) (Availability, error) {
	call := &outcrop.Call{Operation: availability.Name, ModelID: baseModel(modelID), Caller: outcrop.OriginOf(ctx).Caller}
	reply, err := b.exchange(ctx, availability, call, nil)
	if err != nil {
		return Availability{}, err
	}
	text, err := reply.Body()
	if err != nil {
		return Availability{}, outcrop.AsError(err)
	}
	var said struct {
		Agreement struct {
			Status  string `json:"status"`
			Message string `json:"errorMessage"`
		} `json:"agreementAvailability"`
		Authorization string `json:"authorizationStatus"`
		Entitlement   string `json:"entitlementAvailability"`
		Region        string `json:"regionAvailability"`
	}
	if err := bedrock.Unmarshal(text, &said); err != nil {
		return Availability{}, outcrop.Errorf(bedrock.CodeModelError, "the reply to %s cannot be read: %w", availability.Name, err)
	}
	return Availability{
		Agreement: said.Agreement.Status, Description: said.Agreement.Message, Authorized: said.Authorization == "AUTHORIZED",
		Entitled: said.Entitlement == "AVAILABLE", InRegion: said.Region == "AVAILABLE",
	}, nil
}

// MayInvoke asks a model for nothing: a request without messages, which is
// refused. That it is refused as invalid says that the credentials may invoke
// the model; no token is read or written, so it costs nothing. The error is the
// one that a call would get.
func (b *Backend) MayInvoke(ctx context.Context, modelID string, stream bool) error {
	operation := bedrock.OpConverse
	if stream {
		operation = bedrock.OpConverseStream
	}
	call := &outcrop.Call{Operation: operation, ModelID: modelID, Caller: outcrop.OriginOf(ctx).Caller, Raw: []byte(`{"messages":[]}`)}
	reply, err := b.Do(ctx, call)
	switch {
	case err == nil && reply.Stream != nil:
		return reply.Stream.Close()
	case err == nil:
		return nil
	}
	// A wrong id and a model that wants a profile are ValidationExceptions too.
	e := outcrop.AsError(err)
	text := strings.ToLower(e.Message)
	if e.Code == bedrock.CodeValidation && !strings.Contains(text, "identifier") && !strings.Contains(text, "throughput") {
		return nil
	}
	return err
}

// Skew is how far this machine's clock is ahead of the service's, to within the
// second that an HTTP date has. It sends an unsigned request, which any answer
// to is good for.
func (b *Backend) Skew(ctx context.Context) (time.Duration, error) {
	u := *b.base[runtimeService.host]
	u.Path, u.RawPath = "/", ""
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return 0, outcrop.AsError(err)
	}
	before := b.auth.now()
	resp, err := b.transport.RoundTrip(r)
	if err != nil {
		return 0, outcrop.Errorf(bedrock.CodeServiceUnavailable, "%s %s: %w", u.Host, upstream.Trouble(err), err)
	}
	resp.Body.Close()
	after := b.auth.now()
	at, err := http.ParseTime(first(resp.Header, "Date"))
	if err != nil {
		return 0, outcrop.Errorf(bedrock.CodeModelError, "the answer of %s has no date", u.Host)
	}
	ahead := before.Add(after.Sub(before) / 2).Sub(at.Add(time.Second / 2))
	return ahead.Round(time.Second), nil
}
