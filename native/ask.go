package native

import (
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Question is a plain prompt, for [Family.Body].
type Question struct {
	Prompt    string
	System    string // may be empty
	MaxTokens int    // of output; 0 leaves it to the family's habit
	Sampling
}

// defaultMaxTokens is the output limit of families that demand one.
const defaultMaxTokens = 1024

// Body writes a native request of plain words.
func (f *Family) Body(q Question) ([]byte, error) {
	if f.ask == nil {
		return nil, &RequestError{Reason: fmt.Sprintf("a body in the format %s cannot be made of a prompt: give the body itself", f.name)}
	}
	body, err := bedrock.Marshal(f.ask(q))
	if err != nil {
		return nil, err
	}
	return f.sampled.write(f.name, body, &q.Sampling)
}

// withLimit sets the output limit of a body, where the question has one.
func withLimit(body map[string]any, name string, q Question) map[string]any {
	if q.MaxTokens > 0 {
		body[name] = q.MaxTokens
	}
	return body
}

// textPlaces is where replies and chunks of the families hold their text, from
// the outside in; "*" is every element of an array.
var textPlaces = []string{
	"content.*.text",                // Anthropic Messages
	"delta.text",                    // its chunks
	"output.message.content.*.text", // Nova
	"contentBlockDelta.delta.text",  // its chunks
	"results.*.outputText",          // Titan Text
	"outputText",                    // its chunks
	"generation",                    // Llama
	"outputs.*.text",                // Mistral, text
	"choices.*.message.content",     // chat completions
	"choices.*.delta.content",       // their chunks
	"choices.*.text",                // DeepSeek, text
	"text",                          // Cohere Command R
}

// Text is the words of a native reply or of one chunk of a stream, whatever
// its family; empty where it has none.
func Text(reply []byte) (string, error) {
	var doc bedrock.Document
	if err := bedrock.Unmarshal(reply, &doc); err != nil {
		return "", fmt.Errorf("the reply is no JSON: %w", err)
	}
	for _, place := range textPlaces {
		var b strings.Builder
		collectText(&b, doc, strings.Split(place, "."))
		if b.Len() > 0 {
			return b.String(), nil
		}
	}
	return "", nil
}

func collectText(b *strings.Builder, doc bedrock.Document, path []string) {
	if len(path) == 0 {
		var text string
		if bedrock.Unmarshal(doc, &text) == nil {
			b.WriteString(text)
		}
		return
	}
	if path[0] == "*" {
		var items []bedrock.Document
		if bedrock.Unmarshal(doc, &items) == nil {
			for _, item := range items {
				collectText(b, item, path[1:])
			}
		}
		return
	}
	var members map[string]bedrock.Document
	if bedrock.Unmarshal(doc, &members) == nil && members[path[0]] != nil {
		collectText(b, members[path[0]], path[1:])
	}
}
