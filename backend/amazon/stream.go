package amazon

import (
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// stream makes the reply of a stream, with its first event read.
func (b *Backend) stream(w *upstream.Watch, op *operation, call *outcrop.Call, resp *http.Response, meta outcrop.Meta) (*outcrop.Reply, error) {
	if !upstream.IsEventStream(first(resp.Header, "Content-Type")) {
		_ = resp.Body.Close()
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply is %s, and not an event stream", mediaType(resp))
		e.RequestID = meta.RequestID
		return nil, e
	}
	f := &upstream.Frames{
		Watch: w, Idle: &b.waits.idle, Linger: &b.waits.linger,
		Last: upstream.LastEvent(call), Name: "the model's stream", ID: meta.RequestID,
		Max:     b.limits.MaxReply,
		Partial: &upstream.Partial{Native: call.Native(), Limit: b.limits.MaxPartial},
		InBand:  inBand,
		Failure: func(err error) *outcrop.Error { return b.failure(w, op, err, meta.RequestID) },
	}
	events, err := f.Stream(resp.Body)
	if err != nil {
		return nil, err
	}
	return outcrop.NewStreamReply(meta, events), nil
}
