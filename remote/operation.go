package remote

import (
	"context"
	"net/http"
	"net/url"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Operation is any operation of the server, with its members where they
// travel.
type Operation struct {
	Name   string            // "GetModelInvocationJob"
	Labels map[string]string // of the path, by name
	Query  url.Values
	Header map[string]string // members that travel in headers
	Body   []byte
}

// Send sends an operation as it is and returns the reply: its bytes, or a
// stream of events, whichever the operation has. Model calls may take as long
// as Limits.Answer, all else Limits.Control. Errors are as those of Do.
func (c *Client) Send(ctx context.Context, o Operation) (*outcrop.Reply, error) {
	op, err := findOperation(o.Name)
	if err != nil {
		return nil, err
	}
	m := message{op: op, labels: o.Labels, query: o.Query, header: o.Header, body: o.Body}
	call := &outcrop.Call{Operation: op.Name, ModelID: o.Labels["modelId"]}
	if op.Streams {
		return c.stream(ctx, m)
	}
	limit := c.limits.Control
	if op.Service == "bedrock-runtime" && op.Method == http.MethodPost && op.Name != bedrock.OpCountTokens {
		limit = c.limits.Answer
	}
	text, header, err := c.whole(ctx, m, limit)
	if err != nil {
		return nil, err
	}
	return outcrop.NewReply(metaOf(call, header), text), nil
}
