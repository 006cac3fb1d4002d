package estimate

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Converse is the work of a Converse request.
func Converse(modelID string, req *bedrock.ConverseRequest) Work {
	w := Work{Calls: 1, Input: tokens.Default().For(modelID).Input(req).Total}
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
