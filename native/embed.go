package native

import "fmt"

// EmbedRequest asks for the embeddings of texts.
type EmbedRequest struct {
	Texts      []string
	Dimensions int    // of each vector; 0 leaves it to the model
	Normalize  bool   // vectors of length 1
	Purpose    string // what they are for: "search_document", "search_query", ...; may be empty

	byType bool // the reply names the vectors' number format
}

// Embeddings are the vectors of an [EmbedRequest], one for each text, in
// order.
type Embeddings struct {
	Vectors     [][]float64
	InputTokens int
}

// embedder is the native format of a family of embedding models.
type embedder struct {
	request func(body []byte) (*EmbedRequest, error)
	reply   func(info *Info, req *EmbedRequest, e *Embeddings) ([]byte, error)
}

// EmbedRequest reads a native request for embeddings. Errors are a
// *[RequestError].
func (f *Family) EmbedRequest(body []byte) (*EmbedRequest, error) {
	if f.embed == nil {
		return nil, &RequestError{Reason: fmt.Sprintf("the format %s makes no embeddings", f.name)}
	}
	return f.embed.request(body)
}

// EmbedReply writes embeddings in the native format. req must be one that
// EmbedRequest returned.
func (f *Family) EmbedReply(info *Info, req *EmbedRequest, e *Embeddings) ([]byte, error) {
	if f.embed == nil {
		return nil, fmt.Errorf("the format %s makes no embeddings", f.name)
	}
	if len(e.Vectors) != len(req.Texts) {
		return nil, fmt.Errorf("%d vectors for %d texts", len(e.Vectors), len(req.Texts))
	}
	return f.embed.reply(info, req, e)
}
