package native

import (
	"errors"
	"testing"
)

func TestEmbeddings(t *testing.T) {
	for _, c := range []struct {
		name, body string
		family     *Family
		want       EmbedRequest
		reply      string
		field      string
	}{
		{
			name: "Titan", family: titanEmbed, body: `{"inputText":"Hi"}`,
			want: EmbedRequest{Normalize: true, Texts: []string{"Hi"}}, reply: `{"embedding":[0.5,1],"inputTextTokenCount":2}`,
		},
		{
			name: "Titan V2's settings", family: titanEmbed, body: `{"inputText":"Hi","dimensions":256,"normalize":false,"embeddingTypes":["float"]}`,
			want: EmbedRequest{Texts: []string{"Hi"}, Dimensions: 256}, reply: `{"embedding":[0.5,1],"embeddingsByType":{"float":[0.5,1]},"inputTextTokenCount":2}`,
		},
		{
			name: "Cohere", family: cohereEmbed, body: `{"texts":["Hi"],"input_type":"search_query"}`,
			want: EmbedRequest{Texts: []string{"Hi"}, Purpose: "search_query"}, reply: `{"embeddings":[[0.5,1]],"id":"r1","response_type":"embeddings_floats","texts":["Hi"]}`,
		},
		{
			name: "Cohere by type", family: cohereEmbed, body: `{"texts":["Hi"],"input_type":"search_query","embedding_types":["float"],"truncate":"NONE"}`,
			want: EmbedRequest{Texts: []string{"Hi"}, Purpose: "search_query"}, reply: `{"embeddings":{"float":[[0.5,1]]},"id":"r1","response_type":"embeddings_by_type","texts":["Hi"]}`,
		},
		{name: "Titan without text", family: titanEmbed, body: `{}`},
		{name: "Titan with an image", family: titanEmbed, body: `{"inputText":"Hi","inputImage":"aGk="}`},
		{name: "Titan in bits", family: titanEmbed, body: `{"inputText":"Hi","embeddingTypes":["binary"]}`, field: "embeddingTypes.0"},
		{name: "Cohere without a purpose", family: cohereEmbed, body: `{"texts":["Hi"]}`},
		{name: "Cohere in int8", family: cohereEmbed, body: `{"texts":["Hi"],"input_type":"search_query","embedding_types":["float","int8"]}`, field: "embedding_types.1"},
		{name: "Cohere cut short", family: cohereEmbed, body: `{"texts":["Hi"],"input_type":"search_query","truncate":"END"}`, field: "truncate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := c.family.EmbedRequest([]byte(c.body))
			if c.reply == "" {
				var bad *RequestError
				if !errors.As(err, &bad) || bad.Field != c.field {
					t.Fatalf("error is %v, want one about %q", err, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if req.Texts[0] != c.want.Texts[0] || req.Dimensions != c.want.Dimensions || req.Normalize != c.want.Normalize || req.Purpose != c.want.Purpose {
				t.Errorf("request is %+v, want %+v", req, c.want)
			}
			body, err := c.family.EmbedReply(sampleInfo, req, &Embeddings{Vectors: [][]float64{{0.5, 1}}, InputTokens: 2})
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != c.reply {
				t.Errorf("reply:\n got %s\nwant %s", body, c.reply)
			}
			if _, err := c.family.EmbedReply(sampleInfo, req, &Embeddings{}); err == nil {
				t.Error("no vectors for a text is no error")
			}
		})
	}
	if _, err := titanEmbed.Request([]byte(`{"inputText":"Hi"}`)); err == nil {
		t.Error("an embedding family reads a Converse request")
	}
	usage, ok := titanEmbed.Usage([]byte(`{"embedding":[1],"inputTextTokenCount":7}`))
	if !ok || usage.InputTokens != 7 {
		t.Errorf("usage reads as %+v, %v", usage, ok)
	}
}
