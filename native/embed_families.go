package native

import (
	"errors"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// titanEmbed is the format of Amazon Titan Embeddings: one text, one vector.
var titanEmbed = &Family{
	name:  "titan-embeddings",
	embed: &embedder{request: titanEmbedRequest, reply: titanEmbedReply},
	usage: titanEmbedUsage,
	ask:   func(q Question) any { return map[string]any{"inputText": q.Prompt} },
}

func titanEmbedRequest(body []byte) (*EmbedRequest, error) {
	var in struct {
		InputText  string   `json:"inputText"`
		Dimensions int      `json:"dimensions"`
		Normalize  *bool    `json:"normalize"`
		Types      []string `json:"embeddingTypes"`

		Unknown bedrock.Document `json:",embed"`
	}
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	if err := only(in.Unknown, ""); err != nil {
		return nil, err
	}
	if in.InputText == "" {
		return nil, missing("", "inputText")
	}
	if err := floatsOnly(in.Types, "embeddingTypes"); err != nil {
		return nil, err
	}
	return &EmbedRequest{
		Texts: []string{in.InputText}, Dimensions: in.Dimensions,
		Normalize: in.Normalize == nil || *in.Normalize, byType: in.Types != nil,
	}, nil
}

// titanEmbedReply names the vector's number format where the request did, and in
// replies of the second edition of the text model always.
func titanEmbedReply(info *Info, req *EmbedRequest, e *Embeddings) ([]byte, error) {
	out := object{}
	out.set("embedding", e.Vectors[0])
	out.set("inputTextTokenCount", e.InputTokens)
	if req.byType || strings.HasPrefix(BaseModel(info.ModelID), "amazon.titan-embed-text-v2") {
		out.set("embeddingsByType", map[string][]float64{"float": e.Vectors[0]})
	}
	return out.document(), nil
}

func titanEmbedUsage(body []byte) (bedrock.TokenUsage, bool) {
	var reply struct {
		Count *int `json:"inputTextTokenCount"`
	}
	if bedrock.Unmarshal(body, &reply) != nil || reply.Count == nil {
		return bedrock.TokenUsage{}, false
	}
	return tokenUsage(*reply.Count, 0, nil, nil), true
}

// cohereEmbed is the format of Cohere Embed: up to 96 texts at once. Its
// replies tell no usage.
var cohereEmbed = &Family{
	name:  "cohere-embed",
	embed: &embedder{request: cohereEmbedRequest, reply: cohereEmbedReply},
	ask: func(q Question) any {
		return map[string]any{"texts": []string{q.Prompt}, "input_type": "search_document"}
	},
}

// maxCohereTexts is how many texts a request may hold.
const maxCohereTexts = 96

func cohereEmbedRequest(body []byte) (*EmbedRequest, error) {
	var in struct {
		Texts      []string `json:"texts"`
		InputType  string   `json:"input_type"`
		Truncate   string   `json:"truncate"`
		Types      []string `json:"embedding_types"`
		Dimensions int      `json:"output_dimension"`

		Unknown bedrock.Document `json:",embed"`
	}
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	if err := only(in.Unknown, ""); err != nil {
		return nil, err
	}
	switch {
	case len(in.Texts) == 0:
		return nil, missing("", "texts")
	case len(in.Texts) > maxCohereTexts:
		return nil, bad("texts", "expected maximum item count: "+strconv.Itoa(maxCohereTexts)+", found: "+strconv.Itoa(len(in.Texts)))
	case in.InputType == "":
		return nil, missing("", "input_type")
	case in.Truncate != "" && in.Truncate != "NONE":
		return nil, bad("truncate", "only \"NONE\" is supported: the back-end decides what fits")
	}
	if err := floatsOnly(in.Types, "embedding_types"); err != nil {
		return nil, err
	}
	return &EmbedRequest{Texts: in.Texts, Dimensions: in.Dimensions, Purpose: in.InputType, byType: in.Types != nil}, nil
}

// floatsOnly refuses the vector formats that only the model itself can
// quantise to.
func floatsOnly(types []string, at string) error {
	for i, t := range types {
		if t != "float" {
			return bad(at+"."+strconv.Itoa(i), "only \"float\" is supported")
		}
	}
	return nil
}

func cohereEmbedReply(info *Info, req *EmbedRequest, e *Embeddings) ([]byte, error) {
	if len(e.Vectors) == 0 {
		return nil, errors.New("no vectors")
	}
	out := object{}
	out.set("id", info.ID)
	out.set("texts", req.Texts)
	if req.byType {
		out.set("response_type", "embeddings_by_type")
		out.set("embeddings", map[string][][]float64{"float": e.Vectors})
	} else {
		out.set("response_type", "embeddings_floats")
		out.set("embeddings", e.Vectors)
	}
	return out.document(), nil
}
