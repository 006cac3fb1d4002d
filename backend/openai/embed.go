package openai

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Embed makes embeddings with the server's /embeddings.
func (b *Backend) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	model := b.model(call.ModelID)
	meta := outcrop.Meta{Backend: Name, ModelID: model}
	w := writer{}
	w.raw(`{"encoding_format":"float","model":`)
	w.str(model)
	if req.Dimensions > 0 {
		w.raw(`,"dimensions":` + strconv.Itoa(req.Dimensions))
	}
	sep := `,"input":[`
	for _, text := range req.Texts {
		w.raw(sep)
		w.str(text)
		sep = `,`
	}
	w.raw(`]}`)
	var reply struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float64 `json:"embedding"`
		} `json:"data"`
		Usage *usage `json:"usage"`
	}
	if err := b.fetch(ctx, http.MethodPost, "/embeddings", w.buf, &reply); err != nil {
		return nil, meta, err
	}
	out := &native.Embeddings{Vectors: make([][]float64, len(req.Texts))}
	for _, row := range reply.Data {
		if row.Index < 0 || row.Index >= len(out.Vectors) {
			return nil, meta, unreadable(errVectors)
		}
		if req.Normalize {
			normalize(row.Embedding)
		}
		out.Vectors[row.Index] = row.Embedding
	}
	for _, v := range out.Vectors {
		if len(v) == 0 {
			return nil, meta, unreadable(errVectors)
		}
	}
	if reply.Usage != nil {
		out.InputTokens = reply.Usage.PromptTokens
		return out, meta, nil
	}
	counter := tokens.Default().For(model)
	for _, text := range req.Texts {
		out.InputTokens += counter.Text(text)
	}
	meta.Estimated = true
	return out, meta, nil
}

// normalize scales a vector to length 1.
func normalize(v []float64) {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	if sum == 0 {
		return
	}
	length := math.Sqrt(sum)
	for i := range v {
		v[i] /= length
	}
}

var errVectors = errors.New("it does not have one vector for each text")
