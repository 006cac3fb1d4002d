package remote

import (
	"context"
	"net/http"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// linger is how long the server may keep a stream open after its last event.
var linger = &upstream.Limit{D: time.Second, What: "the stream was not closed"}

// maxKept is how many bytes of events are kept as they are, for the partial
// reply of an error. Beyond that they are decoded on the way.
const maxKept = 64 << 10

// stream sends a message and returns with the first event of its stream in
// hand.
func (c *Client) stream(ctx context.Context, m message) (*outcrop.Reply, error) {
	w := upstream.NewWatch(ctx, &upstream.Limit{D: c.limits.Accept, What: "the server did not begin to answer"})
	resp, err := c.send(w, &m) //nolint:bodyclose // the stream closes it
	if err != nil {
		w.Stop()
		return nil, err
	}
	call := &outcrop.Call{Operation: m.op.Name, ModelID: m.labels["modelId"]}
	events, err := c.events(w, call, resp)
	if err != nil {
		w.Stop()
		return nil, err
	}
	return outcrop.NewStreamReply(metaOf(call, resp.Header), events), nil
}

func (c *Client) events(w *upstream.Watch, call *outcrop.Call, resp *http.Response) (*outcrop.Stream, error) {
	id := resp.Header.Get(headerRequestID)
	if !upstream.IsEventStream(resp.Header.Get("Content-Type")) {
		_ = resp.Body.Close()
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply of %s is no event stream: is it an Outcrop server?", c.base.Host)
		e.RequestID = id
		return nil, e
	}
	f := &upstream.Frames{
		Watch: w, Idle: &upstream.Limit{D: c.limits.Idle, What: "the server sent nothing more"}, Linger: linger,
		Last: upstream.LastEvent(call), Name: "the stream of " + c.base.Host, ID: id,
		Max:     c.limits.MaxReply,
		InBand:  inBand,
		Failure: func(err error) *outcrop.Error { return c.failure(w, err, id) },
	}
	if call.Operation != bedrock.OpConstructStream { // which takes nothing back: its reader has all there is
		f.Partial = &upstream.Partial{Native: call.Native(), Limit: maxKept}
	}
	return f.Stream(resp.Body)
}
