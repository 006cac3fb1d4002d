package remote

import (
	"context"
	"net/url"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// Fetch asks the server for what is no operation of Bedrock: GET /usage. path
// is the whole of it, without anything that would have to be escaped. The
// reply's JSON is read into response; nil passes over it.
func (c *Client) Fetch(ctx context.Context, method, path string, query url.Values, response any) error {
	m := message{op: &bedrock.Operation{Name: method + " " + path, Method: method, Path: path}, query: query}
	text, _, err := c.whole(ctx, m, c.limits.Control)
	if err != nil || response == nil {
		return err
	}
	if err := c.read(m.op.Name, text, response); err != nil {
		return outcrop.AsError(err)
	}
	return nil
}
