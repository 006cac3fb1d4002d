package remote

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Name is the back-end's name in a reply's Meta, where the server does not say
// which of its own answered.
const Name = "remote"

// Client asks an Outcrop server. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	token     []string // of the header Authorization, or nil
	transport http.RoundTripper
	limits    Limits
}

var (
	_ outcrop.Backend      = (*Client)(nil)
	_ outcrop.Constructor  = (*Client)(nil)
	_ outcrop.TokenCounter = (*Client)(nil)
	_ outcrop.ModelLister  = (*Client)(nil)
)

// New makes a Client. It calls nobody.
func New(c Config) (*Client, error) {
	c.Limits = c.Limits.withDefaults()
	base, err := c.check()
	if err != nil {
		return nil, err
	}
	client := &Client{base: base, transport: c.Transport, limits: c.Limits}
	if c.Token != "" {
		client.token = []string{"Bearer " + c.Token}
	}
	if client.transport == nil {
		client.transport = newTransport(c.Limits, c.Pin)
	}
	return client, nil
}

// URL is the server's.
func (c *Client) URL() string { return c.base.String() }

// Close gives up the connections that are idle. Calls under way go on.
func (c *Client) Close() error {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// Do sends a call and returns with the reply, or, for a stream, with its first
// event in hand: what goes wrong before it is Do's error.
func (c *Client) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	op, err := findOperation(call.Operation)
	if err != nil {
		return nil, err
	}
	m := message{op: op, labels: map[string]string{"modelId": call.ModelID}, header: call.Header}
	if m.body, err = call.Body(); err != nil {
		return nil, outcrop.AsError(err)
	}
	if op.Streams {
		return c.stream(ctx, m)
	}
	text, header, err := c.whole(ctx, m, c.limits.Answer)
	if err != nil {
		return nil, err
	}
	return outcrop.NewReply(metaOf(call, header), text), nil
}

// Construct has the server construct a value.
func (c *Client) Construct(ctx context.Context, req *bedrock.ConstructRequest) (*bedrock.ConstructResponse, error) {
	m, err := constructMessage(bedrock.OpConstruct, req)
	if err != nil {
		return nil, err
	}
	response := new(bedrock.ConstructResponse)
	return response, c.value(ctx, m, c.limits.Answer, response)
}

// ConstructStream has the server construct a value, and tell what is settled
// on the way. The caller must close the stream.
func (c *Client) ConstructStream(ctx context.Context, req *bedrock.ConstructRequest) (*outcrop.Stream, error) {
	m, err := constructMessage(bedrock.OpConstructStream, req)
	if err != nil {
		return nil, err
	}
	reply, err := c.stream(ctx, m)
	if err != nil {
		return nil, err
	}
	return reply.Stream, nil
}

func constructMessage(operation string, req *bedrock.ConstructRequest) (message, error) {
	op, err := findOperation(operation)
	if err != nil {
		return message{}, err
	}
	body, err := bedrock.Marshal(req)
	if err != nil {
		return message{}, outcrop.AsError(err)
	}
	return message{op: op, labels: map[string]string{"modelId": req.ModelID}, body: body}, nil
}

// CountTokens has the server count the input tokens of a call.
func (c *Client) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	var req bedrock.CountTokensRequest
	if call.Native() {
		req.Input.InvokeModel = &bedrock.InvokeModelTokensRequest{Body: call.Raw}
	} else {
		in, err := call.Converse()
		if err != nil {
			return outcrop.TokenCount{}, err
		}
		req.Input.Converse = &bedrock.ConverseTokensRequest{
			Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig,
			AdditionalModelRequestFields: in.AdditionalModelRequestFields,
		}
	}
	var response bedrock.CountTokensResponse
	header, err := c.ask(ctx, bedrock.OpCountTokens, map[string]string{"modelId": call.ModelID}, nil, &req, &response)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	return outcrop.TokenCount{InputTokens: response.InputTokens, Estimated: header.Get(headerUsage) == "estimated"}, nil
}

// ask sends a value by an operation and reads the reply into another. A nil
// request is no body.
func (c *Client) ask(ctx context.Context, operation string, labels map[string]string, query url.Values, request, response any) (http.Header, error) {
	op, err := findOperation(operation)
	if err != nil {
		return nil, err
	}
	m := message{op: op, labels: labels, query: query}
	if request != nil {
		if m.body, err = bedrock.Marshal(request); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	text, header, err := c.whole(ctx, m, c.limits.Control)
	if err != nil {
		return nil, err
	}
	return header, c.read(operation, text, response)
}

// Page reads one of the server's own pages of JSON, such as /quota, into a value
// that json.Unmarshal takes.
func (c *Client) Page(ctx context.Context, path string, into any) error {
	return c.Fetch(ctx, http.MethodGet, path, nil, into)
}

// value is ask for a message that was made already.
func (c *Client) value(ctx context.Context, m message, limit time.Duration, response any) error {
	text, _, err := c.whole(ctx, m, limit)
	if err != nil {
		return err
	}
	return c.read(m.op.Name, text, response)
}

func (c *Client) read(operation string, text []byte, response any) error {
	if err := bedrock.Unmarshal(text, response); err != nil {
		return outcrop.Errorf(bedrock.CodeModelError, "the reply of %s to %s cannot be read: %w", c.base.Host, operation, err)
	}
	return nil
}
