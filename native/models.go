package native

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// providers are the first parts of the model ids on Bedrock.
var providers = []string{
	"ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "luma", "meta", "minimax", "mistral", "moonshot",
	"moonshotai", "nvidia", "openai", "qwen", "stability", "twelvelabs", "writer", "zai",
}

// models says which family a model id belongs to; the first prefix that fits
// decides. Models that are not here, of providers whose format is Chat
// Completions, are found by the shape of the body.
var models = []struct {
	prefix string
	family *Family
}{
	{"anthropic.claude", anthropicMessages},
	{"amazon.nova-canvas", nil}, // images, video and speech: no Converse
	{"amazon.nova-reel", nil},
	{"amazon.nova-sonic", nil},
	{"amazon.nova-2-sonic", nil},
	{"amazon.nova-2-multimodal-embeddings", nil},
	{"amazon.nova", novaMessages},
	{"amazon.titan-text", titanText},
	{"amazon.titan-tg1", titanText},
	{"amazon.titan-embed", titanEmbed},
	{"meta.llama", llamaText},
	{"mistral.pixtral", openaiChat},
	{"mistral.", mistralText},
	{"cohere.command-r", cohereCommandR},
	{"cohere.embed", cohereEmbed},
	{"ai21.jamba", jambaChat},
	{"deepseek.", deepseekText},
	{"openai.gpt-oss", openaiTagged},
	{"openai.", openaiChat},
	{"qwen.", qwenChat},
}

// For finds the family of a request: by the model's id, where that names one
// on Bedrock, else by the shape of the body. The error is a *[RequestError].
func For(modelID string, body []byte) (*Family, error) {
	f := ByModel(modelID)
	if f != nil && f.chat != nil {
		if _, _, found, err := locate(body, []string{"messages"}); err == nil && found {
			f = f.chat
		}
	}
	if f == nil {
		f = byShape(body)
	}
	if f == nil {
		return nil, &RequestError{Reason: fmt.Sprintf("no native format is known for model %q, and the body has the shape of none", modelID)}
	}
	return f, nil
}

// Default is the family of models that are not on Bedrock: Chat Completions,
// which engines of all kinds take.
func Default() *Family { return openaiChat }

// ByModel finds the family of a model id, an inference profile id or an ARN
// that holds one, or nil. Mistral and DeepSeek have two formats; the one with
// a prompt stands for both, and their output limits stand in the same place.
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
		id, _, _ = strings.Cut(resource, "/") // custom-model/{base model}/{id}
	}
	first, rest, _ := strings.Cut(id, ".")
	if slices.Contains(providers, first) {
		return id
	}
	if second, _, ok := strings.Cut(rest, "."); ok && slices.Contains(providers, second) {
		return rest
	}
	return id
}

// byShape guesses the family of a body whose model id says nothing, as the
// ids of local engines do.
func byShape(body []byte) *Family {
	var shape map[string]bedrock.Document
	if bedrock.Unmarshal(body, &shape) != nil {
		return nil
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := shape[name]; return ok })
	}
	switch {
	case has("anthropic_version"):
		return anthropicMessages
	case has("messages") && has("inferenceConfig", "schemaVersion", "toolConfig"):
		return novaMessages
	case has("messages"):
		return openaiChat
	case has("texts"):
		return cohereEmbed
	case has("message"):
		return cohereCommandR
	case has("inputText") && has("dimensions", "normalize", "embeddingTypes"):
		return titanEmbed
	case has("inputText"):
		return titanText
	case has("prompt") && has("max_gen_len"):
		return llamaText
	case has("prompt"):
		return mistralText
	}
	return nil
}
