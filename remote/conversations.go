package remote

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/outcrop-ai/outcrop"
)

var _ outcrop.ConversationKeeper = (*Client)(nil)

// Conversations lists the conversations that the server keeps for the client's
// token. The server knows its callers, so the context's is not used; nor is it
// by the methods below.
func (c *Client) Conversations(ctx context.Context, after string, limit int) (*outcrop.ConversationList, error) {
	query := url.Values{}
	if after != "" {
		query.Set("nextToken", after)
	}
	if limit != 0 {
		query.Set("maxResults", strconv.Itoa(limit))
	}
	list := new(outcrop.ConversationList)
	return list, c.Fetch(ctx, http.MethodGet, "/conversations", query, list)
}

// ConversationHistory is what was said in a conversation.
func (c *Client) ConversationHistory(ctx context.Context, id string, export bool) (*outcrop.ConversationHistory, error) {
	path, err := conversationPath(id)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if export {
		query.Set("format", "export")
	}
	history := new(outcrop.ConversationHistory)
	return history, c.Fetch(ctx, http.MethodGet, path, query, history)
}

// ForgetConversation deletes a conversation.
func (c *Client) ForgetConversation(ctx context.Context, id string) error {
	path, err := conversationPath(id)
	if err != nil {
		return err
	}
	return c.Fetch(ctx, http.MethodDelete, path, nil, nil)
}

// ExplainConversation tells what the last turn sent to the model, and why.
func (c *Client) ExplainConversation(ctx context.Context, id string) (*outcrop.ConversationExplanation, error) {
	path, err := conversationPath(id)
	if err != nil {
		return nil, err
	}
	why := new(outcrop.ConversationExplanation)
	return why, c.Fetch(ctx, http.MethodGet, path+"/explain", nil, why)
}

// conversationPath is a path in which nothing has to be escaped: ids have no
// such characters.
func conversationPath(id string) (string, error) {
	return "/conversations/" + id, outcrop.CheckConversationID("conversationId", id)
}
