package native

import (
	"fmt"
	"slices"
	"strings"
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
	embed   *embedder
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
	return f.request(body)
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

// For finds the family of a model: by its id, where that names a provider on
// Bedrock, else by the shape of the request body. The error is a
// *[RequestError].
func For(modelID string, body []byte) (*Family, error) {
	if f := ByModel(modelID); f != nil {
		return f, nil
	}
	if f := byShape(body); f != nil {
		return f, nil
	}
	return nil, &RequestError{Reason: fmt.Sprintf("no native format is known for model %q, and the body has the shape of none", modelID)}
}

// ByModel finds the family of a model id, an inference profile id or an ARN
// that holds one, or nil.
func ByModel(modelID string) *Family {
	id := BaseModel(modelID)
	for _, row := range models {
		if strings.HasPrefix(id, row.prefix) {
			return row.family
		}
	}
	return nil
}

// BaseModel is the id of the model behind an inference profile or an ARN:
// the id without "us.", "eu.", "apac.", "global." and the like before it. An
// id that names no provider comes back as it is.
func BaseModel(modelID string) string {
	id := modelID
	if strings.HasPrefix(id, "arn:") {
		_, resource, found := strings.Cut(id, "/")
		if !found {
			return modelID
		}
		// custom-model/{base model}/{id}
		id, _, _ = strings.Cut(resource, "/")
	}
	if provider, _, ok := strings.Cut(id, "."); ok && !slices.Contains(providers, provider) {
		_, rest, _ := strings.Cut(id, ".")
		if provider, _, ok := strings.Cut(rest, "."); ok && slices.Contains(providers, provider) {
			return rest
		}
	}
	return id
}

// providers are the first parts of the model ids on Bedrock.
var providers = []string{"ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen"}

// models says which family a model id belongs to; the first prefix that fits
// decides.
var models = []struct {
	prefix string
	family *Family
}{
	{"anthropic.claude", anthropicMessages},
}

// byShape guesses the family of a body whose model id says nothing, as the
// ids of local engines do.
func byShape(body []byte) *Family {
	var shape map[string]bedrock.Document
	if bedrock.Unmarshal(body, &shape) != nil {
		return nil
	}
	has := func(name string) bool { _, ok := shape[name]; return ok }
	switch {
	case has("anthropic_version"):
		return anthropicMessages
	}
	return nil
}
