package amazon

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/sleep"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// Name is what the back-end calls itself in a reply's Meta.
const Name = "amazon"

// Backend sends calls to Amazon Bedrock, in one Region. It is safe for
// concurrent use, and starts no goroutine beyond those of its connections.
type Backend struct {
	place     Place
	via       string // after the last entry in the header Via: which back-end sent it on
	loaded    aws.Config
	base      map[string]*url.URL // by service
	auth      *authorizer
	transport http.RoundTripper
	limits    Limits
	waits     waits
	schemas   []string
	owner     string
	sleep     func(context.Context, time.Duration) error
}

var (
	_ outcrop.Backend       = (*Backend)(nil)
	_ outcrop.TokenCounter  = (*Backend)(nil)
	_ outcrop.SchemaSupport = (*Backend)(nil)
	_ outcrop.ModelLister   = (*Backend)(nil)

	_ outcrop.OperationServer = (*Backend)(nil)
)

// waits are the limits of what a call waits for.
type waits struct{ accept, answer, control, idle, linger upstream.Limit }

// New makes a Backend. It reads the AWS configuration and calls nobody:
// credentials are fetched at the first call, and again before they end.
func New(ctx context.Context, c Config) (*Backend, error) {
	c.Limits = c.Limits.withDefaults()
	if err := c.Limits.check(); err != nil {
		return nil, err
	}
	loaded, place, err := load(ctx, c)
	if err != nil {
		return nil, err
	}
	bearer := os.Getenv(bearerEnv)
	base := map[string]*url.URL{}
	for name, at := range map[string]Setting{runtimeService.host: place.Endpoint, controlService.host: place.Control} {
		if base[name], err = url.Parse(at.Value); err != nil {
			return nil, fmt.Errorf("amazon: the endpoint of %s: %w", at.From, err)
		}
		if bearer == "" {
			continue
		}
		if err := checkBearer(base[name]); err != nil {
			return nil, fmt.Errorf("amazon: %s: %w", bearerEnv, err)
		}
	}
	b := &Backend{place: place, loaded: loaded, base: base, auth: newAuthorizer(c, loaded, place, bearer), transport: c.Transport, limits: c.Limits, schemas: c.SchemaModels, owner: c.Owner, sleep: c.Sleep}
	if c.Name != "" && place.Elsewhere() {
		b.via = " (" + url.PathEscape(c.Name) + ")"
	}
	if b.sleep == nil {
		b.sleep = sleep.For
	}
	if b.transport == nil {
		b.transport = newTransport(loaded, c.Limits)
	}
	b.waits = waits{
		accept:  upstream.Limit{D: c.Accept, What: "the model did not begin to answer"},
		answer:  upstream.Limit{D: c.Answer, What: "the model did not answer"},
		control: upstream.Limit{D: c.Control, What: "the control plane did not answer"},
		idle:    upstream.Limit{D: c.Idle, What: "the model sent nothing more"},
		linger:  upstream.Limit{D: c.Linger, What: "the stream was not closed"},
	}
	return b, nil
}

// Place is where the calls go.
func (b *Backend) Place() Place { return b.place }

// Close gives up the connections that are idle. Calls under way go on.
func (b *Backend) Close() error {
	if t, ok := b.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// Do sends a call and returns with the reply, or, for a stream, with its first
// event in hand: an exception that comes before it is Do's error.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	op, err := findOperation(call.Operation)
	if err != nil {
		return nil, err
	}
	text, err := body(op, call)
	if err != nil {
		return nil, err
	}
	return b.exchange(ctx, op, call, text)
}

// exchange is one request and its reply.
func (b *Backend) exchange(ctx context.Context, op *operation, call *outcrop.Call, text []byte) (*outcrop.Reply, error) {
	limit := &b.waits.answer
	switch {
	case op.Streams:
		limit = &b.waits.accept
	case op.Service == controlService.host:
		limit = &b.waits.control
	}
	w := upstream.NewWatch(ctx, limit)
	reply, err := b.send(w, op, call, text)
	if err != nil || reply.Stream == nil {
		w.Stop()
	}
	return reply, err
}

func (b *Backend) send(w *upstream.Watch, op *operation, call *outcrop.Call, text []byte) (*outcrop.Reply, error) {
	r, err := b.newRequest(w.Context(), op, call, text)
	if err != nil {
		return nil, b.failure(w, op, err, "")
	}
	resp, err := b.transport.RoundTrip(r)
	if err != nil {
		return nil, b.failure(w, op, err, "")
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, b.refusal(w, op, call.Caller, resp)
	}
	meta := metaOf(call, resp)
	if op.Streams {
		return b.stream(w, op, call, resp, meta)
	}
	defer resp.Body.Close()
	answer, err := b.whole(w, op, resp)
	if err != nil {
		return nil, err
	}
	return outcrop.NewReply(meta, answer), nil
}

// CountTokens asks the service for the input tokens of a call. It is free of
// charge. The service takes ids of models only, so a profile's id, or an ARN,
// is counted as the model's behind it.
func (b *Backend) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	text, err := countBody(call)
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	op, err := findOperation(bedrock.OpCountTokens)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	counted := &outcrop.Call{Operation: bedrock.OpCountTokens, ModelID: baseModel(call.ModelID), Caller: call.Caller, RequestID: call.RequestID}
	reply, err := b.exchange(ctx, op, counted, text)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	answer, err := reply.Body()
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	var count bedrock.CountTokensResponse
	if err := bedrock.Unmarshal(answer, &count); err != nil {
		return outcrop.TokenCount{}, outcrop.Errorf(bedrock.CodeModelError, "the count of tokens cannot be read: %w", err)
	}
	return outcrop.TokenCount{InputTokens: count.InputTokens}, nil
}
