package estimate

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// frame is what a message, a tool or a schema costs beyond its texts, in
// tokens. Assumed; no vendor publishes it.
const frame = 8

// Converse is the work of a Converse request.
func Converse(modelID string, req *bedrock.ConverseRequest) Work {
	m := tokens.Default().For(modelID)
	w := Work{Calls: 1, Input: frame}
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			w.Input += frame + m.Text(*t)
		}
	}
	for i := range req.Messages {
		w.Input += frame
		for j := range req.Messages[i].Content {
			w.Input += block(m, &req.Messages[i].Content[j])
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			w.Input += frame + json(m, &req.ToolConfig.Tools[i])
		}
	}
	if req.OutputConfig != nil {
		w.Input += frame + json(m, req.OutputConfig)
	}
	limit := 0
	if c := req.InferenceConfig; c != nil && c.MaxTokens != nil {
		limit = *c.MaxTokens
	}
	w.limit(modelID, limit)
	return w
}

// Native is the work of a request in the model's own format.
func Native(modelID string, body []byte) Work {
	if family, err := native.For(modelID, body); err == nil && !family.Embeds() {
		if req, err := family.Request(body); err == nil {
			return Converse(modelID, req)
		}
	}
	// An embedding, or a format that is not known: its text is its JSON.
	w := Work{Calls: 1, Input: tokens.Default().For(modelID).TextBytes(body)}
	if match, ok := catalog.Default().Resolve(modelID); !ok || !match.Model.Has("EMBEDDING") {
		w.limit(modelID, 0)
	}
	return w
}

// limit notes a request's output limit, or the model's own when it is 0.
func (w *Work) limit(modelID string, limit int) {
	if match, ok := catalog.Default().Resolve(modelID); ok && limit <= 0 {
		limit = match.Model.MaxOutput
	}
	if limit > 0 {
		w.MaxOutput += limit
	} else {
		w.Unlimited++
	}
}

// block counts one block of a message.
func block(m tokens.Model, b *bedrock.ContentBlock) int {
	switch {
	case b.Text != nil:
		return m.Text(*b.Text)
	case b.Image != nil && b.Image.Source.Bytes != nil:
		return m.ImageData(b.Image.Source.Bytes)
	case b.Document != nil && b.Document.Source.Bytes != nil:
		return m.Text(b.Document.Name) + m.Document(string(b.Document.Format), b.Document.Source.Bytes)
	case b.CachePoint != nil:
		return 0
	}
	return json(m, b)
}

// json counts what has no rule of its own by the size of its JSON.
func json(m tokens.Model, v any) int {
	text, err := bedrock.Marshal(v)
	if err != nil {
		return 0
	}
	return m.TextBytes(text)
}
