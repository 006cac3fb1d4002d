package outcrop

import (
	"fmt"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Reply is a model's answer: a Stream for the operations that stream, a body
// or a response for the others. It belongs to whoever called Do.
type Reply struct {
	Meta   Meta
	Stream *Stream

	body     []byte
	response *bedrock.ConverseResponse
}

// NewReply makes a reply of the bytes that a model sent. It keeps body.
func NewReply(meta Meta, body []byte) *Reply { return &Reply{Meta: meta, body: body} }

// NewConverseReply makes a reply of a response. It keeps the response.
func NewConverseReply(meta Meta, response *bedrock.ConverseResponse) *Reply {
	return &Reply{Meta: meta, response: response}
}

// NewStreamReply makes a reply of a stream.
func NewStreamReply(meta Meta, stream *Stream) *Reply { return &Reply{Meta: meta, Stream: stream} }

// Body is the reply's JSON: as the model sent it, or made of its response.
func (r *Reply) Body() ([]byte, error) {
	switch {
	case r.body != nil:
		return r.body, nil
	case r.response != nil:
		return bedrock.Marshal(r.response)
	}
	return nil, fmt.Errorf("a reply that streams has no body")
}

// BodyIn is [Reply.Body] for callers with memory to spare: a body that has to
// be made is made in *buf, which grows as need be. One that is there is
// returned as it is, and *buf stays.
func (r *Reply) BodyIn(buf *[]byte) ([]byte, error) {
	if r.body != nil || r.response == nil {
		return r.Body()
	}
	text, err := bedrock.MarshalAppend((*buf)[:0], r.response)
	*buf = text
	return text, err
}

// Converse is the response of a Converse call.
func (r *Reply) Converse() (*bedrock.ConverseResponse, error) {
	if r.response != nil {
		return r.response, nil
	}
	if r.body == nil {
		return nil, fmt.Errorf("a reply that streams has no body")
	}
	response := new(bedrock.ConverseResponse)
	if err := bedrock.Unmarshal(r.body, response); err != nil {
		return nil, Errorf(bedrock.CodeModelError, "the model's reply cannot be read: %w", err)
	}
	return response, nil
}

// Usage is what a whole reply cost, or nil when nothing says so. It decodes
// no more of a body than it has to.
func (r *Reply) Usage() *bedrock.TokenUsage {
	switch {
	case r.Meta.Usage != nil:
		return r.Meta.Usage
	case r.response != nil:
		return &r.response.Usage
	case r.body == nil:
		return nil
	}
	var reply struct {
		Usage *bedrock.TokenUsage `json:"usage"`
	}
	if bedrock.Unmarshal(r.body, &reply) != nil {
		return nil
	}
	return reply.Usage
}
