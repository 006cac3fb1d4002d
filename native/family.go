package native

import (
	"fmt"
	"slices"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Family is the native format of a model family.
type Family struct {
	name    string
	request func(body []byte) (*bedrock.ConverseRequest, error)
	reply   func(info *Info, res *bedrock.ConverseResponse) ([]byte, error)
	encoder func(info *Info) Encoder
	usage   func(body []byte) (bedrock.TokenUsage, bool)
	limits  []string // where the output limit stands: "max_tokens", "inferenceConfig.maxTokens"; the first is written when none is there
	sampled sampling // where temperature, top_p and stop sequences stand
	embed   *embedder
	chat    *Family              // the format of requests with messages, where this one has a prompt
	ask     func(q Question) any // a native request of plain words
}

// Info is what a native reply tells and Converse does not know.
type Info struct {
	ModelID string    // as it was asked for
	ID      string    // unique to the reply; the request's id serves
	Created time.Time // when the request arrived; some families report it
}

// Encoder turns the events of one Converse stream into native chunks. It is
// given every event in order. It is not safe for concurrent use.
type Encoder interface {
	// Encode returns the chunks of one event: none, one or more. The chunks
	// belong to the caller, the slice that holds them to the encoder until the
	// next call. firstByte is how long the first content took to arrive; it
	// counts with the last event only.
	Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error)
}

// Name is the family's name, for people: "anthropic-messages".
func (f *Family) Name() string { return f.name }

// Embeds tells whether the family makes embeddings, which Converse has no
// place for: use [Family.EmbedRequest] and [Family.EmbedReply].
func (f *Family) Embeds() bool { return f.embed != nil }

// Request reads a native request. The result has no model id. Errors are a
// *[RequestError].
func (f *Family) Request(body []byte) (*bedrock.ConverseRequest, error) {
	if f.request == nil {
		return nil, &RequestError{Reason: fmt.Sprintf("the format %s makes embeddings, which Converse cannot answer", f.name)}
	}
	req, err := f.request(body)
	if err != nil {
		return nil, err
	}
	declareTools(req)
	return req, f.checkRanges(req.InferenceConfig)
}

// declareTools names the tools that a conversation used when the request
// offers none any more: Converse wants them named, native formats do not.
func declareTools(req *bedrock.ConverseRequest) {
	if req.ToolConfig != nil {
		return
	}
	var config bedrock.ToolConfiguration
	for i := range req.Messages {
		for j := range req.Messages[i].Content {
			use := req.Messages[i].Content[j].ToolUse
			if use == nil || slices.ContainsFunc(config.Tools, func(t bedrock.Tool) bool { return t.ToolSpec.Name == use.Name }) {
				continue
			}
			config.Tools = append(config.Tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{
				Name: use.Name, InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{"type":"object"}`)},
			}})
		}
	}
	if len(config.Tools) > 0 {
		req.ToolConfig = &config
	}
}

// checkRanges refuses settings that no model takes.
func (f *Family) checkRanges(c *bedrock.InferenceConfiguration) error {
	if c == nil {
		return nil
	}
	at, _ := parentOf(f.limits[0])
	switch {
	case c.MaxTokens != nil && *c.MaxTokens < 1:
		return bad(f.limits[0], fmt.Sprintf("%d is not greater or equal to 1", *c.MaxTokens))
	case c.Temperature != nil && *c.Temperature < 0:
		return bad(join(at, "temperature"), fmt.Sprintf("%v is not greater or equal to 0", *c.Temperature))
	case c.TopP != nil && (*c.TopP < 0 || *c.TopP > 1):
		return bad(join(at, "top_p"), fmt.Sprintf("%v is not between 0 and 1", *c.TopP))
	}
	return nil
}

// Reply writes a response in the native format.
func (f *Family) Reply(info *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if f.reply == nil {
		return nil, fmt.Errorf("the format %s makes embeddings, not messages", f.name)
	}
	return f.reply(info, res)
}

// Streams tells whether models of the family answer with a stream.
func (f *Family) Streams() bool { return f.encoder != nil }

// Encoder begins a native stream. The family must stream.
func (f *Family) Encoder(info *Info) Encoder { return f.encoder(info) }

// Usage reads the token usage of a native reply, if the format reports it.
// Where it does not, InvokeModel's reply headers have it.
func (f *Family) Usage(body []byte) (bedrock.TokenUsage, bool) {
	if f.usage == nil {
		return bedrock.TokenUsage{}, false
	}
	return f.usage(body)
}

// OutputLimit reads how many tokens a native request allows the model to
// generate, without decoding the rest. ok is false when it does not say.
func (f *Family) OutputLimit(body []byte) (limit int, ok bool, err error) {
	return outputLimit(body, f.limits)
}

// SetOutputLimit is the body with another output limit. Every other byte
// stays as it was; body itself does not change.
func (f *Family) SetOutputLimit(body []byte, limit int) ([]byte, error) {
	return setOutputLimit(body, f.limits, limit)
}
