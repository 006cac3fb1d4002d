package server

import (
	"net/http"
	"strconv"

	"github.com/outcrop-ai/outcrop"
)

// conversationRoutes are what answers about the conversations of whoever asks:
// those of others are not found.
func conversationRoutes() []*route {
	const one = "/conversations/{conversationId}"
	return []*route{
		{name: "ListConversations", path: "/conversations", methods: reads, handle: (*exchange).listConversations},
		{name: "GetConversation", path: one, methods: reads, handle: (*exchange).getConversation},
		{name: "DeleteConversation", path: one, methods: []string{http.MethodDelete}, handle: (*exchange).deleteConversation},
		{name: "ExplainConversation", path: one + "/explain", methods: reads, handle: (*exchange).explainConversation},
	}
}

// clientToken is what tells the attempts of one request from other requests, as
// AWS's SDKs say; "" when it is nothing that a conversation could keep.
func (x *exchange) clientToken() string {
	const longest = 128
	token := first(x.r.Header, "Amz-Sdk-Invocation-Id")
	if len(token) > longest {
		return ""
	}
	return token
}

func (x *exchange) listConversations() error {
	query, err := x.query()
	if err != nil {
		return err
	}
	most, err := parameter(query, "maxResults")
	if err != nil {
		return err
	}
	limit := 0
	if most != "" {
		if limit, err = strconv.Atoi(most); err != nil || limit < 1 {
			return outcrop.Invalid("maxResults", "expected a number, 1 or more")
		}
	}
	token, err := parameter(query, "nextToken")
	if err != nil {
		return err
	}
	list, err := x.server.manager.Conversations(x.context(), token, limit)
	if err != nil {
		return err
	}
	return x.sendValue(list)
}

func (x *exchange) getConversation() error {
	query, err := x.query()
	if err != nil {
		return err
	}
	format, err := parameter(query, "format")
	if err != nil {
		return err
	}
	c := x.server.manager.Conversation(x.labels[0])
	var history *outcrop.ConversationHistory
	switch format {
	case "":
		history, err = c.History(x.context())
	case "export":
		history, err = c.Export(x.context())
	default:
		return outcrop.Invalid("format", "expected export, or nothing")
	}
	if err != nil {
		return err
	}
	if format != "" {
		x.w.Header().Set("Content-Disposition", `attachment; filename="conversation.json"`)
	}
	return x.sendValue(history)
}

func (x *exchange) deleteConversation() error {
	if err := x.server.manager.Conversation(x.labels[0]).Forget(x.context()); err != nil {
		return err
	}
	return x.send(http.StatusOK, contentJSON, []byte("{}"))
}

func (x *exchange) explainConversation() error {
	why, err := x.server.manager.Conversation(x.labels[0]).Explain(x.context())
	if err != nil {
		return err
	}
	return x.sendValue(why)
}
