package server_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	bedrockapi "github.com/aws/aws-sdk-go-v2/service/bedrock"
	bedrocktypes "github.com/aws/aws-sdk-go-v2/service/bedrock/types"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/server"
)

func userSays(text string) []types.Message {
	return []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: text}}}}
}

func textOf(t *testing.T, out types.ConverseOutput) string {
	t.Helper()
	message, ok := out.(*types.ConverseOutputMemberMessage)
	if !ok || len(message.Value.Content) != 1 {
		t.Fatalf("the reply is %#v", out)
	}
	block, ok := message.Value.Content[0].(*types.ContentBlockMemberText)
	if !ok {
		t.Fatalf("the block is %#v", message.Value.Content[0])
	}
	return block.Value
}

// TestSDK: the AWS SDK for Go, unmodified, calls what it knows: on an open
// loopback server, with verified signatures, and so over HTTP/2.
func TestSDK(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config server.Config
		http2  bool
	}{
		{"open", server.Config{}, false},
		{"verified", server.Config{Keys: keyring(t)}, false},
		{"verified over h2c", server.Config{Keys: keyring(t)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, tt.config)
			c := runtimeClient(t, r, func(o *bedrockruntime.Options) {
				if tt.http2 {
					var protocols http.Protocols
					protocols.SetUnencryptedHTTP2(true)
					o.HTTPClient = client(t, &http.Transport{Protocols: &protocols})
				}
			})
			ctx := t.Context()

			t.Run("Converse", func(t *testing.T) {
				out, err := c.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("how are you")})
				if err != nil {
					t.Fatal(err)
				}
				if got := textOf(t, out.Output); got != "how are you" {
					t.Errorf("text %q", got)
				}
				if *out.Usage.TotalTokens != 6 || out.StopReason != types.StopReasonEndTurn {
					t.Errorf("usage %d, stop reason %s", *out.Usage.TotalTokens, out.StopReason)
				}
			})
			t.Run("ConverseStream", func(t *testing.T) {
				out, err := c.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String(modelID), Messages: userSays("one two three")})
				if err != nil {
					t.Fatal(err)
				}
				text, tokens := readStream(out)
				if err := out.GetStream().Err(); err != nil {
					t.Fatal(err)
				}
				if text != "one two three" || tokens != 6 {
					t.Errorf("text %q, %d tokens", text, tokens)
				}
			})
			t.Run("InvokeModel", func(t *testing.T) {
				out, err := c.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(modelID), Body: []byte(`{"prompt":"a b"}`)})
				if err != nil {
					t.Fatal(err)
				}
				if string(out.Body) != `{"completion":"a b"}` || *out.ContentType != "application/json" {
					t.Errorf("%s %s", *out.ContentType, out.Body)
				}
			})
			t.Run("InvokeModelWithResponseStream", func(t *testing.T) {
				out, err := c.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{
					ModelId: aws.String(modelID), Body: []byte(`{"prompt":"x y z"}`),
				})
				if err != nil {
					t.Fatal(err)
				}
				var words []string
				for event := range out.GetStream().Events() {
					var chunk struct{ Completion string }
					part := event.(*types.ResponseStreamMemberChunk)
					if err := json.Unmarshal(part.Value.Bytes, &chunk); err != nil {
						t.Fatal(err)
					}
					words = append(words, chunk.Completion)
				}
				if err := out.GetStream().Err(); err != nil || strings.Join(words, " ") != "x y z" {
					t.Errorf("%v, error %v", words, err)
				}
			})
			t.Run("CountTokens", func(t *testing.T) {
				for _, model := range []string{modelID, "us." + modelID, "arn:aws:bedrock:us-east-1::foundation-model/" + modelID} {
					for _, input := range []types.CountTokensInput{
						&types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: userSays("a b c d")}},
						&types.CountTokensInputMemberInvokeModel{Value: types.InvokeModelTokensRequest{Body: []byte(`{"prompt":"a b c d"}`)}},
					} {
						out, err := c.CountTokens(ctx, &bedrockruntime.CountTokensInput{ModelId: aws.String(model), Input: input})
						if err != nil {
							t.Fatal(err)
						}
						if *out.InputTokens != 4 {
							t.Errorf("%s, %T: %d tokens, want 4", model, input, *out.InputTokens)
						}
					}
				}
			})
			t.Run("ListFoundationModels", func(t *testing.T) {
				out, err := controlClient(t, r).ListFoundationModels(ctx, &bedrockapi.ListFoundationModelsInput{ByOutputModality: bedrocktypes.ModelModalityText})
				if err != nil {
					t.Fatal(err)
				}
				if len(out.ModelSummaries) != 2 || *out.ModelSummaries[0].ModelArn != "arn:aws:bedrock:"+region+"::foundation-model/"+modelID {
					t.Errorf("%d models, the first is %s", len(out.ModelSummaries), *out.ModelSummaries[0].ModelArn)
				}
			})
		})
	}
}

