package simulator

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

var _ outcrop.Embedder = (*Backend)(nil)

// native answers InvokeModel and its stream through Converse. The ids in the
// model's own format follow from the body, as everything does here.
func (b *Backend) native(ctx context.Context, m *model, call *outcrop.Call) (*outcrop.Reply, error) {
	id := nativeSeed(m, call)
	inner := &outcrop.Call{
		Operation: call.Operation, ModelID: call.ModelID, Caller: call.Caller, Class: call.Class,
		RequestID: id.requestID(), Header: call.Header, Raw: call.Raw,
	}
	return outcrop.AnswerNative(ctx, inner, b)
}

func nativeSeed(m *model, call *outcrop.Call) random {
	var d digest
	d.text(m.ID)
	d.data(call.Raw)
	return random(d)
}

// countNative counts a model-native body as InvokeModel's reply would.
func countNative(m *model, call *outcrop.Call) (outcrop.TokenCount, error) {
	family, err := native.For(m.ID, call.Raw)
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	count := outcrop.TokenCount{Estimated: true}
	if family.Embeds() {
		req, err := family.EmbedRequest(call.Raw)
		if err != nil {
			return outcrop.TokenCount{}, outcrop.AsError(err)
		}
		for _, text := range req.Texts {
			count.InputTokens += m.counter.Text(text)
		}
		return count, nil
	}
	req, err := family.Request(call.Raw)
	if err != nil {
		return outcrop.TokenCount{}, outcrop.AsError(err)
	}
	count.InputTokens = m.counter.Input(native.OwnFormat(req)).Total
	return count, nil
}

// Embed makes a vector for each text, of length 1. Texts that share words
// have vectors that point the same way, so searches over them find something:
// a vector is the sum of one direction for each word.
func (b *Backend) Embed(ctx context.Context, call *outcrop.Call, req *native.EmbedRequest) (*native.Embeddings, outcrop.Meta, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcrop.Meta{}, outcrop.AsError(err)
	}
	m, err := b.model(call.ModelID)
	if err != nil {
		return nil, outcrop.Meta{}, err
	}
	if !m.Has("EMBEDDING") {
		return nil, outcrop.Meta{}, outcrop.Errorf(bedrock.CodeValidation, "the model %s makes no embeddings", m.ID)
	}
	entry, ok := ctx.Value(entryKey{}).(*Request)
	if !ok {
		entry = &Request{}
	}
	text := strings.Join(req.Texts, "\n")
	if b.prompts {
		entry.Prompt = text
	}
	if _, err := b.judge(ctx, subject{asked: call.ModelID, model: m.ID, text: text}, entry); err != nil {
		return nil, outcrop.Meta{}, err
	}
	n, err := dimensions(m.ID, req.Dimensions)
	if err != nil {
		return nil, outcrop.Meta{}, outcrop.AsError(err)
	}
	result := &native.Embeddings{Vectors: make([][]float64, len(req.Texts))}
	for i, text := range req.Texts {
		result.Vectors[i] = embed(m.ID, text, n)
		result.InputTokens += m.counter.Text(text)
	}
	entry.Usage = bedrock.TokenUsage{InputTokens: result.InputTokens, TotalTokens: result.InputTokens}
	meta := m.meta
	id := nativeSeed(m, call)
	meta.RequestID = id.requestID()
	return result, meta, nil
}

const maxDimensions = 4096

// dimensions is how many numbers a model's vectors have: as many as the request
// says, where the model takes that, or for 0 as many as it makes unasked.
func dimensions(modelID string, asked int) (int, error) {
	usual := 1024
	switch {
	case strings.HasPrefix(modelID, "amazon.titan-embed-text-v1"):
		if asked != 0 {
			return 0, &native.RequestError{Reason: "extraneous key [dimensions] is not permitted"}
		}
		usual = 1536
	case strings.HasPrefix(modelID, "amazon.titan-embed-text-v2"):
		if asked != 0 && !slices.Contains([]int{1024, 512, 256}, asked) {
			return 0, &native.RequestError{Field: "dimensions", Reason: fmt.Sprintf("%d is not a valid enum value", asked)}
		}
	case strings.HasPrefix(modelID, "cohere.embed-v4"):
		usual = 1536
	case strings.HasPrefix(modelID, "amazon.nova-2-multimodal"):
		usual = 3072
	}
	if asked < 0 || asked > maxDimensions {
		return 0, outcrop.Invalid("dimensions", "expected 1 to %d, found %d", maxDimensions, asked)
	}
	return cmp.Or(asked, usual), nil
}

func embed(modelID, text string, n int) []float64 {
	v := make([]float64, n)
	add := func(word string, weight float64) {
		var d digest
		d.text(modelID)
		d.text(word)
		r := random(d)
		for i := range v {
			v[i] += weight * (2*r.fraction() - 1)
		}
	}
	for word := range words(text) {
		weight := 1.0
		if !carries(word) {
			weight = 0.1
		}
		add(stem(word), weight)
	}
	add(text, 0.05) // texts of the same words in another order differ a little
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	for i := range v {
		v[i] /= math.Sqrt(sum)
	}
	return v
}
