package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// whole sends a message and reads the reply to its end. It is JSON, unless the
// operation is InvokeModel, whose replies may be of any kind.
func (c *Client) whole(ctx context.Context, m message, limit time.Duration) ([]byte, http.Header, error) {
	w := upstream.NewWatch(ctx, &upstream.Limit{D: limit, What: "the server did not answer"})
	defer w.Stop()
	resp, err := c.send(w, &m)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	id := resp.Header.Get(headerRequestID)
	text, err := readBody(resp, c.limits.MaxReply)
	if err != nil {
		return nil, nil, c.failure(w, err, id)
	}
	if m.op.Name != bedrock.OpInvokeModel && !bedrock.Document(text).IsValid() {
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply of %s to %s is not valid JSON: is it an Outcrop server?", c.base.Host, m.op.Name)
		e.RequestID = id
		return nil, nil, e
	}
	return text, resp.Header, nil
}

// send sends a message, and turns a refusal into its error.
func (c *Client) send(w *upstream.Watch, m *message) (*http.Response, error) {
	r, err := c.newRequest(w.Context(), m)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, c.failure(w, err, "")
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	// What the body would have said is missing when it cannot be read, but the
	// status and the headers stand.
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil && w.Context().Err() != nil {
		return nil, c.failure(w, err, resp.Header.Get(headerRequestID))
	}
	return nil, c.refusal(resp.StatusCode, resp.Header, text)
}

// errTooLarge is the error of a reply beyond the limit.
var errTooLarge = errors.New("the reply is larger than the limit")

func readBody(resp *http.Response, limit int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err == nil && len(text) > limit {
		return nil, fmt.Errorf("%w: Limits.MaxReply is %d bytes", errTooLarge, limit)
	}
	return text, err
}

// metaOf reads what a reply's header tells: what the server says of its own
// back-end, as if that had answered here.
func metaOf(call *outcrop.Call, header http.Header) outcrop.Meta {
	meta := outcrop.Meta{
		RequestID: header.Get(headerRequestID), Backend: header.Get("X-Outcrop-Backend"), ModelID: header.Get("X-Outcrop-Model"),
		Estimated: header.Get(headerUsage) == "estimated",
	}
	if meta.Backend == "" {
		meta.Backend = Name
	}
	if meta.ModelID == "" {
		meta.ModelID = call.ModelID
	}
	meta.Attempts, meta.MaxAttempts = attempts(header)
	for name, values := range header {
		if strings.HasPrefix(name, memberPrefix) && name != headerContentType {
			if meta.Header == nil {
				meta.Header = make(map[string]string, 4)
			}
			meta.Header[name] = values[0]
		}
	}
	if id := header.Get(outcrop.HeaderConversation); id != "" {
		meta.Conversation = id
		meta.Turn, _ = strconv.Atoi(header.Get(outcrop.HeaderTurn))
		for _, name := range []string{outcrop.HeaderConversation, outcrop.HeaderTurn, outcrop.HeaderReplayed} {
			if value := header.Get(name); value != "" {
				if meta.Header == nil {
					meta.Header = make(map[string]string, 3)
				}
				meta.Header[name] = value
			}
		}
	}
	if !call.Native() {
		return meta
	}
	meta.ContentType = header.Get(headerContentType) // of the chunks of a stream
	if meta.ContentType == "" && !call.Streams() {
		meta.ContentType = header.Get("Content-Type")
	}
	if input, err := strconv.Atoi(header.Get(headerInput)); err == nil {
		output, _ := strconv.Atoi(header.Get(headerOutput)) // embeddings have none
		meta.Usage = &bedrock.TokenUsage{InputTokens: input, OutputTokens: output, TotalTokens: input + output}
	}
	if ms, err := strconv.Atoi(header.Get(headerLatency)); err == nil {
		meta.Latency = time.Duration(ms) * time.Millisecond
	}
	return meta
}

// attempts is what a reply says of the server's retries.
func attempts(header http.Header) (used, allowed int) {
	used, _ = strconv.Atoi(header.Get("X-Outcrop-Attempts"))
	allowed, _ = strconv.Atoi(header.Get("X-Outcrop-Max-Attempts"))
	return used, allowed
}