// readStream reads a Converse stream's text and its number of tokens.
func readStream(out *bedrockruntime.ConverseStreamOutput) (text string, tokens int32) {
	defer out.GetStream().Close()
	for event := range out.GetStream().Events() {
		switch e := event.(type) {
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			if d, ok := e.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
				text += d.Value
			}
		case *types.ConverseStreamOutputMemberMetadata:
			tokens = *e.Value.Usage.TotalTokens
		}
	}
	return text, tokens
}

// TestCaller: who asks reaches the back-end with the region of the signature,
// and with the tenant where there is one.
func TestCaller(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config server.Config
		want   outcrop.Caller
	}{
		{"open", server.Config{}, outcrop.Caller{Account: "000000000000", Region: region}},
		{"verified", server.Config{Keys: keyring(t)}, outcrop.Caller{Tenant: tenant, Account: account, Region: region}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got outcrop.Call
			tt.config.Manager = manager(t, &echo{do: func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				got.Caller, got.RequestID, got.ModelID, got.Header = call.Caller, call.RequestID, call.ModelID, call.Header
				return nil, nil
			}})
			tt.config.NewID = func() string { return "the-id" }
			c := runtimeClient(t, start(t, tt.config))
			arn := "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
			out, err := c.InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{
				ModelId: aws.String(arn), Body: []byte(`{"prompt":"x"}`), Trace: types.TraceEnabled,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Caller != tt.want {
				t.Errorf("the caller is %+v, want %+v", got.Caller, tt.want)
			}
			if got.ModelID != arn || got.RequestID != "the-id" || got.Header["X-Amzn-Bedrock-Trace"] != "ENABLED" {
				t.Errorf("model %s, request id %s, header %v", got.ModelID, got.RequestID, got.Header)
			}
			if id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); !ok || id != "the-id" {
				t.Errorf("the SDK sees the request id %q", id)
			}
		})
	}
}

// TestErrorClasses: every code reaches the SDK as the class of its name, with
// its status, its message and the request id.
func TestErrorClasses(t *testing.T) {
	for _, tt := range []struct {
		code   string
		status int
		is     func(error) bool
	}{
		{bedrock.CodeValidation, 400, is[*types.ValidationException]},
		{bedrock.CodeThrottling, 429, is[*types.ThrottlingException]},
		{bedrock.CodeAccessDenied, 403, is[*types.AccessDeniedException]},
		{bedrock.CodeResourceNotFound, 404, is[*types.ResourceNotFoundException]},
		{bedrock.CodeModelTimeout, 408, is[*types.ModelTimeoutException]},
		{bedrock.CodeModelError, 424, is[*types.ModelErrorException]},
		{bedrock.CodeModelNotReady, 429, is[*types.ModelNotReadyException]},
		{bedrock.CodeServiceUnavailable, 503, is[*types.ServiceUnavailableException]},
		{bedrock.CodeInternalServer, 500, is[*types.InternalServerException]},
	} {
		t.Run(tt.code, func(t *testing.T) {
			config := backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
				return nil, outcrop.Errorf(tt.code, "because of %s", tt.code)
			})
			config.NewID = func() string { return "id-of-the-error" }
			c := runtimeClient(t, start(t, config))
			_, err := c.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("x")})
			checkError(t, err, tt.status, "because of "+tt.code, tt.is)
			_, err = c.ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String(modelID), Messages: userSays("x")})
			checkError(t, err, tt.status, "because of "+tt.code, tt.is)
		})
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func checkError(t *testing.T, err error, status int, message string, is func(error) bool) {
	t.Helper()
	if !is(err) {
		t.Fatalf("the error is of another class: %v", err)
	}
	api, _ := errors.AsType[smithy.APIError](err)
	reply, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || reply.HTTPStatusCode() != status || reply.ServiceRequestID() != "id-of-the-error" {
		t.Errorf("the reply is %v", reply)
	}
	if api.ErrorMessage() != message {
		t.Errorf("the message is %q, want %q", api.ErrorMessage(), message)
	}
}

// TestRetry: the SDK's own retries see a throttled reply as one, and the third
// attempt's answer as success.
func TestRetry(t *testing.T) {
	var asked atomic.Int32
	r := start(t, backend(t, func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		if asked.Add(1) < 3 {
			return nil, outcrop.Errorf(bedrock.CodeThrottling, "Too many requests, please wait before trying again.")
		}
		return nil, nil
	}))
	c := runtimeClient(t, r, func(o *bedrockruntime.Options) {
		o.RetryMaxAttempts = 3
		o.Retryer = instantly{o.Retryer}
	})
	out, err := c.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("again")})
	if err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, out.Output); got != "again" || asked.Load() != 3 {
		t.Errorf("text %q after %d attempts", got, asked.Load())
	}
}

// instantly is the SDK's retryer without its waiting.
type instantly struct{ aws.Retryer }

func (instantly) RetryDelay(int, error) (d time.Duration, err error) { return d, nil }
func (instantly) MaxAttempts() int                                   { return 3 }

// TestWrongKeys: who has no valid key is refused with AWS's codes and 403.
func TestWrongKeys(t *testing.T) {
	r := start(t, server.Config{Keys: keyring(t)})
	for _, tt := range []struct{ name, key, secret, code string }{
		{"unknown key", "AKIDUNKNOWN", testPass, "UnrecognizedClientException"},
		{"wrong secret", testKey, "not-the-secret", "InvalidSignatureException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := runtimeClient(t, r, func(o *bedrockruntime.Options) { o.Credentials = credentials(tt.key, tt.secret) })
			_, err := c.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("x")})
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != tt.code {
				t.Fatalf("error %v, want the code %s", err, tt.code)
			}
			if reply, _ := errors.AsType[*awshttp.ResponseError](err); reply.HTTPStatusCode() != http.StatusForbidden {
				t.Errorf("status %d", reply.HTTPStatusCode())
			}
		})
	}
}

// TestBearer: the SDK sends a bearer token over TLS, where it may, and HTTP/2.
func TestBearer(t *testing.T) {
	certificate, pool := selfSigned(t)
	r := start(t, server.Config{Keys: keyring(t), TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	ask := func(token string) error {
		c := runtimeClient(t, r, func(o *bedrockruntime.Options) {
			o.AuthSchemePreference = []string{"httpBearerAuth"}
			o.BearerAuthTokenProvider = bearer.StaticTokenProvider{Token: bearer.Token{Value: token}}
			o.HTTPClient = client(t, &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}})
		})
		_, err := c.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String(modelID), Messages: userSays("x")})
		return err
	}
	if err := ask("the-token-of-team-a"); err != nil {
		t.Error(err)
	}
	if err := ask("another"); !is[*types.AccessDeniedException](err) {
		t.Errorf("another token: %v", err)
	}
}

// TestInBand: an error after the first event arrives in the stream, as an
// exception of the operation's union, and so does a premature end.
func TestInBand(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  error // nil: the stream just stops
		is   func(error) bool
		want string
	}{
		{"throttled", outcrop.Errorf(bedrock.CodeThrottling, "slow down"), is[*types.ThrottlingException], "slow down"},
		{"stream error", outcrop.Errorf(bedrock.CodeModelStreamError, "the model broke"), is[*types.ModelStreamErrorException], "the model broke"},
		{"a code without an event", outcrop.Errorf(bedrock.CodeModelError, "bad model"), is[*types.ModelStreamErrorException], "ModelErrorException: bad model"},
		{"unavailable", outcrop.Errorf(bedrock.CodeServiceUnavailable, "gone"), is[*types.ServiceUnavailableException], "gone"},
		{"cut short", nil, is[*types.ModelStreamErrorException], "ended before its metadata event"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := runtimeClient(t, start(t, backend(t, func(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
				return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(broken(tt.end), nil)), nil
			})))
			out, err := c.ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{ModelId: aws.String(modelID), Messages: userSays("x")})
			if err != nil {
				t.Fatal(err)
			}
			text, _ := readStream(out)
			if text != "half a" {
				t.Errorf("text %q", text)
			}
			err = out.GetStream().Err()
			if !tt.is(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the stream ended with %v, want %q", err, tt.want)
			}
		})
	}
}

// broken are two events and an error, or just the two.
func broken(end error) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		start := &bedrock.ConverseStreamOutput{MessageStart: &bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}}
		if yield(bedrock.NewEvent(start), nil) && yield(bedrock.NewEvent(delta("half a")), nil) && end != nil {
			yield(bedrock.Event{}, end)
		}
	}
}
